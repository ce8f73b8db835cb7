"""Where the repository is, and paths as a person writes them."""

from __future__ import annotations

import os
from pathlib import Path

from utils.errors import DataError

ROOT = Path(__file__).resolve().parents[1]


def home() -> Path:
    """Return the one folder of data, runs and results: $VIZEME_HOME, else the checkout, else the present folder."""
    named = os.environ.get("VIZEME_HOME", "")
    if named:
        return Path(named).expanduser().absolute()
    return ROOT if (ROOT / "pyproject.toml").is_file() else Path.cwd()


INSTALLED_AS = {
    "bash scripts/train_talking_head.sh": "vizeme train", "bash scripts/infer_talking_head.sh": "vizeme speak",
    "python data_gen/run.py video": "vizeme process", "python data_gen/run.py": "vizeme data",
    "python tasks/talking_head.py": "vizeme", "python tasks/run.py": "vizeme run",
    "python tasks/import_checkpoint.py": "vizeme import", "python tasks/export_checkpoint.py": "vizeme export",
    "python -m utils.assets": "vizeme assets",
}  # fmt: skip
"""What is typed where there is no checkout, in place of its scripts."""


def as_typed(text: str) -> str:
    """Return a text in which commands are called as they are here: installed, there are no scripts of a checkout."""
    if not (ROOT / "pyproject.toml").is_file():
        for script, command in INSTALLED_AS.items():
            text = text.replace(script, command)
    return text


def show_path(path: Path) -> str:
    """Write a path as a person would: relative to the repository when it lies inside."""
    try:
        return str(path.resolve().relative_to(ROOT))
    except ValueError:
        return str(path)


def existing_file(path: str | Path) -> Path:
    """Return the absolute path of a file that has content and may be read; `DataError` otherwise."""
    file = Path(path).absolute()
    try:
        if not file.exists() and str(path).startswith("~/"):
            file = Path(path).expanduser()
        if not file.exists():
            raise DataError(f"{path} does not exist.")
        if not file.is_file():
            raise DataError(f"{path} is not a file.")
        if file.stat().st_size == 0:
            raise DataError(f"{path} is empty.")
    except (OSError, RuntimeError) as error:  # a folder that may not be entered, a name too long, nobody's home
        raise DataError(f"{path} cannot be read ({getattr(error, 'strerror', '') or error}).") from None
    if not os.access(file, os.R_OK):
        raise DataError(f"{path} may not be read. Change its permissions.")
    return file
