"""The lower face of a render in the true frame: what stays, what moves, what covers, and that the seam is closed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tasks.renderer.portrait.composer import MOST_SHIFT, WIDER, Composer, Laid, seam
from tasks.renderer.portrait.lower_face import lower_face
from utils.faces.landmarks import JAW, MEAN_FACE, MOUTH

SIDE = 96


def points_in(side: int, opened: float = 0.0) -> np.ndarray:
    """Return the mean face in a picture, (68, 2) px; the jaw lower by `opened` eye distances."""
    points = MEAN_FACE[:, :2] * np.array([0.2, -0.2]) * side + np.array([0.5, 0.42]) * side
    points[JAW.start + 4 : JAW.stop - 4, 1] += opened * 0.2 * side
    return points.astype(np.float32)


def lay(footage, picture: np.ndarray, points: np.ndarray, **how) -> np.ndarray:
    """Lay the lower face of a whole picture into the only frame."""
    composer = Composer(footage, SIDE, SIDE, **how)
    place = composer.place(0, points)
    mask = (place.face.mask * 255 + 0.5).astype(np.uint8)
    solid = np.full(mask.shape, 255, np.uint8)
    return composer.lay(Laid(picture[place.face.part], mask, solid, place, SIDE))


@pytest.fixture
def footage():
    """Give one grey frame, whose head mask is whole, and its landmarks."""
    video = SimpleNamespace(
        frames=np.full((1, SIDE, SIDE, 3), 120, np.uint8), head_mask=np.full((1, SIDE, SIDE), 255, np.uint8)
    )
    return SimpleNamespace(video=video, height=SIDE, landmarks_px=points_in(SIDE)[None])


def test_beyond_the_lower_face_the_frame_is_the_true_one_to_the_byte(footage):
    footage.video.frames[0] = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3))
    picture = np.full((SIDE, SIDE, 3), 50, np.uint8)
    shown = lay(footage, picture, points_in(SIDE))
    x0, y0, x1, y1 = lower_face(footage.landmarks_px, SIDE, SIDE, wider=WIDER).box
    outside = np.ones((SIDE, SIDE), bool)
    outside[y0:y1, x0:x1] = False
    assert outside.sum() > SIDE * SIDE / 3
    assert np.array_equal(shown[outside], footage.video.frames[0][outside])
    eyes = points_in(SIDE)[36:48].round().astype(int)
    assert all(np.array_equal(shown[y, x], footage.video.frames[0][y, x]) for x, y in eyes)


def test_the_mouth_is_the_renders(footage):
    picture = footage.video.frames[0].copy()
    x, y = points_in(SIDE)[MOUTH].mean(axis=0).astype(int)
    picture[y - 3 : y + 4, x - 6 : x + 7] = (200, 30, 30)
    shown = lay(footage, picture, points_in(SIDE))
    assert np.abs(shown[y, x].astype(int) - (200, 30, 30)).max() <= 2


@pytest.mark.parametrize(("own", "spoken"), [(0.5, 0.0), (0.0, 0.5)])
def test_both_chins_are_covered_so_that_none_is_left_over(footage, own, spoken):
    footage.landmarks_px = points_in(SIDE, own)[None]
    both = np.stack([points_in(SIDE, own), points_in(SIDE, spoken)])
    face = lower_face(both, SIDE, SIDE, wider=WIDER)
    for points in both:
        x, y = points[8].round().astype(int) - face.box[:2]
        assert face.mask[y, x] > 0.95


def test_another_light_leaves_no_step_at_the_edge(footage):
    picture = np.full((SIDE, SIDE, 3), 120 - int(MOST_SHIFT / 2), np.uint8)
    shown = lay(footage, picture, points_in(SIDE)).astype(int)
    assert np.abs(np.diff(shown[..., 0], axis=0)).max() <= 2
    assert np.abs(shown - 120).max() <= 2


def test_a_wall_beside_a_jaw_that_does_not_move_stays_the_frames_own(footage):
    points = points_in(SIDE)
    below = np.arange(SIDE)[:, None] > points[8, 1] + np.zeros(SIDE)
    footage.video.head_mask[0, below] = 0
    footage.video.frames[0, below] = (0, 90, 240)
    picture = np.full((SIDE, SIDE, 3), 60, np.uint8)
    shown = lay(footage, picture, points, matched=True)
    assert np.array_equal(shown[below], footage.video.frames[0][below])
    assert not np.array_equal(lay(footage, picture, points_in(SIDE, 0.3), matched=True)[below], shown[below])


def test_a_hand_before_the_mouth_stays_before_it(footage):
    points = points_in(SIDE)
    x, y = points[MOUTH].mean(axis=0).astype(int)
    footage.video.frames[0, y - 8 : y + 9, x - 8 : x + 9] = 10
    footage.video.head_mask[0, y - 8 : y + 9, x - 8 : x + 9] = 0
    picture = np.full((SIDE, SIDE, 3), 120, np.uint8)
    shown = lay(footage, picture, points)
    assert shown[y, x].max() <= 12


def test_grain_is_added_where_the_frame_has_it_and_is_the_same_each_time(footage):
    rng = np.random.default_rng(1)
    grain = rng.normal(0, 3, (SIDE, SIDE, 1))
    footage.video.frames[0] = np.clip(120 + grain, 0, 255).astype(np.uint8)
    picture = np.full((SIDE, SIDE, 3), 120, np.uint8)
    x, y = points_in(SIDE)[MOUTH].mean(axis=0).astype(int)
    part = (slice(y - 8, y + 9), slice(x - 12, x + 13))
    shown = lay(footage, picture, points_in(SIDE))
    assert shown[part].std() == pytest.approx(grain[part].std(), rel=0.35)
    assert np.array_equal(shown, lay(footage, picture, points_in(SIDE)))


def test_a_face_outside_the_picture_changes_nothing(footage):
    footage.landmarks_px = points_in(SIDE)[None] + 10 * SIDE
    shown = lay(footage, np.zeros((SIDE, SIDE, 3), np.uint8), points_in(SIDE) + 10 * SIDE)
    assert np.array_equal(shown, footage.video.frames[0])


def test_a_seam_carries_what_differs_at_the_edge_inwards():
    mask = np.zeros((40, 40), np.float32)
    mask[10:30, 10:30] = 1
    mask[9:31, [9, 30]] = mask[[9, 30], 9:31] = 0.5
    spread = seam(np.full((40, 40, 3), 7, np.float32), mask, 8.0)
    assert np.abs(spread[12:28, 12:28] - 7).max() < 0.5


def test_what_a_trained_portrait_matched_is_laid_in_as_it_is(footage):
    picture = np.full((SIDE, SIDE, 3), 90, np.uint8)
    x, y = points_in(SIDE)[MOUTH].mean(axis=0).astype(int)
    assert lay(footage, picture, points_in(SIDE), matched=True)[y, x].tolist() == [90, 90, 90]


@pytest.mark.parametrize("height", [96, 150, 64])
def test_for_a_picture_of_another_size_it_lies_at_the_same_place(footage, height):
    ramp = np.broadcast_to(np.arange(SIDE, dtype=np.uint8)[None, :, None] * 2, (SIDE, SIDE, 3))
    place = Composer(footage, SIDE, SIDE).place(0, points_in(SIDE))
    mask = np.full(place.face.mask.shape, 255, np.uint8)
    laid = Laid(np.ascontiguousarray(ramp[place.face.part]), mask, mask, place, SIDE).resized(height)
    x0, _, x1, _ = laid.place.face.box
    middle = np.arange(x0, x1)[5:-5]
    expected = 2 * ((middle + 0.5) * SIDE / height - 0.5)
    assert np.abs(laid.colour[5, 5:-5, 0] - expected).max() <= 1.01
    assert laid.colour.shape[:2] == laid.mask.shape == laid.solid.shape == laid.place.face.mask.shape
    assert np.allclose(laid.place.points_px, points_in(height), atol=0.01)
