"""`scripts/setup.sh` mends an environment that was half made, and lets nothing lead pip elsewhere."""

from __future__ import annotations

import os
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


def pip_works(checkout: Path) -> bool:
    command = [checkout / ".venv/bin/python", "-m", "pip", "--version"]
    return subprocess.run(command, capture_output=True).returncode == 0


def test_an_environment_without_pip_is_mended(checkout):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    done = setup(checkout, PIP_USER="1", PIP_TARGET=str(checkout / "elsewhere"))
    assert "No matching distribution" in done.stderr, "pip was reached, and found that there is no index"
    assert pip_works(checkout)
    assert not (checkout / "elsewhere").exists()


def test_a_stamp_beside_a_dead_python_proves_nothing(checkout):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to("/nonexistent/python3")
    (checkout / ".venv" / "mine.txt").write_text("mine")
    shutil.copy(checkout / "requirements.lock", checkout / ".venv" / ".vizeme-lock")
    assert setup(checkout).returncode != 0, "nothing was installed yet"
    assert pip_works(checkout)
    assert (checkout / ".venv" / "mine.txt").read_text() == "mine"
    assert not (checkout / ".venv" / ".vizeme-lock").exists()


def test_a_whole_environment_is_left_as_it_is(checkout):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    shutil.copy(checkout / "requirements.lock", checkout / ".venv" / ".vizeme-lock")
    done = setup(checkout)
    assert (done.returncode, done.stdout) == (0, "")
