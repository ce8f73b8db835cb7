"""Figures go where they were asked for, else beside the person's other results."""

from __future__ import annotations

from pathlib import Path

from tasks.person.commands import evaluate
from tasks.person.settings import EvaluateCommand


def test_figures_go_to_the_folder_that_was_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(evaluate, "load_head", lambda command: "head")
    monkeypatch.setattr(evaluate, "evaluate_person", lambda *words, **more: asked.append((words, more)))
    evaluate.main(EvaluateCommand(id="anna", frames=9))
    evaluate.main(EvaluateCommand(id="anna", out=Path("here")))
    assert asked[0] == (("head", "anna", Path("infer_out/anna/evaluation")), {"frames": 9})
    assert asked[1][0][2] == Path("here")
