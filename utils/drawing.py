"""Draw landmarks, frames and curves: arrays in, RGB pictures out.

Every picture is (H, W, 3) uint8 RGB, every animation (T, H, W, 3). OpenCV and matplotlib are imported when first used.

Convention:
    `points` (68, 3) stand in the head's frame: x right, y up, z to the viewer, in eye distances of the mean face;
    `points` (68, 2) are pixels of the canvas, origin at the top-left corner. `landmarks` (T, 68, 3) are, here as
    everywhere, ten times the offset from the mean face; `utils.landmarks.from_offsets` turns them into points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from utils.landmarks import EDGES, GROUPS, MEAN_FACE, MOUTH, from_offsets, mouth_opening

Image = np.ndarray
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


def as_landmarks(values: np.ndarray) -> np.ndarray:
    """Return (T, 68, 3) from any layout in use: (T, 68, 3), (68, 3), or GeneFace's (1, T, 204) and (T, 204)."""
    values = np.asarray(values, dtype=np.float32)
    if values.shape[-2:] == (68, 3) or values.shape[-1:] == (204,):
        return values.reshape(-1, 68, 3)
    raise ValueError(f"landmarks of shape {values.shape}: need (T, 68, 3), (T, 204) or (1, T, 204)")


def group_of(index: int) -> str:
    """Name the part of the face that point `index` (from 0) belongs to."""
    return next(name for name, part in GROUPS.items() if part.start <= index < part.stop)


def to_canvas(points: np.ndarray, size: int) -> np.ndarray:
    """Project points (..., 68, 3) straight along z to pixels (..., 68, 2) of a square canvas, the face filling it."""
    x = size * 0.5 + points[..., 0] * size / 3.3
    y = size * 0.34 - points[..., 1] * size / 3.3
    return np.stack([x, y], axis=-1).astype(np.float32)


def blank(height: int, width: int | None = None, colour: Colour = WHITE) -> Image:
    """Make a plain canvas."""
    return np.full((height, width or height, 3), colour, dtype=np.uint8)


