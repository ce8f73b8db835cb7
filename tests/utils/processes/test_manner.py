"""`-q` and `-v` mean the same with every command, and reach what it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import HANG_S
from utils.errors import ConfigError
from utils.offline import say
from utils.processes.manner import FLAGS, VARIABLE, is_quiet, take_manner
from utils.progress import Progress

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """Begin and end with a manner that nobody has chosen."""
    monkeypatch.setenv(VARIABLE, "")


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_is_taken_wherever_it_stands_but_not_after_two_dashes(flag):
    assert take_manner(["speak", flag, "anna", "--", flag]) == ["speak", "anna", "--", flag]
    assert os.environ[VARIABLE] == FLAGS[flag]


def test_words_without_a_flag_change_nothing():
    os.environ[VARIABLE] = "quiet"  # as whoever started this command has it
    assert take_manner(["speak", "anna"]) == ["speak", "anna"]
    assert is_quiet()
    with pytest.raises(ConfigError, match="give one of them"):
        take_manner(["-q", "--verbose"])


def test_progress_and_notes_are_left_out_and_events_are_not(capsys, tmp_path, monkeypatch):
    for manner, said in (("quiet", []), ("", ["reading 1/2", "hello"])):
        monkeypatch.setenv(VARIABLE, manner)
        monkeypatch.setenv("VIZEME_EVENTS", str(tmp_path / f"{manner}.events"))
        with Progress("reading", 2, every_s=0) as bar:
            bar.step()
        say("hello")
        assert [line.split("  ")[0] for line in capsys.readouterr().err.splitlines()] == said
        events = (tmp_path / f"{manner}.events").read_text().splitlines()
        assert ['"start"' in events[0], '"end"' in events[-1]] == [True, True]


def said_by(*words: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts"), "VIZEME_HOME": str(ROOT)}
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True,
                          timeout=HANG_S)  # fmt: skip
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_more_is_said_when_it_is_wanted_and_errors_always():
    words = ("-m", "vizeme", "run", "--config=egs/datasets/demo/postnet.yaml", "--lr=x")
    usual = said_by(*words)
    assert usual.startswith("error: ")
    assert said_by(*words, "-q") == usual
    more = said_by(*words, "-v").splitlines()
    assert [line.split("/")[-1] for line in more[:2]] == ["postnet.yaml", "postnet.yaml"]
    assert more[0].startswith("reading ")
    assert "\n".join(more).endswith(usual.rstrip())
