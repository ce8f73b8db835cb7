"""`scripts/setup.sh` mends an environment that was half made, and lets nothing lead pip elsewhere."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import HANG_S

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path) -> Path:
    """Lay out what setup.sh needs, with a lock that no index can satisfy, and its stamp."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "scripts" / "setup.sh")
    (tmp_path / "requirements.lock").write_text("torch==2.13.0\n")
    return tmp_path


def setup(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": os.environ["PATH"], "HOME": str(checkout), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    command = ["bash", "scripts/setup.sh"]
    return subprocess.run(command, cwd=checkout, env=own | variables, capture_output=True, text=True, timeout=HANG_S)


NOTE = """import json, os, sys
with open("asked.jsonl", "a") as file:
    file.write(json.dumps([sys.argv[1:], sorted(name for name in os.environ if name.startswith("PIP_"))]) + "\\n")
sys.exit("install" in sys.argv)
"""
"""A pip that notes what it is asked for and installs nothing."""
UNSET = {"PIP_USER", "PIP_TARGET"}
"""What would lead pip elsewhere."""


@pytest.fixture
def quick(checkout) -> dict[str, str]:
    """Put a Python first on the path that makes environments with NOTE for a pip: making pip itself takes long."""
    (checkout / "bin").mkdir()
    (checkout / "note.py").write_text(NOTE)
    python = checkout / "bin/python3"
    python.write_text(
        f'#!/usr/bin/env bash\nif [ "$1 $2" != "-m venv" ]; then exec "{sys.executable}" "$@"; fi\n'
        f'"{sys.executable}" -m venv --without-pip "$3"\n'
        'site=$(echo "$3"/lib/python*/site-packages) && mkdir "$site/pip" && cp note.py "$site/pip/__main__.py"\n'
    )
    python.chmod(0o755)
    return {"PATH": f"{python.parent}:{os.environ['PATH']}", "PIP_USER": "1", "PIP_TARGET": str(checkout / "elsewhere")}


def pip_was_asked(checkout: Path) -> bool:
    """Tell whether pip was asked once, for torch, into this environment, whatever the user has set."""
    [(words, variables)] = map(json.loads, (checkout / "asked.jsonl").read_text().splitlines())
    return words[-4:] == ["install", "--quiet", "--no-compile", "torch==2.13.0"] and not {*variables} & UNSET


def test_an_environment_without_pip_is_mended(checkout, quick):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    assert setup(checkout, **quick).returncode != 0
    assert pip_was_asked(checkout)


def a_dead_python(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to("/nonexistent/python3")
    (checkout / ".venv" / "mine.txt").write_text("mine")
    shutil.copy(checkout / "requirements.lock", checkout / ".venv" / ".vizeme-lock")


def test_a_stamp_beside_a_dead_python_proves_nothing(checkout, quick):
    a_dead_python(checkout)
    assert setup(checkout, **quick).returncode != 0, "nothing was installed yet"
    assert pip_was_asked(checkout)
    assert (checkout / ".venv" / "mine.txt").read_text() == "mine"
    assert not (checkout / ".venv" / ".vizeme-lock").exists()


@pytest.mark.slow
def test_the_true_pip_is_made_and_reached(checkout):
    a_dead_python(checkout)
    done = setup(checkout, PIP_USER="1", PIP_TARGET=str(checkout / "elsewhere"))
    assert "No matching distribution" in done.stderr, "pip was reached, and found that there is no index"
    assert not (checkout / "elsewhere").exists()


def test_a_whole_environment_is_left_as_it_is(checkout):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    shutil.copy(checkout / "requirements.lock", checkout / ".venv" / ".vizeme-lock")
    done = setup(checkout)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_commands_import_is_compiled_once_whatever_the_user_has_set(checkout):
    """Where Python may not keep what it compiles, every command would compile torch again."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    site = next((checkout / ".venv/lib").glob("python*/site-packages"))
    (site / "pip").mkdir()
    (site / "pip/__main__.py").touch()  # all is installed
    last = re.findall(r"-c 'import ([^']+)'", (checkout / "scripts/setup.sh").read_text())[-1]
    modules = [site / name.replace(".", "/") for name in last.split(", ")]
    for module in modules:
        module.mkdir(parents=True)
        (module / "__init__.py").touch()
    done = setup(checkout, PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stderr
    assert all(list(module.glob("__pycache__/__init__.*.pyc")) for module in modules)


def test_tests_keep_what_they_compile():
    """Every process that a test starts would compile all that it imports."""
    for name in ("test.sh", "test_reliability.sh"):
        lines = [line for line in (ROOT / "scripts" / name).read_text().splitlines() if not line.startswith("#")]
        _, *after = itertools.dropwhile(lambda line: not line.startswith("unset PYTHONDONTWRITEBYTECODE"), lines)
        assert [line for line in lines if "python -m" in line] == [line for line in after if "python -m" in line] != []
