"""Colours, empty canvases, labels, and pictures side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from utils.arrays import Bytes

Colour = tuple[int, int, int]

GROUP_COLOURS: dict[str, Colour] = {
    "jaw": (70, 90, 200),
    "brows": (125, 80, 165),
    "nose": (40, 130, 160),
    "eyes": (205, 55, 50),
    "mouth": (25, 140, 60),
}
SEQUENCE_COLOURS: tuple[Colour, ...] = (
    (25, 110, 200),
    (225, 105, 20),
    (30, 140, 70),
    (170, 50, 130),
    (120, 100, 60),
    (90, 90, 90),
)
WHITE: Colour = (255, 255, 255)
INK: Colour = (40, 40, 40)


def to_canvas(points: np.ndarray, size: int) -> np.ndarray:
    """Project points (..., 68, 3) straight along z to pixels (..., 68, 2) of a square canvas, the face filling it."""
    x = size * 0.5 + points[..., 0] * size / 3.3
    y = size * 0.34 - points[..., 1] * size / 3.3
    return np.stack([x, y], axis=-1).astype(np.float32)


def blank(height: int, width: int | None = None, colour: Colour = WHITE) -> Bytes:
    """Make a plain canvas (height, width, 3), RGB uint8; square without a width."""
    return np.full((height, width or height, 3), colour, dtype=np.uint8)


def label(picture: Bytes, text: str, *, inside: bool = False, colour: Colour = INK) -> Bytes:
    """Write one line of text on a white bar above a picture (H, W, 3), or over its top edge when `inside`."""
    import cv2

    width = picture.shape[1]
    scale = max(0.35, min(0.8, width / 560))
    bar = round(16 * scale / 0.4) + 4
    text = text.encode("ascii", "replace").decode()
    while scale > 0.22 and cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0] > width - 8:
        scale -= 0.02
    out = picture.copy() if inside else np.concatenate([blank(bar, width), picture])
    if inside:
        out[:bar] = (out[:bar] * 0.3 + 255 * 0.7).astype(np.uint8)
    thick = 1 if scale < 0.6 else 2
    cv2.putText(out, text, (5, bar - 6), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thick, cv2.LINE_AA)
    return out


def fit(picture: Bytes, height: int, width: int) -> Bytes:
    """Scale a picture (H, W, 3) or mask (H, W) into (height, width, 3), its proportions kept, on white.

    Floats up to 1 become 0 to 255. What grows is interpolated linearly, unlike `utils.media.pictures.fitted`: cubic
    rings around thin lines.
    """
    import cv2

    picture = np.asarray(picture)
    if picture.dtype != np.uint8:
        picture = np.clip(picture * (255.0 if picture.max(initial=0) <= 1.0 else 1.0), 0, 255).astype(np.uint8)
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=-1)
    if picture.shape[:2] == (height, width):
        return picture
    ratio = min(height / picture.shape[0], width / picture.shape[1])
    new = (max(1, round(picture.shape[1] * ratio)), max(1, round(picture.shape[0] * ratio)))
    small = cv2.resize(picture, new, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR)
    out = blank(height, width)
    top, left = (height - new[1]) // 2, (width - new[0]) // 2
    out[top : top + new[1], left : left + new[0]] = small
    return out


def side_by_side(pictures: Sequence[Bytes], labels: Sequence[str] | None = None, gap: int = 4) -> Bytes:
    """Set pictures (H, W, 3) or masks (H, W) in one row at the first one's height, each under its label."""
    height = pictures[0].shape[0]
    cells = [fit(p, height, max(1, round(p.shape[1] * height / p.shape[0]))) for p in pictures]
    if labels is not None:
        cells = [label(cell, text) for cell, text in zip(cells, labels, strict=True)]
    space = blank(cells[0].shape[0], gap)
    row = [part for cell in cells for part in (cell, space)][:-1]
    return np.concatenate(row, axis=1)


def contact_sheet(
    images: Sequence[Bytes],
    labels: Sequence[str] | None = None,
    columns: int = 4,
    size: int | None = None,
    gap: int = 4,
) -> Bytes:
    """Lay pictures out in a grid, row by row.

    Args:
        images: RGB uint8 (H, W, 3), grey (H, W), or floats in 0..1, of any size.
        labels: One line above each picture; None leaves the bars out.
        columns: Pictures a row.
        size: Height of one cell; the first picture's own height when None.
        gap: White pixels between cells.
    """
    if not len(images):
        raise ValueError("a contact sheet needs at least one picture")
    first = np.asarray(images[0])
    height = size or first.shape[0]
    width = max(1, round(first.shape[1] * height / first.shape[0]))
    cells = [fit(image, height, width) for image in images]
    if labels is not None:
        cells = [label(cell, text) for cell, text in zip(cells, labels, strict=True)]
    columns = max(1, min(columns, len(cells)))
    rows = []
    for start in range(0, len(cells), columns):
        row = cells[start : start + columns]
        row += [blank(*cells[0].shape[:2])] * (columns - len(row))
        rows.append(np.concatenate([np.pad(c, ((0, gap), (0, gap), (0, 0)), constant_values=255) for c in row], axis=1))
    return np.concatenate(rows)[: -gap or None, : -gap or None]


def grid_of(rows: Mapping[str, Sequence[Any]], size: int = 192) -> Bytes:
    """Lay named rows of equally many pictures (H, W, 3) under each other, cells `size` pixels high.

    ValueError when the rows differ in length or are empty.
    """
    lengths = {len(row) for row in rows.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"rows of {sorted(lengths)} pictures: need the same number, at least one")
    images = [image for row in rows.values() for image in row]
    labels = [name if order == 0 else "" for name, row in rows.items() for order in range(len(row))]
    return contact_sheet(images, labels, columns=lengths.pop(), size=size)
