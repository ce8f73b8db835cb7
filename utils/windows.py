"""Windows over a long sequence, for networks that see only so much at once."""

from __future__ import annotations

from collections.abc import Iterator


def overlapping_windows(rows: int, window: int, margin: int) -> Iterator[tuple[int, int, int]]:
    """Yield (start of the window, first row kept, row after the last kept) so that all of `rows` are kept once.

    A window is `window` rows long, the last may be shorter. Of each the `margin` rows at either end are not kept, but
    where the whole ends. Starts are multiples of 4 when `window` and `margin` are.
    """
    first = 0
    while first < rows:
        start = max(0, first - margin)
        stop = rows if start + window >= rows else start + window - margin
        yield start, first, stop
        first = stop
