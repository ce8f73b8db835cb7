"""A sound becomes a film whose path is printed; nothing of the page, of live speech or of training is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from tasks.person.commands import infer
from tasks.person.settings import InferCommand
from tests.patience import HANG_S

ROOT = Path(__file__).resolve().parents[4]


def test_the_path_of_the_film_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(infer, "load_head", lambda command: SimpleNamespace(speak_to=lambda sound, out: out))
    (tmp_path / "a.wav").write_bytes(b"x")
    infer.main(InferCommand(id="anna", audio=tmp_path / "a.wav", out=tmp_path / "a.mp4"))
    assert capsys.readouterr().out == f"{tmp_path / 'a.mp4'}\n"


def test_speaking_imports_neither_page_nor_live_nor_training():
    names = ("page", "live", "live_landmarks", "train", "plan", "evaluate", "check")
    others = {f"tasks.person.{name}" for name in names}
    code = f"import sys, tasks.person.commands.infer; print(sorted({others} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=HANG_S)
    assert done.stdout == "[]\n", done.stderr
