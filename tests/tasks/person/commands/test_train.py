"""A feature that was named goes before the other settings, which may still say otherwise for one stage."""

from __future__ import annotations

from tasks.person.commands import train
from tasks.person.settings import TrainCommand


def test_what_was_typed_reaches_the_training(monkeypatch):
    asked = {}
    monkeypatch.setattr(train, "train_person", lambda person, **words: asked.update(words, id=person) or 3)
    assert train.main(TrainCommand(id="anna", preset="demo", audio_feature="mfcc", settings=("lr=1",), reset=True)) == 3
    assert asked == {
        "id": "anna", "preset": "demo", "settings": ["audio_feature=mfcc", "lr=1"], "binary_dir": "", "reset": True,
        "dry_run": False,
    }  # fmt: skip
