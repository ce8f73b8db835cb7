"""GrabCut finds a drawn person without any weights."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.video.masks.parsing import make_parser
from utils.faces.landmarks import MEAN_FACE


def portrait(size: int = 160) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw head and shoulders before a wall: frame, landmarks (68, 2), true head, true torso."""
    rng = np.random.default_rng(0)
    points = MEAN_FACE[:, :2] * [0.17 * size, -0.17 * size] + [size / 2, 0.4 * size]
    yy, xx = np.mgrid[0:size, 0:size] + 0.5
    chin, side = points[8, 1], np.ptp(points[:17, 0]) / 2
    torso = (yy > chin + 0.1 * size) & (np.abs(xx - size / 2) < 0.42 * size)
    torso |= (yy > chin - 0.1 * size) & (np.abs(xx - size / 2) < 0.6 * side)
    head = ((xx - size / 2) / (1.05 * side)) ** 2 + ((yy - 0.42 * size) / (chin - 0.42 * size)) ** 2 < 1
    frame = np.full((size, size, 3), (60, 120, 190), np.int64)
    frame[torso], frame[head] = (40, 40, 45), (205, 150, 125)
    frame = np.clip(frame + rng.normal(0, 4, frame.shape), 0, 255).astype(np.uint8)
    return frame, points, head, torso & ~head


def agreement(mask: np.ndarray, truth: np.ndarray) -> float:
    found = mask > 127
    return float((found & truth).sum() / (found | truth).sum())


def test_grabcut_needs_no_weights_and_finds_head_and_torso():
    frame, points, head, torso = portrait()
    masks = make_parser("grabcut").parse(frame, points)
    assert agreement(masks.head, head) > 0.85
    assert agreement(np.maximum(masks.neck, masks.cloth), torso) > 0.8
    again = make_parser("grabcut").parse(frame, points)
    np.testing.assert_array_equal(masks.head, again.head)


def close_up(half_width: float, size: int = 160) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a large head whose chin is low, in dark cloth: frame, landmarks, torso."""
    rng = np.random.default_rng(0)
    points = MEAN_FACE[:, :2] * [0.24 * size, -0.24 * size] + [size / 2, 0.45 * size]
    yy, xx = np.mgrid[0:size, 0:size] + 0.5
    chin, side = points[8, 1], np.ptp(points[:17, 0]) / 2
    head = ((xx - size / 2) / (1.1 * side)) ** 2 + ((yy - 0.45 * size) / (chin - 0.45 * size)) ** 2 < 1
    cloth = ((xx - size / 2) / (half_width * size)) ** 2 + ((yy - 1.05 * size) / (0.33 * size)) ** 2
    frame = np.full((size, size, 3), (205, 195, 190), np.int64)
    frame[cloth < 1], frame[head] = (30, 28, 32), (205, 150, 125)
    frame = np.clip(frame + rng.normal(0, 4, frame.shape), 0, 255).astype(np.uint8)
    return frame, points, (cloth < 1) & ~head


@pytest.mark.parametrize("half_width", [0.4, 0.8])
def test_cloth_beside_a_low_chin_is_torso_and_the_wall_below_it_is_not(half_width):
    frame, points, torso = close_up(half_width)
    masks = make_parser("grabcut").parse(frame, points)
    assert agreement(np.maximum(masks.neck, masks.cloth), torso) > 0.93


def test_wide_dark_hair_belongs_to_the_head():
    frame, points, head, _ = portrait()
    yy, xx = np.mgrid[0:160, 0:160] + 0.5
    side, brow = np.ptp(points[:17, 0]) / 2, points[17:27, 1].min()
    hair = ((xx - 80) / (2.0 * side)) ** 2 + ((yy - brow) / (1.4 * side)) ** 2 < 1
    frame[hair & ~head] = (60, 45, 35)
    assert agreement(make_parser("grabcut").parse(frame, points).head, head | hair) > 0.9
