"""Look at this machine: what is here, what is missing, what is lost without it and how to mend it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from modules.renderer.inference import fast_dtype
from tasks.person.settings import DoctorCommand
from utils.asset_table import ASSETS
from utils.assets import find_asset
from utils.errors import AssetError, DataError
from utils.media.ffmpeg import run
from utils.paths import as_typed, home
from utils.processes.workers import cores

LEAST_GB, ENOUGH_GB = 1.0, 10.0
"""Room on the disk below which nothing can be made, and from which on a person of some minutes can."""


@dataclass(frozen=True)
class Line:
    """One thing that was looked at.

    Attributes:
        name: What.
        verdict: ok; note: works without, but something is lost; bad: nothing works before it is mended.
        said: What was found, and for a note or worse what is lost and how to mend it.
    """

    name: str
    verdict: str
    said: str


def main(command: DoctorCommand) -> int:
    """Print a line for everything, or one JSON object; return 2 when something must be mended first."""
    lines = list(look())
    bad = any(line.verdict == "bad" for line in lines)
    if command.json_:
        print(json.dumps({"ok": not bad, "lines": [asdict(line) for line in lines]}, indent=1))
    else:
        for line in lines:
            print(as_typed(f"{line.verdict:5} {line.name:22} {line.said}"))
    return 2 if bad else 0


def look() -> Iterator[Line]:
    """Look at everything in turn."""
    yield python_line(sys.version_info[:2])
    yield Line("torch", "ok", torch.__version__)
    yield gpu_line()
    yield ffmpeg_line()
    yield home_line(home())
    yield processor_line()
    yield from (asset_line(name) for name in ASSETS)


def python_line(version: tuple[int, ...]) -> Line:
    """Judge the version of Python."""
    if (3, 11) <= version < (3, 14):
        return Line("Python", "ok", platform.python_version())
    return Line("Python", "bad", f"{'.'.join(map(str, version))}; install 3.11 to 3.13, then: bash scripts/setup.sh")


def gpu_line() -> Line:
    """Say what torch may draw on besides the processor."""
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 1e9
        return Line("GPU", "ok", f"{torch.cuda.get_device_name(0)}, {memory:.0f} GB")
    if torch.backends.mps.is_available():
        return Line("GPU", "note", "MPS is here but not used by itself: give --device mps where a command has it")
    return Line("GPU", "note", "none: training takes a night; --preset person_small is for two cores")


def ffmpeg_line() -> Line:
    """See that the ffmpeg that comes along runs."""
    try:
        run(["-version"], 60, "ffmpeg")
    except (DataError, OSError, RuntimeError, ImportError) as error:
        return Line("ffmpeg", "bad", f"it does not run ({error}); pip install --force-reinstall imageio-ffmpeg")
    return Line("ffmpeg", "ok", "the one of imageio-ffmpeg runs")


def _there(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def home_line(place: Path) -> Line:
    """Judge the folder of data, runs and results: that it can be written, and the room there."""
    there = _there(place)
    if (os.path.lexists(place) and not place.is_dir()) or not there.is_dir():
        return Line("disk", "bad", f"{place} is no folder, or lies in a file; set VIZEME_HOME elsewhere")
    if not os.access(there, os.W_OK | os.X_OK):
        return Line("disk", "bad", f"{there} may not be written; change its permissions, or set VIZEME_HOME elsewhere")
    return disk_line(shutil.disk_usage(there).free / 1e9, place)


def disk_line(free_gb: float, place: Path) -> Line:
    """Judge the room on the disk."""
    verdict = "bad" if free_gb < LEAST_GB else "note" if free_gb < ENOUGH_GB else "ok"
    mend = "; a minute of 512 pixels takes about 0.5 GB: free some, or set VIZEME_HOME elsewhere"
    return Line("disk", verdict, f"{free_gb:.1f} GB free at {place}{mend if verdict != 'ok' else ''}")


def processor_line() -> Line:
    """Say how many threads there are, and how numbers are multiplied."""
    fast = fast_dtype("cpu") == torch.bfloat16
    kind = "bfloat16" if fast else "32 bits: this processor has no bfloat16 of its own"
    return Line("processor", "ok", f"{cores()} cores, {torch.get_num_threads()} threads of torch, renders in {kind}")


def asset_line(name: str) -> Line:
    """Say whether an outside weight is here, else what is lost without it and how to get it."""
    asset = ASSETS[name]
    about = f"{asset.megabytes} MB, {asset.licence}"
    try:
        path = find_asset(name)
    except AssetError as error:
        return Line(name, "note", f"damaged; {asset.without}. {error}")
    if path is not None:
        return Line(name, "ok", f"{about}; {path}")
    return Line(name, "note", f"not here ({about}): {asset.without}; python -m utils.assets download {name}")
