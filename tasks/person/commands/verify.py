"""Look at films and pictures from anywhere: whether this program made them, by what they say of themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.origins import run_name
from tasks.person.settings import VerifyCommand
from utils.arrays import Bytes
from utils.command import plain
from utils.errors import DataError, UserError
from utils.files.digests import sha256
from utils.media.header import read_header
from utils.media.marks.detector import Finding, residual, search
from utils.media.marks.manifest import Manifest, read_manifest, type_of
from utils.media.marks.origin import SOFTWARE, facts_in
from utils.media.marks.tags import read_film_tags, read_picture_tags
from utils.media.pictures import PICTURES, read_photo
from utils.media.video import probe, read_frames
from utils.paths import existing_file
from utils.rates import FPS

PLACES, AT_EACH = 8, 4
"""Places of a film that are looked at, and pictures at each: a long film costs no more than a short one."""
LARGEST = 1024
"""Shorter side of the pictures that are looked at."""
MOST_RUNS = 200
"""Checkpoints whose digest is compared with a pattern's, the newest first."""
RUNS = Path("checkpoints")


@dataclass(frozen=True)
class Verdict:
    """What a file bears.

    Attributes:
        manifest: The signed manifest; None when there is none.
        manifest_problem: Why one that is there cannot be read.
        comment: The tag that says what it is, when this program wrote it.
        label: The visible label that the tag tells of.
        pattern: What was found in the pictures.
        run: The run that made it, as far as manifest, tags or the runs of this machine tell.
    """

    manifest: Manifest | None
    manifest_problem: str
    comment: str
    label: str
    pattern: Finding
    run: str

    @property
    def is_ours(self) -> bool:
        """Tell whether this program made it, by any of the marks."""
        return bool(self.comment) or self.pattern.is_there or (self.manifest is not None and self.manifest.is_ours)

    def plain_data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"made_by_this_program": self.is_ours, **asdict(self), "pattern_found": self.pattern.is_there}

    def lines(self) -> list[str]:
        """Say it."""
        return [
            "made by this program" if self.is_ours else "bears no mark of this program",
            f"  manifest  {_said_by(self.manifest, self.manifest_problem)}",
            f"  tags      {self.comment or 'none of ours'}",
            f"  pattern   {_said_in(self.pattern)}",
            f"  label     {self.label or 'none that the tags tell of'}",
            f"  run       {self.run or 'not known here'}",
        ]


def main(command: VerifyCommand) -> int:
    """Print what each file bears; return 0 when this program made all, 1 when not, 2 when one cannot be read."""
    code, report = 0, {}
    for file in command.files:
        try:
            verdict = look(file)
        except UserError as error:
            code, report[str(file)] = 2, {"error": plain(str(error))}
            lines = [f"error: {error}"]
        else:
            code = code or int(not verdict.is_ours)
            report[str(file)], lines = verdict.plain_data(), verdict.lines()
        if not command.json_:
            print("\n".join(plain(line) for line in [f"{file}: {lines[0]}", *lines[1:]]), flush=True)
    if command.json_:
        print(json.dumps(report, indent=1))
    return code


def look(path: Path) -> Verdict:
    """Look at one file.

    Raises:
        DataError: It is neither a film nor a picture that can be read.
    """
    file = existing_file(path)
    is_picture = type_of(file).startswith("image/") or file.suffix.lower() in PICTURES
    total: Any = 0
    for picture in [read_photo(file)] if is_picture else _pictures(file):
        total = total + residual(picture)
    tags = _tags(file, is_picture)
    manifest, problem = None, ""
    try:
        manifest = read_manifest(file)
    except DataError as error:
        problem = str(error)
    comment = tags.get("comment", "")
    comment = comment[:600] if f" by {SOFTWARE} " in comment else ""
    facts = facts_in({"comment": comment})
    pattern = search(total) if np.ndim(total) else Finding(0.0)
    run = (manifest.facts.get("run", "") if manifest else "") or facts.get("run", "")
    if not run and pattern.word is not None:
        run = _run_of(pattern.word.run)
    return Verdict(manifest, problem, comment, facts.get("label", ""), pattern, run)


def _tags(file: Path, is_picture: bool) -> dict[str, str]:
    try:
        return read_picture_tags(file) if is_picture else read_film_tags(file)
    except DataError:
        return {}


def _pictures(file: Path) -> Iterator[Bytes]:
    """Yield pictures (H, W, 3) from places all over a film, all of one size."""
    info = probe(file)
    factor = min(1.0, LARGEST / min(info.height, info.width))
    size = max(2, round(info.height * factor)), max(2, round(info.width * factor))
    count = int(read_header(file).duration_s * FPS)
    if count <= 2 * PLACES * FPS:
        step = max(1, count // (PLACES * AT_EACH))
        yield from (frame for index, frame in enumerate(read_frames(file, fps=FPS, size=size)) if index % step == 0)
        return
    for place in np.linspace(0, count - FPS, PLACES).astype(int).tolist():
        yield from read_frames(file, fps=FPS, size=size, start=place, count=AT_EACH, seek=True)


def _run_of(digits: str) -> str:
    """Name the run of this machine whose checkpoint's digest begins with these digits."""
    if not int(digits, 16) or not RUNS.is_dir():
        return ""
    files = sorted(RUNS.rglob("model_ckpt_*.ckpt"), key=lambda file: -file.stat().st_mtime)
    return next((run_name(str(file)) for file in files[:MOST_RUNS] if sha256(file).startswith(digits)), "")


def _said_by(manifest: Manifest | None, problem: str) -> str:
    if manifest is None:
        return f"there, but cannot be read ({problem})" if problem else "none"
    state = "unchanged since" if manifest.unchanged else f"CHANGED since ({manifest.problem})"
    hand = "this machine's certificate" if manifest.own else f"another certificate ({manifest.signer})"
    return f"{manifest.software}, {manifest.source_type}, signed with {hand}, {state}"


def _said_in(pattern: Finding) -> str:
    if pattern.word is not None:
        return f"{pattern.word.kind}, run {pattern.word.run} (score {pattern.score:.1f} and {pattern.whole:.1f})"
    return f"there, but cannot be read (score {pattern.score:.1f})" if pattern.is_there else "none"
