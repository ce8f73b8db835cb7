"""When what is said: words or sounds with their times, and where in them the lips must meet."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from utils.errors import DataError
from utils.files.tables import read_json, read_table
from utils.rates import FPS

COLUMNS = ("start_s", "end_s", "text")
_SLACK = 2
"""Frames before and after the moment that is said in which lips may meet: nobody times a word better."""
_BEGINS = re.compile(r"b|m|p(?!h|[nst](?!$))")
"""Not "phone", nor what begins as "psalm", "pneumatic" and "pterodactyl" do."""
_ENDS = re.compile(r"([bpm]|[^aeiouy\W][aeiouy]+[bpm]e|^[aeiouy]+[bpm]e)$")
"""Also "time", "tape" and "tube", but not "be" and "me"."""


class Said(NamedTuple):
    """A word, or one sound of it, and when it is said."""

    start_s: float
    end_s: float
    text: str


def read_timings(path: Path) -> list[Said]:
    """Read a CSV of `start_s,end_s,text` (words, or sounds as p, b, m), or the truth of a made presenter (.json).

    Raises:
        DataError: It is neither, or a time is none.
    """
    if path.suffix.lower() == ".json":
        return _said_by_presenter(path, read_json(path))
    rows = read_table(path, COLUMNS)
    return [_row(path, number, [row[name] for name in COLUMNS]) for number, row in enumerate(rows, 2)]


def _said_by_presenter(path: Path, truth: Any) -> list[Said]:
    phonemes = truth.get("phonemes") if isinstance(truth, dict) else None
    if not isinstance(phonemes, list) or not all(isinstance(one, list) and len(one) == 3 for one in phonemes):
        wanted = f"as the demo's .truth.json has; or give a CSV of {_columns()}"
        raise DataError(f"{path} has no list of 'phonemes' {wanted}.")
    return [_row(path, number, [start, end, name]) for number, (name, start, end) in enumerate(phonemes)]


def _row(path: Path, number: int, cells: list[Any]) -> Said:
    try:
        start_s, end_s = float(cells[0]), float(cells[1])
    except (TypeError, ValueError):
        start_s = end_s = math.nan
    if not (math.isfinite(start_s) and math.isfinite(end_s) and 0 <= start_s <= end_s):
        raise DataError(
            f"{path}, row {number}: '{cells[0]}' to '{cells[1]}' is no stretch of time. Write {_columns()}, in seconds."
        )
    return Said(start_s, end_s, str(cells[2]))


def _columns() -> str:
    return ",".join(COLUMNS)


def lips_meet(said: Iterable[Said], first_s: float = 0.0) -> list[tuple[int, int]]:
    """List the frames [start, stop) in each of which the lips meet once: where a word begins or ends in p, b or m.

    A text that is one of these letters is that sound, or the letter's name ("bee", "em"): they meet within it.

    Args:
        said: What is said.
        first_s: When the first frame is shown.
    """
    spans = []
    for one in said:
        text = one.text.lower().strip("'\",.;:!?%=|_ ")
        begin, end = (round((at_s - first_s) * FPS) for at_s in (one.start_s, one.end_s))
        if text in ("p", "b", "m"):
            spans.append((begin - _SLACK, end + _SLACK + 1))
            continue
        if _BEGINS.match(text):
            spans.append((begin - _SLACK, begin + _SLACK + 1))
        if _ENDS.search(text):
            spans.append((end - _SLACK, end + _SLACK + 1))
    return spans
