"""The notebook runs from top to bottom; the commands that it shows exist and take their words."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from data_gen.run import DOOR as DATA
from tasks.talking_head import DOOR as PERSON
from utils.arguments import find, read_words
from utils.command import Command
from utils.media.video import read_frames

ROOT = Path(__file__).resolve().parents[2]
CELLS = json.loads((ROOT / "docs/notebooks/first_person.ipynb").read_text())["cells"]
NEW_NAMES = {"process": "video"}
TINY = 'SECONDS, SIZE, PRESET = 8, 64, "demo"\nMORE = "--set max_updates=4 --set val_check_interval=4"\n'
START = """
import shlex, subprocess, sys
def shell(line):
    words = shlex.split(line)
    assert words[0] == "vizeme", line
    subprocess.run([sys.executable, "-m", *words], check=True)
"""


def plain(cell: dict) -> str:
    """Return a cell as Python: `!command {NAME}` is run as IPython would."""
    text = "".join(cell["source"]).replace("\\\n", " ")
    return "\n".join(f"shell(f{line[1:]!r})" if line.startswith("!") else line for line in text.splitlines())


def codes() -> list[dict]:
    return [cell for cell in CELLS if cell["cell_type"] == "code"]


def parameters() -> dict:
    values: dict = {}
    cell = next(cell for cell in codes() if cell["metadata"].get("tags") == ["parameters"])
    exec(plain(cell), values)  # noqa: S102 (our own cell)
    return values


def test_every_cell_compiles_and_none_keeps_what_it_printed():
    for number, cell in enumerate(codes()):
        compile(plain(cell), f"cell {number}", "exec")
        assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_the_commands_exist_and_take_their_words():
    rows = {row.name: row for door in (DATA, PERSON) for row in door.rows if isinstance(row, Command)}
    shown = []
    for cell in codes():
        for line in "".join(cell["source"]).replace("\\\n", " ").splitlines():
            if line.startswith("!"):
                door, name, *words = shlex.split(line[1:].format_map(parameters()))
                if name == "data":
                    name, *words = words
                row = rows[NEW_NAMES.get(name, name)]
                assert door == "vizeme"
                assert read_words(find(row.settings) if isinstance(row.settings, str) else row.settings, words, name)
                shown.append(name)
    assert shown == ["doctor", "demo", "process", "train", "speak", "check", "pack"]


@pytest.mark.slow
def test_it_runs_from_top_to_bottom(tmp_path):
    parts = [TINY if cell["metadata"].get("tags") else plain(cell) for cell in codes()]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts"), "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", "\n".join([START, *parts])], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, timeout=3000)  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert next(read_frames(tmp_path / "said.mp4")).shape == (64, 64, 3)
    assert (tmp_path / "anna.vizeme").is_file()
    assert (tmp_path / "said.png").is_file()