def draw_landmarks(
    points: np.ndarray,
    size: int = 256,
    colour: Colour | None = None,
    *,
    numbered: bool = False,
    lines: bool = True,
    canvas: Image | None = None,
    dots: bool = True,
) -> Image:
    """Draw the 68 points and their lines, each part of the face in its own colour.

    Args:
        points: (68, 3) in the head's frame, or (68, 2) pixels of the canvas.
        size: Side of the square picture, unless `canvas` is given.
        colour: One colour for everything (to tell sequences apart); None colours by part.
        numbered: Write each point's number (from 0) beside it.
        lines: Join the points along the 68-point edges.
        canvas: Draw over a copy of this picture instead of a white square.
        dots: Draw the points themselves.
    """
    import cv2

    points = np.asarray(points, dtype=np.float32)
    picture = blank(size) if canvas is None else np.ascontiguousarray(canvas).copy()
    side = min(picture.shape[:2])
    pixels = to_canvas(points, side) if points.shape[-1] == 3 else points
    if not np.isfinite(pixels).all():
        return label(picture, "not finite", inside=True)
    # OpenCV's fixed point: 3 fractional bits; its pixel centres lie on whole numbers, ours on halves.
    fixed = np.clip(np.round((pixels - 0.5) * 8), -(2**18), 2**18).astype(int)
    thick = max(1, round(side / 300))
    if lines:
        for a, b in EDGES:
            ink = colour or GROUP_COLOURS[group_of(max(a, b))]
            cv2.line(picture, tuple(fixed[a].tolist()), tuple(fixed[b].tolist()), ink, thick, cv2.LINE_AA, 3)
    if dots:
        radius = round(8 * max(1.0, side / 190))
        for index, centre in enumerate(fixed.tolist()):
            ink = colour or GROUP_COLOURS[group_of(index)]
            cv2.circle(picture, tuple(centre), radius, ink, -1, cv2.LINE_AA, 3)
    if numbered:
        height = max(0.25, side / 1700)
        for index, centre in enumerate((fixed // 8).tolist()):
            place = (centre[0] + thick + 2, centre[1] - thick)
            cv2.putText(picture, str(index), place, cv2.FONT_HERSHEY_SIMPLEX, height, INK, 1, cv2.LINE_AA)
    return picture


def label(picture: Image, text: str, *, inside: bool = False, colour: Colour = INK) -> Image:
    """Write one line of text on a white bar above the picture, or over its top edge when `inside`."""
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


def fit(picture: Image, height: int, width: int) -> Image:
    """Scale a picture into (height, width), keeping its shape, on white; grey and masks become RGB."""
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


def side_by_side(pictures: Sequence[Image], labels: Sequence[str] | None = None, gap: int = 4) -> Image:
    """Set pictures in one row at the first one's height, each under its label."""
    height = pictures[0].shape[0]
    cells = [fit(p, height, max(1, round(p.shape[1] * height / p.shape[0]))) for p in pictures]
    if labels is not None:
        cells = [label(cell, text) for cell, text in zip(cells, labels, strict=True)]
    space = blank(cells[0].shape[0], gap)
    row = [part for cell in cells for part in (cell, space)][:-1]
    return np.concatenate(row, axis=1)


def contact_sheet(
    images: Sequence[Image],
    labels: Sequence[str] | None = None,
    columns: int = 4,
    size: int | None = None,
    gap: int = 4,
) -> Image:
    """Lay pictures out in a grid, row by row.

    Args:
        images: RGB uint8 pictures (or grey ones, or floats in 0..1) of any size.
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


def draw_sequences(
    sequences: Mapping[str, np.ndarray],
    size: int = 256,
    *,
    overlaid: bool = False,
    numbered: bool = False,
    lines: bool = True,
    mouth: bool = False,
) -> Iterator[Image]:
    """Yield one picture a frame of several landmark sequences: in a row, or over each other in different colours.

    Args:
        sequences: Label -> (T, 68, 3) `landmarks` (or (1, T, 204)). The shorter ones stop at their last frame.
        size: Side of one face.
        overlaid: Draw all faces on one square, with a coloured legend, instead of in a row.
        numbered: Write the points' numbers.
        lines: Join the points.
        mouth: Show the mouth alone, near.
    """
    points = {name: from_offsets(as_landmarks(values)) for name, values in sequences.items()}
    if mouth:
        points = {name: near_mouth(values, size) for name, values in points.items()}
    for index in range(max((len(values) for values in points.values()), default=0)):
        faces = {name: values[min(index, len(values) - 1)] for name, values in points.items()}
        if overlaid:
            yield _overlaid(faces, size, numbered, lines)
            continue
        cells = [draw_landmarks(face, numbered=numbered, lines=lines, canvas=blank(size)) for face in faces.values()]
        yield side_by_side(cells, list(faces)) if len(cells) > 1 else cells[0]


def near_mouth(points: np.ndarray, size: int, zoom: float = 3.0) -> np.ndarray:
    """Return points (..., 68, 3) as pixels (..., 68, 2) of a square in which the mean face's mouth is in the middle."""
    middle = to_canvas(MEAN_FACE[MOUTH].mean(axis=0), size)
    return ((to_canvas(points, size) - middle) * zoom + size / 2).astype(np.float32)


def _overlaid(faces: Mapping[str, np.ndarray], size: int, numbered: bool, lines: bool) -> Image:
    """Draw named faces over each other, each in its own colour, and say which is which."""
    import cv2

    picture = blank(size)
    for order, (name, face) in enumerate(faces.items()):
        colour = SEQUENCE_COLOURS[order % len(SEQUENCE_COLOURS)]
        picture = draw_landmarks(face, size, colour, numbered=numbered, lines=lines, canvas=picture, dots=order == 0)
        scale = max(0.35, size / 640)
        place = (6, round((order + 1) * 32 * scale) + 2)
        name = name.encode("ascii", "replace").decode()
        cv2.putText(picture, name, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
    return picture


def animate_landmarks(
    sequences: Mapping[str, np.ndarray] | np.ndarray,
    size: int = 256,
    *,
    overlaid: bool = False,
    numbered: bool = False,
    lines: bool = True,
    mouth: bool = False,
    limit: int | None = None,
) -> np.ndarray:
    """Draw `landmarks` as an animation (T, H, W, 3); see `draw_sequences`. `limit` keeps the first frames only."""
    named = sequences if isinstance(sequences, Mapping) else {"landmarks": sequences}
    if limit is not None:
        named = {name: as_landmarks(values)[:limit] for name, values in named.items()}
    frames = list(draw_sequences(named, size, overlaid=overlaid, numbered=numbered, lines=lines, mouth=mouth))
    return np.stack(frames) if frames else np.zeros((0, size, size, 3), np.uint8)


def overlay_landmarks(
    frame: Image, landmarks_px: np.ndarray, colour: Colour | None = (60, 255, 90), *, numbered: bool = False
) -> Image:
    """Draw landmarks_px (68, 2) over a copy of an RGB frame."""
    return draw_landmarks(landmarks_px, colour=colour, numbered=numbered, canvas=frame)


def plot_curves(
    curves: Mapping[str, np.ndarray],
    title: str = "",
    *,
    ylabel: str = "",
    fps: float = 25.0,
    size: tuple[int, int] = (900, 300),
) -> Image:
    """Plot named curves (T,) over time in seconds as a picture.

    Args:
        curves: Label -> one value a frame; the lengths may differ, NaN leaves a gap.
        title: Line above the plot.
        ylabel: What is plotted, with its unit.
        fps: Values a second.
        size: Width and height of the picture in pixels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] / 100, size[1] / 100), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for order, (name, values) in enumerate(curves.items()):
        colour = np.array(SEQUENCE_COLOURS[order % len(SEQUENCE_COLOURS)]) / 255
        axes.plot(np.arange(len(values)) / fps, values, label=name, color=colour, linewidth=1.2)
    axes.set(title=title, xlabel="seconds", ylabel=ylabel)
    axes.grid(alpha=0.3)
    axes.margins(x=0)
    if curves:
        axes.legend(loc="upper right", fontsize="small")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def plot_lip_opening(sequences: Mapping[str, np.ndarray], title: str = "lip opening") -> Image:
    """Plot how far the lips are open in several `landmarks` sequences (T, 68, 3); the first is the reference.

    With two or more, the title gives each one's correlation with the first over the frames they share.
    """
    curves = {name: mouth_opening(as_landmarks(values)) for name, values in sequences.items()}
    first = next(iter(curves.values()))
    for name, values in list(curves.items())[1:]:
        n = min(len(first), len(values))
        if n > 2 and first[:n].std() > 0 and values[:n].std() > 0:
            title += f"   r({name}) = {np.corrcoef(first[:n], values[:n])[0, 1]:.2f}"
    return plot_curves(curves, title, ylabel="tenths of an eye distance")


class Mesh(NamedTuple):
    """Hold what TensorBoard shows as a mesh: vertices and colours (1, N, 3), faces (1, M, 3)."""

    vertices: np.ndarray
    colours: np.ndarray
    faces: np.ndarray


def landmark_mesh(landmarks: np.ndarray) -> Mesh:
    """Turn one frame of `landmarks` (68, 3) into a coloured surface, the mouth left open."""
    from matplotlib.tri import Triangulation

    points = from_offsets(landmarks).reshape(68, 3)
    triangles = Triangulation(MEAN_FACE[:, 0], MEAN_FACE[:, 1]).triangles
    inner = (triangles >= 60).all(axis=1)
    colours = np.array([GROUP_COLOURS[group_of(index)] for index in range(68)], np.uint8)
    return Mesh(points[None], colours[None], np.ascontiguousarray(triangles[~inner], np.int32)[None])


def grid_of(rows: Mapping[str, Sequence[Any]], size: int = 192) -> Image:
    """Lay named rows of equally many pictures under each other, as for true against rendered frames."""
    lengths = {len(row) for row in rows.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"rows of {sorted(lengths)} pictures: need the same number, at least one")
    images = [image for row in rows.values() for image in row]
    labels = [name if order == 0 else "" for name, row in rows.items() for order in range(len(row))]
    return contact_sheet(images, labels, columns=lengths.pop(), size=size)
