"""Draw landmarks: arrays in, RGB pictures out.

Every picture is (H, W, 3) uint8 RGB, every animation (T, H, W, 3). OpenCV and matplotlib are imported when first used.

Convention:
    `points` (68, 3) stand in the head's frame: x right, y up, z to the viewer, in eye distances of the mean face;
    `points` (68, 2) are pixels of the canvas, origin at the top-left corner. `landmarks` (T, 68, 3) are, here as
    everywhere, ten times the offset from the mean face; `utils.faces.landmarks.from_offsets` turns them into points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from utils.arrays import Bytes
from utils.drawing.canvas import GROUP_COLOURS, INK, SEQUENCE_COLOURS, blank, label, side_by_side, to_canvas
from utils.faces.landmarks import EDGES, GROUPS, MEAN_FACE, MOUTH, from_offsets

Colour = tuple[int, int, int]


def as_landmarks(values: np.ndarray) -> np.ndarray:
    """Return (T, 68, 3) from any layout in use: (T, 68, 3), (68, 3), or GeneFace's (1, T, 204) and (T, 204)."""
    values = np.asarray(values, dtype=np.float32)
    if values.shape[-2:] == (68, 3) or values.shape[-1:] == (204,):
        return values.reshape(-1, 68, 3)
    raise ValueError(f"landmarks of shape {values.shape}: need (T, 68, 3), (T, 204) or (1, T, 204)")


def group_of(index: int) -> str:
    """Name the part of the face that point `index` (from 0) belongs to."""
    return next(name for name, part in GROUPS.items() if part.start <= index < part.stop)


def draw_landmarks(
    points: np.ndarray,
    size: int = 256,
    colour: Colour | None = None,
    *,
    numbered: bool = False,
    lines: bool = True,
    canvas: Bytes | None = None,
    dots: bool = True,
) -> Bytes:
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


def draw_sequences(
    sequences: Mapping[str, np.ndarray],
    size: int = 256,
    *,
    overlaid: bool = False,
    numbered: bool = False,
    lines: bool = True,
    mouth: bool = False,
) -> Iterator[Bytes]:
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


def _overlaid(faces: Mapping[str, np.ndarray], size: int, numbered: bool, lines: bool) -> Bytes:
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
    frame: Bytes, landmarks_px: np.ndarray, colour: Colour | None = (60, 255, 90), *, numbered: bool = False
) -> Bytes:
    """Draw landmarks_px (68, 2) over a copy of an RGB frame."""
    return draw_landmarks(landmarks_px, colour=colour, numbered=numbered, canvas=frame)


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
