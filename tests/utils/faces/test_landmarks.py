"""What `utils.faces.landmarks` promises."""

from __future__ import annotations

import numpy as np
import pytest

from utils.faces import landmarks as lm


def test_the_mean_face_defines_the_head_frame():
    left, right = lm.eye_centres(lm.MEAN_FACE)
    np.testing.assert_allclose((left + right) / 2, 0, atol=1e-6)
    assert lm.eye_distance(lm.MEAN_FACE) == pytest.approx(1, abs=1e-6)
    assert left[0] < 0 < right[0]  # 36-41 are on the viewer's left
    assert lm.MEAN_FACE[8, 1] == lm.MEAN_FACE[:, 1].min()  # the chin is lowest
    assert lm.MEAN_FACE[30, 2] == lm.MEAN_FACE[:, 2].max()  # the nose points at the viewer
    assert lm.MEAN_FACE.shape == (68, 3)
    assert lm.MEAN_FACE.dtype == np.float32


def test_a_mirrored_face_is_the_same_face():
    np.testing.assert_array_equal(lm.MIRROR[lm.MIRROR], np.arange(68))
    np.testing.assert_allclose(lm.MEAN_FACE[lm.MIRROR] * [-1, 1, 1], lm.MEAN_FACE, atol=1e-6)
    edges = {frozenset(edge) for edge in lm.EDGES}
    assert {frozenset(int(lm.MIRROR[i]) for i in edge) for edge in lm.EDGES} == edges


def test_groups_cover_every_point_once():
    covered = [i for group in lm.GROUPS.values() for i in range(68)[group]]
    assert sorted(covered) == list(range(68))
    assert {i for edge in lm.EDGES for i in edge} == set(range(68))


def test_offsets_are_tenths_of_an_eye_distance_and_go_back():
    points = np.repeat(lm.MEAN_FACE[None], 3, axis=0).copy()
    points[1, 30, 2] += 0.1
    offsets = lm.to_offsets(points)
    assert offsets[0].max() == 0
    assert offsets[1, 30, 2] == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(lm.from_offsets(offsets), points, atol=1e-6)
    assert offsets.dtype == np.float32


def test_the_mouth_opens_by_as_much_as_the_lower_lip_falls():
    landmarks = np.zeros((2, 68, 3), np.float32)
    landmarks[1, [65, 66, 67], 1] -= 2.0
    opening = lm.mouth_opening(landmarks)
    assert opening[1] - opening[0] == pytest.approx(2.0, abs=0.05)
    np.testing.assert_allclose(*lm.eye_opening(landmarks))


def test_shut_eyes_have_no_opening():
    landmarks = np.zeros((1, 68, 3), np.float32)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        landmarks[0, upper] = 10 * (lm.MEAN_FACE[lower] - lm.MEAN_FACE[upper])
    assert lm.eye_opening(landmarks)[0] == pytest.approx(0, abs=1e-5)
