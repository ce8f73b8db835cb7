"""From where on a figure is good, fair or poor."""

from __future__ import annotations

import json

from tasks.person.check import LIMITS
from tasks.verdicts.findings import Finding, Limit, absent, one_line, show, tell, worst
from utils.errors import DataError


def test_limits():
    assert [Limit(0.8, 0.5).judge(x) for x in (0.8, 0.6, 0.4, float("nan"))] == ["good", "fair", "poor", "poor"]
    assert [Limit(1.0, 2.0, rising=False).judge(x) for x in (1.0, 1.5, 2.5)] == ["good", "fair", "poor"]
    assert worst(["good", "poor", "fair"]) == "poor"
    assert all((limit.good > limit.fair) == limit.rising for limit in LIMITS.values())
    assert Limit(0.8, 0.5).asks("{:.0%}") == "(good from 80%)"
    assert Limit(1.0, 2.0, rising=False).asks() == "(good up to 1)"
    assert one_line(DataError("a\n  b")) == "a b"


def test_only_what_is_not_good_is_explained(capsys):
    show(Finding("lips", "good", "r = 0.9", means="They do not follow.", remedy="Train longer."))
    show(Finding("lips", "poor", "r = 0.1", means="They do not follow.", remedy="Train longer."))
    show(absent("lips", "python tasks/run.py --config=egs/may.yaml"))
    assert capsys.readouterr().out.splitlines() == [
        "        good  lips: r = 0.9",
        "        poor  lips: r = 0.1",
        "              They do not follow.",
        "              -> Train longer.",
        " not trained  lips: not trained yet",
        "              -> python tasks/run.py --config=egs/may.yaml",
    ]
    assert absent("lips", "the file is damaged").verdict == "not measured"


def test_what_is_told_is_written_too(tmp_path, capsys):
    out = tmp_path / "there" / "check.json"
    tell([Finding("lips", "good", "r = 0.9", {"r": 0.9})], out, {"id": "anna"}, {"r": Limit(0.8, 0.5)}, as_json=True)
    said = capsys.readouterr()
    assert json.loads(said.out) == json.loads(out.read_text())
    assert json.loads(said.out)["stages"][0]["figures"] == {"r": 0.9}
    assert json.loads(said.out)["limits"] == {"r": {"good": 0.8, "fair": 0.5, "rising": True}}
    assert said.err == "        good  lips: r = 0.9\n"
