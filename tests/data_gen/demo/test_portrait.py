from __future__ import annotations

import numpy as np

from data_gen.demo.portrait import CANVAS, load_portrait


def test_the_layers_are_of_one_size_and_the_person_is_where_the_face_is():
    portrait = load_portrait()
    assert portrait.image.shape == portrait.plate.shape == (CANVAS, CANVAS, 3)
    assert portrait.alpha.shape == portrait.depth.shape == (CANVAS, CANVAS)
    assert portrait.landmarks_px.shape == (68, 2)
    nose = portrait.landmarks_px[30].astype(int)
    assert portrait.alpha[nose[1], nose[0]] > 0.99
    assert portrait.alpha[:20, :20].max() < 0.01


def test_the_nose_is_nearer_than_the_ears():
    portrait = load_portrait()
    nose, left, right = (portrait.landmarks_px[point].astype(int) for point in (30, 0, 16))
    depth = portrait.depth
    assert depth[nose[1], nose[0]] > max(depth[left[1], left[0]], depth[right[1], right[0]]) + 0.3


def test_the_room_is_kept_where_it_is_seen():
    portrait = load_portrait()
    corner = np.s_[:20, :20]
    assert np.abs(portrait.plate[corner].astype(int) - portrait.image[corner]).mean() < 3


def test_the_upper_lip_lies_above_the_lower():
    portrait = load_portrait()
    left, right = portrait.landmarks_px[[60, 64], 0].astype(int)
    gap = portrait.lower_lip_px[left:right] - portrait.upper_lip_px[left:right]
    assert gap.min() >= 0
    assert gap.max() > 0.03 * portrait.eye_distance_px


def test_the_eye_distance_is_that_of_the_eyes_centres():
    portrait = load_portrait()
    first, second = portrait.landmarks_px[36:42].mean(0), portrait.landmarks_px[42:48].mean(0)
    assert portrait.eye_distance_px == float(np.linalg.norm(second - first))
