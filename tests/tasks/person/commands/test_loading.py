"""What was typed reaches the head that is loaded."""

from __future__ import annotations

from pathlib import Path

from tasks.person.commands import loading
from tasks.person.head import TalkingHead
from tasks.person.settings import EvaluateCommand


def test_what_was_typed_reaches_the_head(monkeypatch):
    asked = {}
    monkeypatch.setattr(TalkingHead, "load", classmethod(lambda cls, person, **words: asked.update(words, id=person)))
    command = EvaluateCommand(id="anna", steps="40", seed=7, settings=("infer_scale_factor=0.5",), out=Path("x"))
    loading.load_head(command)
    assert asked == {
        "id": "anna", "renderer": "auto", "device": "auto", "steps": 40, "seed": 7,
        "settings": {"infer_scale_factor": 0.5},
    }  # fmt: skip
