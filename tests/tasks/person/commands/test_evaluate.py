"""Figures go where they were asked for, else beside the person's other results."""

from __future__ import annotations

import json
from pathlib import Path

from tasks.person.commands import evaluate
from tasks.person.settings import EvaluateCommand


def test_figures_go_to_the_folder_that_was_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(evaluate, "load_head", lambda command, settings: "head")
    monkeypatch.setattr(evaluate, "evaluate_person", lambda *words, **more: asked.append((words, more)))
    evaluate.main(EvaluateCommand(id="anna", frames=9))
    evaluate.main(EvaluateCommand(id="anna", out=Path("here")))
    assert asked[0] == (("head", "anna", Path("infer_out/anna/evaluation")), {"frames": 9, "timings": None})
    assert asked[1][0][2] == Path("here")


def test_json_is_the_only_thing_on_standard_output(tmp_path, monkeypatch, capsys):
    def measure(*words, **more):
        print("for people")
        return {"seconds": 1}

    monkeypatch.setattr(evaluate, "load_head", lambda command, settings: "head")
    monkeypatch.setattr(evaluate, "evaluate_person", measure)
    evaluate.main(EvaluateCommand(id="anna", out=tmp_path, json_=True))
    said = capsys.readouterr()
    assert (json.loads(said.out), said.err) == ({"seconds": 1}, "for people\n")
