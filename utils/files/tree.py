"""List the files under a folder, those behind links to folders too."""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)
SOUND_SUFFIXES = (".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".mp4", ".mkv", ".mov", ".webm")
"""How files end that are taken for sounds where none is named; films have one."""


def files_under(folder: str | Path) -> list[Path]:
    """List the regular files under a folder, sorted.

    A link to a folder is followed as if the folder lay there, but no folder is taken twice: a link that leads to one
    that was taken already, or back to where it lies, is named and passed over.
    """
    files: list[Path] = []
    taken: dict[tuple[int, int], str] = {}
    waiting = [str(folder)]
    while waiting:  # links wait until the folders themselves are taken: those keep their names
        start = waiting.pop(0)
        for place, inner, names in os.walk(start):
            status = os.stat(place)
            other = taken.setdefault((status.st_dev, status.st_ino), place)
            if other != place:
                log.warning("%s is the folder %s again, over a link: passed over", place, other)
                inner.clear()
                continue
            waiting += sorted(path for name in inner if os.path.islink(path := os.path.join(place, name)))
            files += [file for name in names if (file := Path(place, name)).is_file()]
    return sorted(files)
