"""Tell a recording that was broken off by the boxes of its container."""

from __future__ import annotations

from pathlib import Path

_MOST_BOXES = 10_000
"""A film of an hour in pieces of a second has some 7,000."""


def is_unfinished(file: Path) -> bool:
    """Tell whether an mp4 or mov lacks the table of its pictures (`moov`), which is written last.

    Only the boxes' headers are read, as ISO/IEC 14496-12 lays them out; of other containers this says False.
    """
    length = file.stat().st_size
    place = 0
    kinds: list[bytes] = []
    with file.open("rb") as opened:
        while place + 8 <= length and len(kinds) < _MOST_BOXES:
            opened.seek(place)
            head = opened.read(16)
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            kinds.append(kind)
            if kinds[0] not in (b"ftyp", b"wide", b"mdat", b"moov"):
                return False
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if size < 8:  # 0: it goes on to the end
                break
            place += size
    return bool(kinds) and b"moov" not in kinds
