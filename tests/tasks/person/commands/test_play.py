"""The page is shown with the sounds that were named, whole paths."""

from __future__ import annotations

from pathlib import Path

from tasks.person.commands import play
from tasks.person.settings import PlayCommand


def test_the_page_gets_head_sounds_and_port(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.wav").write_bytes(b"x")
    asked = []
    monkeypatch.setattr(play, "load_head", lambda command: "head")
    monkeypatch.setattr(play, "serve", lambda *words, **more: asked.append((words, more)))
    play.main(PlayCommand(id="anna", audio=(Path("a.wav"),), port=0))
    assert asked == [(("head", "anna", [tmp_path / "a.wav"]), {"port": 0, "max_upload_mb": 100})]
