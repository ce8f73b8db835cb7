"""How large a JPEG or PNG says that it is, read before it is decoded: a decoder takes memory for what a header claims.

Strict on purpose: what decoders would skip or puzzle out is refused, so that they cannot come to another size.
"""

from __future__ import annotations

_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
_SIZES = {0xC0, 0xC1, 0xC2}
"""Parts of a JPEG that say its size: baseline, extended, progressive."""
_OTHERS = {0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)}
"""Parts that may stand before: tables, comments, applications' own."""


def claimed_size(data: memoryview | bytes) -> tuple[int, int] | None:
    """Return height and width that a JPEG or PNG claims; None when it is neither, or puts other parts before that."""
    if bytes(data[: len(_PNG)]) == _PNG:
        return int.from_bytes(data[20:24], "big"), int.from_bytes(data[16:20], "big")
    if bytes(data[:2]) != b"\xff\xd8":
        return None
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        part = data[place + 1]
        if part in _SIZES:
            high, wide = data[place + 5 : place + 7], data[place + 7 : place + 9]
            return int.from_bytes(high, "big"), int.from_bytes(wide, "big")
        if part not in _OTHERS:
            return None
        place += 2 + max(2, int.from_bytes(data[place + 2 : place + 4], "big"))
    return None
