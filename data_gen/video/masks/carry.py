"""Carry masks from parsed frames to those between them along the optical flow: a network a frame is what takes longest.

Nothing is carried across a cut. Where the flow does not explain what is seen, the parser is asked after all: between
two parsed frames whose masks do not follow from each other, and where a carried frame looks otherwise along the edges
of its masks, as when a hand passes by.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from utils.arrays import Bytes, Floats
from utils.media.picture_file import Pictures
from utils.processes.workers import in_parallel

_SIDE = 256
"""Pixels of the pictures between which the flow is found: with half of it masks lie 1 to 2 pixels of 512 off."""
_FOLLOWS = 0.97
"""Intersection over union from which on masks of parsed frames count as one carried to the other."""
_OTHER = 40
"""Grey levels by which a pixel looks otherwise."""
_MOST_OTHER = 0.08
"""Share of the pixels along the edges of a carried mask that may look otherwise."""
_SOLID = 127


class Parsed(NamedTuple):
    """A frame's number, and its masks (H, W, K) uint8."""

    frame: int
    masks: Bytes


class Carrier:
    """Give the masks of all frames, of which the parser sees few.

    Args:
        frames: The pictures.
        parse: Return the masks (H, W, K) uint8 of a frame by its number; called by several threads.
        every: Frames from a parsed one to the next, at most.
        judged: Which of the K masks must follow from each other.
    """

    def __init__(self, frames: Pictures, parse: Callable[[int], Bytes], every: int, judged: tuple[int, ...]) -> None:
        self._frames, self._parse, self._every, self._judged = frames, parse, every, list(judged)
        height, width = frames.shape[1:3]
        self._size = (width, height)
        self._scale = np.array([width, height], np.float32) / _SIDE
        self._places, self._small_places = _places(height, width), _places(_SIDE, _SIDE)

    def masks(self, shots: list[tuple[int, int]]) -> Iterator[Bytes]:
        """Yield the masks (H, W, K) of all frames of shots [start, stop), in order."""
        for masks in in_parallel(lambda piece: self._piece(*piece), self._pieces(shots)):
            yield from masks

    def _pieces(self, shots: list[tuple[int, int]]) -> Iterator[tuple[Parsed, Parsed]]:
        """Yield neighbours among the parsed frames of a shot; its last frame beside itself."""
        keys = [self._keys(start, stop) for start, stop in shots]
        parsed = in_parallel(lambda frame: Parsed(frame, self._parse(frame)), itertools.chain.from_iterable(keys))
        for numbers in keys:
            of_shot = list(itertools.islice(parsed, 1))
            for _ in numbers[1:]:
                of_shot = [of_shot[-1], next(parsed)]
                yield of_shot[0], of_shot[1]
            yield of_shot[-1], of_shot[-1]

    def _keys(self, start: int, stop: int) -> list[int]:
        pieces = -(-(stop - 1 - start) // self._every)
        return [int(frame) for frame in np.linspace(start, stop - 1, pieces + 1).round()]

    def _piece(self, first: Parsed, last: Parsed) -> list[Bytes]:
        """Return the masks of the first frame and of those before the last; of the first alone when they are one."""
        if last.frame - first.frame < 2:
            return [first.masks]
        small = {frame: self._small(frame) for frame in range(first.frame, last.frame + 1)}
        return [first.masks, *self._between(first, last, small)]

    def _between(self, first: Parsed, last: Parsed, small: dict[int, Bytes]) -> list[Bytes]:
        """Return the masks of the frames between two parsed ones."""
        if last.frame - first.frame < 2:
            return []
        there = self._carry(first.masks, small[last.frame], small[first.frame])[0]
        if not self._alike(there, last.masks):
            middle = (first.frame + last.frame) // 2
            parsed = Parsed(middle, self._parse(middle))
            return [*self._between(first, parsed, small), parsed.masks, *self._between(parsed, last, small)]
        return [self._blend(first, last, frame, small) for frame in range(first.frame + 1, last.frame)]

    def _blend(self, first: Parsed, last: Parsed, frame: int, small: dict[int, Bytes]) -> Bytes:
        """Return the masks of a frame as both neighbours give them, the nearer one more; or parse it."""
        import cv2

        near = (frame - first.frame) / (last.frame - first.frame)
        (before, looks_before), (after, looks_after) = (
            self._carry(key.masks, small[frame], small[key.frame]) for key in (first, last)
        )
        masks = np.asarray(cv2.addWeighted(before, 1 - near, after, near, 0), np.uint8)
        looks = np.asarray(cv2.addWeighted(looks_before, 1 - near, looks_after, near, 0), np.uint8)
        return masks if self._explained(masks, looks, small[frame]) else self._parse(frame)

    def _carry(self, masks: Bytes, small: Bytes, key: Bytes) -> tuple[Bytes, Bytes]:
        """Return masks, and the small picture they are of, as they lie in another small picture (H, W) grey."""
        import cv2

        start = np.zeros((_SIDE, _SIDE, 2), np.float32)
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(small, key, start)
        places = np.asarray(cv2.resize(flow, self._size, interpolation=cv2.INTER_LINEAR), np.float32)
        places *= self._scale
        places += self._places
        return _sampled(masks, places), _sampled(key, np.asarray(self._small_places + flow, np.float32))

    def _small(self, frame: int) -> Bytes:
        import cv2

        grey = cv2.cvtColor(np.ascontiguousarray(self._frames[frame]), cv2.COLOR_RGB2GRAY)
        return np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)

    def _alike(self, masks: Bytes, others: Bytes) -> bool:
        for kind in self._judged:
            one, other = masks[..., kind] > _SOLID, others[..., kind] > _SOLID
            if (one & other).sum() < _FOLLOWS * (one | other).sum():
                return False
        return True

    def _explained(self, masks: Bytes, looks: Bytes, small: Bytes) -> bool:
        """Tell whether a frame looks as it was carried along the edges of its masks."""
        import cv2

        there = cv2.resize(masks[..., self._judged], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) > _SOLID
        solid = there.astype(np.uint8)
        rim = (cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, np.ones((9, 9), np.uint8)) > 0).reshape(_SIDE, _SIDE, -1)
        along = rim.any(axis=2)
        other = cv2.absdiff(looks, small) > _OTHER
        return bool(other[along].sum() <= _MOST_OTHER * along.sum())


def _sampled(picture: Bytes, places: NDArray[Any]) -> Bytes:
    """Return a picture (H, W, ...) as it is seen at places (H, W, 2) x and y; beyond its edge, its edge."""
    import cv2

    second: Any = None  # x and y are in one map
    edge = cv2.BORDER_REPLICATE
    return np.asarray(cv2.remap(picture, places, second, cv2.INTER_LINEAR, borderMode=edge), np.uint8)


def _places(height: int, width: int) -> Floats:
    """Return where every pixel of a picture lies, (H, W, 2) x and y."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
