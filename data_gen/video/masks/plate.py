"""Paint what the head hides: the background plate, and every frame with the head taken out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.stages import Tick
from data_gen.video.stage import Bench
from utils.arrays import Bytes, Floats, Reals
from utils.media.picture_file import SIDE, SUFFIX, Pictures, PictureWriter
from utils.processes.workers import in_parallel

PLATE_VERSION = 3
_SAMPLES = 64
_ROWS_AT_ONCE = SIDE
"""A row of tiles."""
_LEAST_SEEN = 0.1
"""A background pixel counts as seen when that share of the sampled frames shows it."""
_MARGIN = 0.02
"""How far from the person background is believed, in picture heights: hair and blurred edges reach beyond the mask."""
_NEAR = 2
"""A pixel is at rest when it is as it was and will be so many frames away: a hand that passes by is not."""
_AT_REST = 24
"""Grey levels that a resting pixel differs by at most: noise, compression, a faint animation."""
_LEAST_AT_REST = 2
_FAINT = 8
"""A mask's value up to which nothing is there, and from 255 the same: parsers are never quite sure."""
_EXTEND_NECK = 0.14
_EXTEND_CLOTH = 0.05
_DARKEN = 0.996


def background_plate(
    frames: Pictures, head_mask: Pictures, torso_mask: Pictures, kept: NDArray[np.bool_] | None = None
) -> tuple[Bytes, Bytes]:
    """Return the picture without the person, (H, W, 3), and where it was seen at all, (H, W) bool.

    Per pixel the median over those frames in which the person is far enough away and nothing passes by; the rest is
    filled in smoothly from around. Frames that are not `kept` (T,) are not looked at.
    """
    import cv2

    count, height, width = frames.shape[:3]
    usable = np.arange(count) if kept is None else np.flatnonzero(kept)
    count = len(usable)
    chosen = usable[np.unique(np.linspace(0, count - 1, min(_SAMPLES, count)).round().astype(int))]
    margin = max(3, round(_MARGIN * height))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    free = np.empty((len(chosen), height, width), bool)
    for row, index in enumerate(chosen):
        person = np.maximum(head_mask[index], torso_mask[index])
        free[row] = cv2.dilate((person > 12).astype(np.uint8), kernel) == 0
    visible = free.sum(axis=0) >= max(min(2, len(chosen)), round(_LEAST_SEEN * len(chosen)))
    plate = np.zeros((height, width, 3), np.float32)
    for top in range(0, height, _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        where = visible[rows]
        values = np.stack([frames[index, rows][where] for index in chosen])
        seen = free[:, rows]
        rest = seen & _at_rest(frames, chosen, usable, rows, seen)
        usual, resting = (_medians(values, there[:, where]) for there in (seen, rest))
        ghost = (np.abs(usual - resting) > _AT_REST).any(axis=1, keepdims=True)  # elsewhere more frames are better
        plate[rows][where] = np.where(ghost, resting, usual)
    return fill(plate, visible.astype(np.float32)).round().clip(0, 255).astype(np.uint8), visible


def _medians(values: Bytes, there: NDArray[np.bool_]) -> Floats:
    """Return the medians (P, C) float32 of values (N, P, C) uint8 where they are `there` (N, P); 0 where none is."""
    count = there.sum(axis=0)[:, None]
    nowhere = 256  # behind all that is there
    ascending = np.sort(np.where(there[..., None], values.astype(np.int16), nowhere), axis=0)
    middle = [np.take_along_axis(ascending, np.maximum(at, 0)[None, ..., None], axis=0)[0] for at in
              ((count[:, 0] - 1) // 2, count[:, 0] // 2)]  # fmt: skip
    return np.where(count > 0, (middle[0] + middle[1]) / 2, 0).astype(np.float32)


def _at_rest(
    frames: Pictures, chosen: NDArray[np.intp], usable: NDArray[np.intp], rows: slice, free: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell where nothing moves around the chosen frames, (N, rows, W); everywhere where that would leave too little.

    Args:
        usable: The frames that may be looked at, ascending; the chosen ones are among them.
        free: (N, rows, W) where the person is far enough away.
    """
    import cv2

    rest = np.ones(free.shape, bool)
    kernel = np.ones((2 * _NEAR + 1, 2 * _NEAR + 1), np.uint8)
    for number, place in enumerate(np.searchsorted(usable, chosen)):
        now = np.asarray(frames[chosen[number], rows])
        for other in (place - _NEAR, place + _NEAR):
            if 0 <= other < len(usable):
                moved = cv2.absdiff(now, np.asarray(frames[usable[other], rows])).max(axis=2) > _AT_REST
                rest[number] &= cv2.dilate(moved.astype(np.uint8), kernel) == 0
    enough = (free & rest).sum(axis=0) >= _LEAST_AT_REST
    return rest | ~enough


def fill(picture: Reals, weight: Floats) -> Floats:
    """Fill a picture (H, W, C) where weight (H, W) is 0, smoothly from around; known pixels stay.

    Known pixels are averaged into ever smaller pictures, and what is unknown is taken from the next smaller one.
    """
    import cv2

    height, width = weight.shape
    if weight.min() >= 1 or min(height, width) <= 2:
        mean = (picture * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1e-6)
        return np.where(weight[..., None] > 0, picture, mean).astype(np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    small_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    small = cv2.resize(picture * weight[..., None], half, interpolation=cv2.INTER_AREA)
    small = small / np.maximum(small_weight, 1e-6)[..., None]
    coarse = fill(small, np.minimum(1, 4 * small_weight))
    up = cv2.GaussianBlur(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), (0, 0), 1.0)
    share = weight[..., None]
    return share * picture + (1 - share) * up


def remove_head(frame: Bytes, head: Bytes, neck: Bytes, torso: Bytes, plate: Bytes) -> Bytes:
    """Return the frame with plate, torso and a neck that goes on under the chin, but no head.

    Args:
        frame, plate: (H, W, 3) uint8 RGB.
        head, neck, torso: (H, W) uint8 masks; the torso includes the neck.
    """
    import cv2

    height = frame.shape[0]
    band = max(1, round(0.004 * height))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    head_wide = cv2.dilate(head, kernel)
    near_head = head_wide > 25
    clean = (torso > 127) & ~near_head
    alpha = np.clip((torso.astype(np.float32) - _FAINT) / (255 - 2 * _FAINT), 0, 1)
    alpha[near_head] = 0
    extension, colours, cover = _extend_up(frame, clean, near_head, neck, height)
    result: Bytes = np.where((alpha == 1)[..., None], frame, plate)
    mixed = (alpha > 0) & (alpha < 1)
    mixed[extension] = True  # there are few of these
    places = np.nonzero(mixed)
    picture = np.zeros(frame.shape, np.float32)
    picture[places] = plate[places]
    picture[extension] += cover[:, None] * (colours - picture[extension])
    part = picture[places]
    part += alpha[places][:, None] * (frame[places].astype(np.float32) - part)
    result[places] = part.round().clip(0, 255).astype(np.uint8)
    return result


def _extend_up(
    frame: Bytes, clean: NDArray[np.bool_], near_head: NDArray[np.bool_], neck: Bytes, height: int
) -> tuple[tuple[NDArray[np.intp], ...], Floats, Floats]:
    """Continue the torso upwards behind the head: places (N,) rows and (N,) columns, colours (N, 3), cover (N,) 0..1.

    Every column whose topmost clean torso pixel has the head right above it goes on with its own colour, made
    smooth sideways and a little darker with height: far where it is neck, a few pixels where it is cloth.
    """
    import cv2

    width = frame.shape[1]
    rows = np.arange(height)[:, None]
    has = clean.any(axis=0)
    top = np.where(has, clean.argmax(axis=0), height - 1)
    columns = np.arange(width)
    under_head = has & near_head[np.maximum(top - 1, 0), columns]
    if not under_head.any():
        nowhere = np.zeros(0, np.intp)
        return (nowhere, nowhere), np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    depth = max(2, round(0.008 * height))
    taps = np.clip(top[None] + np.arange(depth)[:, None], 0, height - 1)
    colour = frame[taps, columns].astype(np.float32).mean(axis=0)
    is_neck = (neck[taps, columns] > 100).mean(axis=0) > 0.5
    reach = np.where(is_neck, _EXTEND_NECK, _EXTEND_CLOTH) * height * under_head
    sigma = 0.01 * height
    weight = cv2.GaussianBlur(under_head.astype(np.float32)[None], (0, 0), sigma)[0]
    smooth = (
        cv2.GaussianBlur((colour * under_head[:, None])[None], (0, 0), sigma)[0] / np.maximum(weight, 1e-3)[:, None]
    )
    wide = cv2.GaussianBlur((colour * is_neck[:, None])[None], (0, 0), 5 * sigma)[0]
    wide_weight = cv2.GaussianBlur(is_neck.astype(np.float32)[None], (0, 0), 5 * sigma)[0][:, None]
    beside = np.where(wide_weight > 1e-3, wide / np.maximum(wide_weight, 1e-3), smooth)
    reach = cv2.GaussianBlur(reach.astype(np.float32)[None], (0, 0), sigma)[0]
    above = np.maximum(top[None] - rows, 0)
    neck_reach, reach = reach, np.maximum(reach, top - _without_valleys(np.where(under_head, top - reach, height)))
    softness = np.maximum(0.02 * height, 1)
    cover = np.clip((reach[None] - above) / softness + 0.5, 0, 1) * (rows < top[None] + depth) * under_head[None]
    cover = np.where(near_head | clean, cover, 0).astype(np.float32)
    cover = cv2.GaussianBlur(cover, (0, 0), 0.8)
    places = np.nonzero(cover)
    high, column = above[places], places[1]
    fading = np.where(is_neck, neck_reach, 0.02 * height).clip(1)
    own = np.clip(1 - high / fading[column], 0, 1) if is_neck.any() else np.ones(len(high))
    darker = _DARKEN ** np.arange(height)
    colours = (own[:, None] * smooth[column] + (1 - own)[:, None] * beside[column]) * darker[high][:, None]
    return places, np.asarray(colours, np.float32), np.asarray(cover[places], np.float32)


def _without_valleys(level: Floats) -> Floats:
    """Return rows (W,), from the top, raised wherever higher ones lie on both sides, so that no gap is left between."""
    from_left = np.minimum.accumulate(level)
    from_right = np.minimum.accumulate(level[::-1])[::-1]
    return np.maximum(from_left, from_right)


def plate_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Write the background plate and all frames without the head."""
    head, neck, torso = (bench.pictures("parsing", f"{name}_mask") for name in ("head", "neck", "torso"))
    frames = bench.pictures("convert", "frames")
    return paint_plates(frames, head, neck, torso, folder, tick, bench.kept(), lossless=bench.job.lossless)


def paint_plates(
    frames: Pictures,
    head_mask: Pictures,
    neck_mask: Pictures,
    torso_mask: Pictures,
    folder: Path,
    tick: Tick,
    kept: NDArray[np.bool_] | None = None,
    *,
    lossless: bool = False,
) -> dict[str, Any]:
    """Write background.npy (H, W, 3) and torso_frames (T, H, W, 3) into `folder`."""
    plate, visible = background_plate(frames, head_mask, torso_mask, kept)
    np.save(folder / "background.npy", plate, allow_pickle=False)
    count = len(frames)
    with PictureWriter(folder / f"torso_frames{SUFFIX}", plate.shape, lossless=lossless) as result:

        def one(index: int) -> list[bytes]:
            head, neck, torso = (np.array(mask[index]) for mask in (head_mask, neck_mask, torso_mask))
            return result.pack(remove_head(np.array(frames[index]), head, neck, torso, plate))

        for tiles in in_parallel(one, range(count)):
            result.add(tiles)
            tick(len(result), count)
    return {"background_seen": float(visible.mean())}
