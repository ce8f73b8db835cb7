"""Cut a person out without any weights: GrabCut on a small picture, seeded by the landmarks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.video.masks.parser import Masks, Parser
from utils.arrays import Bytes, Floats

_SIDE = 192
_JAW = slice(0, 17)
_PLAIN = 6.0
"""Distance in 8-bit CIELAB within which nearly all of a plain wall is of one of its few colours. Measured: 3 to 5
before plain walls, 9 to 15 before a garden or a wall in uneven light."""
_UNLIKE = 16.0
"""Distance from a plain wall's colours from which on something is no wall."""


class GrabCutParser(Parser):
    """Seed head and shoulders from the landmarks, let GrabCut find their edge, split them along the jaw."""

    name = "grabcut"
    smoothing_frames = 1.5
    every = 6

    def parse(self, frame: Bytes, points_px: Floats) -> Masks:
        """Return the masks of an RGB (H, W, 3) frame whose landmarks are at points_px (68, 2)."""
        import cv2

        height, width = frame.shape[:2]
        small: Bytes = np.asarray(cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
        points = points_px * np.array([_SIDE / width, _SIDE / height])
        cv2.setRNGSeed(0)
        seeds = _unlike_wall(small, _seeds(points))
        models = np.zeros((1, 65)), np.zeros((1, 65))
        box = (0, 0, _SIDE, _SIDE)  # not looked at, since the seeds are a mask
        mask = cv2.grabCut(small, seeds, box, models[0], models[1], 2, cv2.GC_INIT_WITH_MASK)[0]
        person = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
        person = _largest_part(cv2.morphologyEx(person, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), points)
        head, neck = _split(person, points)

        def enlarge(part: np.ndarray) -> Bytes:
            big = cv2.resize(part.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
            blurred = cv2.GaussianBlur(big, (0, 0), max(1.0, width / _SIDE))
            return np.clip(255 * blurred, 0, 255).round().astype(np.uint8)

        whole, head_big, neck_big = enlarge(person), enlarge(head), enlarge(neck)
        return Masks(head_big, neck_big, np.clip(whole.astype(int) - head_big - neck_big, 0, 255).astype(np.uint8))


def _seeds(points: Floats) -> Bytes:
    """Return GrabCut's (S, S) seeds: sure face, likely hair and cloth, sure wall above where no person reaches."""
    import cv2

    jaw = points[_JAW]
    centre_x = float(points[27:36, 0].mean())
    half = float(np.ptp(jaw[:, 0])) / 2
    chin, brow = float(points[8, 1]), float(points[17:27, 1].min())
    face = chin - brow
    yy, xx = np.mgrid[0:_SIDE, 0:_SIDE] + 0.5
    aside = np.abs(xx - centre_x) / half
    seeds = np.full((_SIDE, _SIDE), cv2.GC_BGD, np.uint8)
    middle_y = brow + 0.1 * face
    away = (aside / 2.1) ** 2 + ((yy - middle_y) / (1.25 * face)) ** 2
    seeds[(away < 1) | (yy > chin - 0.45 * face)] = cv2.GC_PR_BGD
    seeds[(aside / 1.15) ** 2 + ((yy - middle_y) / (0.85 * face)) ** 2 < 1] = cv2.GC_PR_FGD
    # All that may be cloth begins as cloth, high collars too: GrabCut takes the wall in it away, whose colours it knows
    # from above. Cloth that began as wall would make its colours the wall's, and a dark suit would be lost.
    slope = np.clip((yy - chin + 0.15 * face) / (0.8 * face), 0, 1)
    seeds[(yy > chin - 0.15 * face) & (aside < 0.6 + 6 * slope)] = cv2.GC_PR_FGD
    seeds[(yy > chin - 0.3 * face) & (aside > 1.8)] = cv2.GC_PR_FGD
    line = np.minimum(chin + (0.3 + 0.12 * np.maximum(aside - 0.7, 0)) * face, _SIDE - 8)
    seeds[(yy > line) & (aside < 1.3)] = cv2.GC_FGD
    forehead = points[17:27] - [0, 0.25 * face]
    hull = cv2.convexHull(np.concatenate([jaw * 0.94 + points.mean(0) * 0.06, forehead]).astype(np.float32))
    cv2.fillConvexPoly(seeds, hull.round().astype(np.int32), int(cv2.GC_FGD))
    return seeds


def _unlike_wall(picture: Bytes, seeds: Bytes) -> Bytes:
    """Return seeds in which all that is unlike a plain wall is likely the person: wide hair, a collar's light rim."""
    import cv2

    colours = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    sure = seeds == cv2.GC_BGD
    if sure.sum() < 1000:
        return seeds
    until = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    labels = np.zeros((0, 1), np.int32)
    centres = cv2.kmeans(colours[sure][::7].copy(), 8, labels, until, 1, cv2.KMEANS_PP_CENTERS)[2]
    away = np.linalg.norm(colours[:, :, None] - centres, axis=-1).min(axis=-1)
    if np.quantile(away[sure], 0.98) > _PLAIN:
        return seeds
    return np.where((seeds == cv2.GC_PR_BGD) & (away > _UNLIKE), cv2.GC_PR_FGD, seeds).astype(np.uint8)


def _largest_part(person: NDArray[Any], points: Floats) -> Bytes:
    """Keep the connected part that holds the face."""
    import cv2

    _, labels = cv2.connectedComponents(person)
    x, y = np.clip(points[30].astype(int), 0, _SIDE - 1)
    label = labels[y, x]
    return (labels == label).astype(np.uint8) if label else person


def _split(person: Bytes, points: Floats) -> tuple[Bytes, Bytes]:
    """Return head (above the jaw; beside it, above the mouth) and neck (between jaw and shoulders)."""
    jaw = points[_JAW]
    face = float(points[8, 1] - points[17:27, 1].min())
    yy, xx = np.mgrid[0:_SIDE, 0:_SIDE] + 0.5
    order = np.argsort(jaw[:, 0])
    line = np.interp(xx[0], jaw[order, 0], jaw[order, 1], left=jaw[4, 1], right=jaw[12, 1])
    head = person.astype(bool) & (yy < line[None])
    below = person.astype(bool) & ~head
    half = float(jaw[12, 0] - jaw[4, 0]) / 2
    neck = below & (np.abs(xx - jaw[8, 0]) < half) & (yy < points[8, 1] + 0.3 * face)
    return head.astype(np.uint8), neck.astype(np.uint8)
