"""Tab completes commands, flags, their values, persons and recipes, as a shell asks for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import HANG_S

ROOT = Path(__file__).resolve().parents[2]
STARTS = {"PYTHONPATH": os.pathsep.join([str(ROOT / "scripts"), os.environ.get("PYTHONPATH", "")])}


def vizeme(*lines: str, home: Path) -> list[str]:
    """Run command lines and return what each prints; torch must not be imported for one of them."""
    code = (
        "import sys, vizeme.__main__ as door\n"
        "for line in sys.argv[1:]:\n"
        "    assert not door.main(line.split())\n"
        "    assert not {'torch', 'cv2', 'pytorch_lightning'} & set(sys.modules)\n"
        "    print('\\0', end='')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *lines], env=os.environ | STARTS | {"VIZEME_HOME": str(home)}, cwd=home,
        capture_output=True, text=True, timeout=HANG_S,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\0")[:-1]


@pytest.fixture(scope="module")
def answers(home) -> dict[str, str]:
    """Ask for every script and list, in one process."""
    asked = ("bash", "zsh", "fish", "ids", "runs", "recipes")
    return dict(zip(asked, vizeme(*(f"completion {one}" for one in asked), home=home), strict=True))


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Make a home with one person, one run, and a `vizeme` that a shell can start."""
    folder = tmp_path_factory.mktemp("home")
    for name in ("data/binary/videos/anna/meta.json", "checkpoints/anna/postnet/config.yaml", "bin/vizeme"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).touch()
    (folder / "bin/vizeme").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vizeme "$@"\n')
    (folder / "bin/vizeme").chmod(0o755)
    return folder


def test_bash_completes_what_is_typed(home, answers):
    (home / "vizeme.bash").write_text(answers["bash"])
    lines = {
        "": "speak", "trai": "train", "speak --bl": "--blink", "speak --blink re": "regular", "speak ann": "anna",
        "train --preset person_": "person_small", "data fac": "face_voice", "run --exp_name anna/": "anna/postnet",
        "run --config egs/datasets/May": "", "assets download face_l": "face_landmarker", "completion fi": "fish",
        "run --config egs/datasets/demo/sy": "egs/datasets/demo/syncnet.yaml",
    }  # fmt: skip
    asked = "".join(
        f"COMP_WORDS=({' '.join(['vizeme', *text.split(' ')[:-1]])} '{text.split(' ')[-1]}')\n"
        f"COMP_CWORD={len(text.split(' '))}; COMPREPLY=(); _shtab_vizeme; echo \"${{COMPREPLY[*]}}\"\n"
        for text in lines
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", f"source vizeme.bash\n{asked}"], cwd=home, capture_output=True, text=True,
        timeout=HANG_S,
        env=os.environ | STARTS | {"VIZEME_HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}"},
    )  # fmt: skip
    completed = dict(zip(lines, done.stdout.splitlines(), strict=True))
    for text, wanted in lines.items():
        said = completed[text]
        assert wanted in said.split() or said == wanted == "", (text, said, done.stderr)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_theirs(answers, shell):
    script = answers[shell]
    assert "vizeme completion ids" in script
    assert all(word in script for word in ("--blink" if shell == "zsh" else "-l blink", "regular", "person_small"))


def test_lists_are_of_the_home(answers):
    assert answers["ids"] == "anna\n"
    assert answers["runs"] == "anna/postnet\n"
    recipes = answers["recipes"].splitlines()
    assert "checkpoints/anna/postnet/config.yaml" in recipes
    assert all((ROOT / name).is_file() for name in recipes[:-1] if name.startswith("egs/"))
