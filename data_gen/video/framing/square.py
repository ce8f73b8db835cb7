"""Choose the square that is cut out of a video: head and shoulders of its one person, throughout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from data_gen.video.framing.bars import Bars, Region
from data_gen.video.framing.follow import follow
from data_gen.video.framing.search import detect_anywhere
from data_gen.video.sections.left_out import LEAST_SHARE, how_to_keep, times_told
from utils.arrays import Reals
from utils.errors import DataError
from utils.faces.detector import Face, LandmarkDetector

LEAST_FACE_PX = 60
"""Faces of this width are found in pictures of any size."""
_CROWN = 0.8
"""Room for the crown above the brows, in face heights (brows to chin)."""
_CHIN = 0.15


class NoFaceError(DataError):
    """In none of the pictures a face was found."""


class FaceBox(NamedTuple):
    """A square of the raw video in pixels: x0, y0 of its top-left corner and its side.

    It may reach past the sides of `content`, the part of the picture within black bars, and no further up or down.
    """

    x0: int
    y0: int
    size: int
    content: Region

    def crop(self, shrink: float, whole: tuple[int, int], size: int) -> tuple[int, int, int, int]:
        """Return x0, y0, x1, y1 of the square in the video itself, whole pixels.

        Args:
            shrink: How many times larger the video is than the pictures in which the square was found.
            whole: Its height and width, pixels.
            size: Side that the square will be scaled to; one that is nearly that is made exactly that, so that
                nothing is scaled.
        """
        region = self.region(shrink, whole)
        x0, y0, wanted = (value * shrink for value in self[:3])
        limit = min(region.height, region.width)
        if self.size > min(self.content.height, self.content.width):
            side = min(round(wanted), region.height)
            top = int(np.clip(round(y0), region.top, region.bottom - side))
            return round(x0), top, round(x0) + side, top + side
        side = min(round(wanted), limit)
        for exact in (size, limit):
            if exact <= limit and abs(wanted - exact) < 0.06 * exact:
                side = exact
                break
        shift = (wanted - side) / 2
        left = int(np.clip(round(x0 + shift), region.left, region.right - side))
        top = int(np.clip(round(y0 + shift), region.top, region.bottom - side))
        return left, top, left + side, top + side

    def region(self, shrink: float, whole: tuple[int, int]) -> Region:
        """Return `content` in the video itself, of which `whole` is height and width."""
        if self.content == (0, 0, round(whole[1] / shrink), round(whole[0] / shrink)):
            return Region(0, 0, whole[1], whole[0])
        return self.content.times(shrink)


def find_face_box(
    frames: Iterable[tuple[float, np.ndarray]],
    detector: LandmarkDetector,
    *,
    video: str = "video",
    margin: float = 2.2,
    patience: int | None = None,
) -> FaceBox:
    """Find the square of a raw video that holds head and shoulders throughout.

    Args:
        frames: Sampled (time in seconds, RGB uint8 picture (H, W, 3)), spread over the whole video.
        detector: Any detector; every sample is searched anew.
        video: What to call the video in errors.
        margin: Side of the square as a multiple of the face's height (brows to chin), before the face's own
            wandering is added.
        patience: Pictures to search until a first face is found; all of them when not given.

    Returns:
        The square, inside the picture where the picture is large enough for it; no larger than its shorter side,
        but for an upright picture that the head fills: then crown and chin are in, and the sides are beyond it.

    Raises:
        DataError: No face, a face in too few samples, or two of about equal size; names times and remedies.
    """
    boxes: list[tuple[float, float, float, float]] = []
    times: list[tuple[float, bool]] = []
    bars = Bars()
    previous: Face | None = None
    for time_s, frame in frames:
        bars.look(frame)
        detector.forget()
        face = follow(detect_anywhere(detector, frame, previous), previous, f"{video}: at {time_s:.1f} s")
        times.append((time_s, face is not None))
        if face is not None:
            previous = face
            boxes.append(face.box)
        elif len(times) == patience and not boxes:
            break
    if not times:
        raise DataError(f"{video}: it has no frames. Is the file complete?")
    if not boxes:
        raise NoFaceError(
            f"{video}: no face in any of {len(times)} frames looked at. It must show one person's face from the "
            f"front, at least {LEAST_FACE_PX} pixels wide."
        )
    if len(boxes) < LEAST_SHARE * len(times):
        stretches = _stretches_with(times)
        raise DataError(
            f"{video}: no face in {len(times) - len(boxes)} of {len(times)} frames looked at. It is seen "
            f"{times_told(stretches)}: {how_to_keep(stretches)}."
        )
    return _square(np.array(boxes), bars.content(), margin)


def _stretches_with(times: list[tuple[float, bool]]) -> list[tuple[float, float]]:
    """List from when to when samples in a row show a face, in seconds."""
    stretches: list[tuple[float, float]] = []
    every = (times[-1][0] - times[0][0]) / max(1, len(times) - 1)
    before = False
    for time_s, is_seen in times:
        if is_seen:
            stretches = [*stretches[:-1], (stretches[-1][0], time_s)] if before else [*stretches, (time_s, time_s)]
        before = is_seen
    return [(start, stop + every) for start, stop in stretches]


def _square(boxes: Reals, content: Region, margin: float) -> FaceBox:
    """Return the square around boxes (N, 4): centred on the face, a little below it, room for its wandering.

    Where the picture is too narrow for that, it is moved so that crown and chin are in, and only then made wider.
    """
    centres = np.stack([boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]], axis=1) / 2
    face = float(np.median(boxes[:, 3] - boxes[:, 1]))
    low, high = np.percentile(centres, [2, 98], axis=0)
    middle = (low + high) / 2
    wander = float((high - low).max())
    wanted = margin * face + wander
    size = int(min(wanted, content.height, content.width))
    crown = max(float(content.top), float(np.percentile(boxes[:, 1], 2)) - _CROWN * face)
    chin = min(float(content.bottom), float(np.percentile(boxes[:, 3], 98)) + _CHIN * face)
    narrow = size == content.width < int(wanted)
    if narrow:
        size = max(size, int(np.ceil(chin - crown)))
    size -= size % 2
    x0 = round(float(middle[0]) - size / 2)
    y0 = round(float(middle[1]) + 0.05 * face - size / 2)
    if narrow:
        y0 = min(y0, int(crown))
    if size <= content.width:
        x0 = int(np.clip(x0, content.left, content.right - size))
    return FaceBox(x0, int(np.clip(y0, content.top, content.bottom - size)), size, content)
