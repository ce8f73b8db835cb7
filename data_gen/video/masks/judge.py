"""Judge masks by what shows that they are wrong, whichever parser made them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.video.check import Check, make_check, spread
from data_gen.video.dataset import VideoDataset
from data_gen.video.outliers import frames_told
from utils.arrays import Bytes, Floats, Reals

HOLLOW = 0.05
"""Share of the shoulders' outline without mask, from which on a part of the clothes is lacking. Whole ones measured:
0.00 to 0.02; with a bright collar lost before a bright wall: 0.06 to 0.09."""
_NECK = 0.15
"""How far below the chin the shoulders' outline begins, in face heights: a neck above them is slim."""
COVERED = 30.0
"""CIELAB distance of a chin from its usual colour, from which on something is before it."""
_SOLID = 127


def hollow(head: Bytes, torso: Bytes, points_px: Reals) -> float:
    """Return which share of the outline of what is below the chin the masks (H, W) leave empty; 0 without a torso.

    Shoulders bulge, so that hardly anything lies between them and a string drawn around them.
    """
    import cv2

    chin, brows = float(points_px[8, 1]), float(points_px[17:27, 1].min())
    below = int(np.clip(chin + _NECK * (chin - brows), 0, len(head) - 1))
    person = np.maximum(head, torso)[below:] > _SOLID
    places = np.argwhere(person)[:, ::-1].astype(np.int32)
    if len(places) < 3:
        return 0.0
    outline = np.zeros(person.shape, np.uint8)
    cv2.fillConvexPoly(outline, cv2.convexHull(places), 1)
    return 1 - float(person.sum()) / float(outline.sum())


def chin_colour(frame: Bytes, points_px: Reals) -> Floats:
    """Return the mean colour of the chin, between the lower lip and the jaw, as CIELAB (3,)."""
    import cv2

    mask = np.zeros(frame.shape[:2], np.uint8)
    lip = points_px[57] + 0.25 * (points_px[8] - points_px[57])
    chin = np.stack([*points_px[7:10], lip + 0.4 * (points_px[55] - points_px[57]), lip,
                     lip + 0.4 * (points_px[59] - points_px[57])])  # fmt: skip
    cv2.fillConvexPoly(mask, cv2.convexHull(chin.astype(np.float32)).round().astype(np.int32), 1)
    if not mask.any():
        return np.zeros(3, np.float32)
    colours = frame[mask > 0].astype(np.float32)[None] / 255
    mean: Floats = cv2.cvtColor(colours, cv2.COLOR_RGB2LAB)[0].mean(axis=0)
    return mean


def covered_chins(colours: Sequence[Floats]) -> NDArray[np.intp]:
    """List which of the chins' colours, (3,) each, are far from what is usual in their video."""
    values = np.stack(colours)
    return np.flatnonzero(np.linalg.norm(values - np.median(values, axis=0), axis=1) > COVERED)


def mask_checks(data: VideoDataset, parsing: dict[str, Any]) -> list[Check]:
    """Judge the masks of a video; `parsing` is what that stage said."""
    head, torso = parsing["shares"]["head"], parsing["shares"]["torso"]
    points = data.landmarks_px
    lacking = float(np.mean([hollow(data.head_mask[i], data.torso_mask[i], points[i]) for i in spread(data, 20)]))
    frames = spread(data, 100)
    covered = covered_chins([chin_colour(np.asarray(data.frames[i]), points[i]) for i in frames])
    by_network = parsing["source"] == "bisenet"
    better = "BiSeNet's weights do better (python -m utils.assets download face_parsing; non-commercial)."
    spoilt = "where something is before the head or beside it: look at the contact sheet, and leave those parts out."
    alike = "A part of the clothes, a collar say, is taken for the wall, and another background would show through"
    return [
        make_check(
            "head mask",
            f"{head['mean']:.0%} of the picture ({head['least']:.0%} to {head['most']:.0%})",
            head["least"] >= 0.05 and head["most"] <= 1.6 * head["mean"],
            "The mask fails in some frames, "
            + (spoilt if by_network else f"as GrabCut's does where hair and wall are alike: {better}"),
            bad=head["mean"] < 0.03,
        ),
        make_check(
            "chin",
            f"covered in {frames_told(frames[covered])}" if len(covered) else "free",
            not len(covered),
            "A hand, a cup or a microphone before it is learned as a part of the head: leave those parts out.",
        ),
        make_check(
            "torso mask",
            f"{torso['mean']:.0%} of the picture ({torso['least']:.0%} to {torso['most']:.0%})"
            + (f"; {lacking:.0%} of its outline is lacking" if lacking >= HOLLOW else ""),
            torso["least"] >= 0.02 and lacking < HOLLOW,
            "Little or nothing of the shoulders is seen: film them too, or the head will float."
            if torso["least"] < 0.02
            else f"{alike}: {'wear what differs from the wall.' if by_network else better}",
        ),
        make_check(
            "parsing",
            parsing["source"],
            by_network,
            f"Masks without the network are rough at the hair: {better}",
        ),
    ]
