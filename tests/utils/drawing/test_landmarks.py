"""Faces are drawn upright, where their points are."""

from __future__ import annotations

import numpy as np
import pytest

from utils.drawing import landmarks as drawing
from utils.faces.landmarks import from_offsets


def talking(frames: int = 6) -> np.ndarray:
    landmarks = np.zeros((frames, 68, 3), np.float32)
    landmarks[:, 65:68, 1] = -np.linspace(0, 3, frames)[:, None]
    return landmarks


def test_a_face_is_drawn_upright_and_in_the_colours_of_its_parts():
    picture = drawing.draw_landmarks(from_offsets(np.zeros((68, 3))), 256)
    assert picture.shape == (256, 256, 3)
    assert picture.dtype == np.uint8
    red = (picture[..., 0].astype(int) - picture[..., 2] > 100).nonzero()[0]  # eyes
    green = (picture[..., 1].astype(int) - picture[..., 0] > 60).nonzero()[0]  # mouth, and nose
    assert len(red)
    assert len(green)
    assert red.max() < green.max()


def test_pixel_points_land_where_they_are():
    points = np.full((68, 2), 20.5, np.float32)
    picture = drawing.draw_landmarks(points, colour=(255, 0, 0), canvas=np.zeros((40, 40, 3), np.uint8), lines=False)
    rows, columns = picture[..., 0].nonzero()
    assert abs(rows.mean() - 20) < 0.5
    assert abs(columns.mean() - 20) < 0.5


def test_a_canvas_is_not_painted_on():
    canvas = np.zeros((64, 64, 3), np.uint8)
    drawing.draw_landmarks(np.random.default_rng(0).uniform(0, 64, (68, 2)), canvas=canvas, numbered=True)
    assert canvas.max() == 0


def test_points_that_are_not_numbers_are_said_not_drawn():
    assert drawing.draw_landmarks(np.full((68, 3), np.nan), 64).shape == (64, 64, 3)


def test_several_sequences_stand_side_by_side_or_over_each_other():
    both = {"true": talking(6), "predicted": talking(4).reshape(1, 4, 204)}
    row = drawing.animate_landmarks(both, 64)
    over = drawing.animate_landmarks(both, 64, overlaid=True)
    assert row.shape[0] == over.shape[0] == 6
    assert row.shape[2] == 2 * 64 + 4
    assert over.shape[1:] == (64, 64, 3)
    assert (over[0] != over[-1]).any()
    assert drawing.animate_landmarks(talking(6), 64, limit=2).shape == (2, 64, 64, 3)


@pytest.mark.parametrize("shape", [(1, 5, 204), (5, 204), (5, 68, 3)])
def test_every_layout_of_landmarks_is_read(shape):
    assert drawing.as_landmarks(np.zeros(shape)).shape == (5, 68, 3)


def test_a_wrong_layout_is_named():
    with pytest.raises(
        ValueError, match=r"landmarks of shape \(4, 7\): need \(T, 68, 3\), \(T, 204\) or \(1, T, 204\)"
    ):
        drawing.as_landmarks(np.zeros((4, 7)))


def test_the_mesh_is_what_tensorboard_takes():
    mesh = drawing.landmark_mesh(np.zeros((68, 3)))
    assert mesh.vertices.shape == mesh.colours.shape == (1, 68, 3)
    assert mesh.faces.shape[2] == 3
    assert mesh.faces.min() >= 0
    assert mesh.faces.max() < 68


def test_the_mouth_alone_fills_the_picture():
    from utils.drawing.canvas import GROUP_COLOURS
    from utils.drawing.landmarks import draw_sequences, near_mouth
    from utils.faces.landmarks import MEAN_FACE, MOUTH

    pixels = near_mouth(MEAN_FACE, 200)[MOUTH]
    np.testing.assert_allclose(pixels.mean(axis=0), [100, 100], atol=0.01)
    far, near = (next(draw_sequences({"a": np.zeros((1, 68, 3))}, 200, mouth=mouth)) for mouth in (False, True))
    assert far.shape == near.shape == (200, 200, 3)
    width = [np.ptp(np.flatnonzero((p == GROUP_COLOURS["mouth"]).all(axis=2).any(axis=0))) for p in (far, near)]
    assert 2 < width[1] / width[0] < 4
