"""A lower face is found where the landmarks say, on the borders of rays, and what lies before it is seen."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.renderer.portrait.lower_face import covered, lower_face
from tests.tasks.renderer.portrait.test_composer import SIDE, points_in
from utils.faces.landmarks import EYES, MOUTH


@pytest.mark.parametrize("step", [1, 4, 8])
def test_the_box_lies_on_the_borders_of_rays_and_holds_the_whole_mask(step):
    face = lower_face(points_in(SIDE)[None], SIDE, SIDE, wider=0.14, step=step)
    x0, y0, x1, y1 = face.box
    assert all(side % step == 0 for side in face.box)
    assert face.mask.shape == (y1 - y0, x1 - x0)
    assert max(face.mask[0].max(), face.mask[-1].max(), face.mask[:, 0].max(), face.mask[:, -1].max()) < 0.01
    for x, y in points_in(SIDE)[MOUTH].round().astype(int):
        assert face.mask[y - y0, x - x0] > 0.95
    assert (points_in(SIDE)[EYES, 1] < y0 + 2).all() or face.mask[0].max() < 0.01


def test_a_wider_mask_reaches_farther():
    near, far = (lower_face(points_in(SIDE)[None], SIDE, SIDE, wider=wider) for wider in (0.1, 0.3))
    assert far.mask.sum() > 1.2 * near.mask.sum()


def test_a_face_outside_the_picture_has_an_empty_box():
    face = lower_face(points_in(SIDE)[None] + 10 * SIDE, SIDE, SIDE, wider=0.14)
    assert face.box == (0, 0, 0, 0)
    assert face.mask.size == 0


def test_what_lies_before_the_face_is_where_the_head_mask_has_a_hole_in_it():
    mask = np.full((SIDE, SIDE), 255, np.uint8)
    x, y = points_in(SIDE)[MOUTH].mean(axis=0).astype(int)
    mask[y - 6 : y + 7, x - 6 : x + 7] = 0
    seen = covered(mask, points_in(SIDE))
    assert seen[y, x] > 0.95
    assert seen[5, 5] == 0
