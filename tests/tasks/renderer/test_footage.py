"""Footage at the training size: windows stop at cuts, boxes hold the face."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.renderer.footage import Footage, before_the_plate, scene_boxes
from tasks.renderer.patches import PatchSource
from tests.tasks.renderer.small import task_video
from utils.faces.landmarks import MEAN_FACE


def test_frames_larger_than_the_training_size_shrink(video):
    footage = Footage(task_video(video), 32)
    assert (footage.height, footage.width) == (32, 32)
    assert footage.picture("frames", 0).shape == (32, 32, 3)
    assert footage.focal == pytest.approx(task_video(video).meta.focal_px / 2)
    patch = PatchSource(footage, upsample=4, rays=4096).patch(0, (0.0, 0.0))
    assert patch.target.shape == (1, 3, 32, 32)
    assert footage.window(0, 5).shape == (5, 68, 3)


@pytest.mark.parametrize("size", [64, 40, 32])
def test_a_part_is_that_of_the_whole_picture(video, size):
    footage = Footage(task_video(video), size)
    for name in ("frames", "torso_frames", "head_mask", "torso_mask"):
        whole = footage.picture(name, 3)[5:20, 3:30]
        np.testing.assert_array_equal(footage.part(name, 3, slice(5, 20), slice(3, 30)), whole)


def test_what_moves_behind_a_person_is_not_to_be_drawn():
    frame, bare = np.full((2, 3, 3), 200, np.uint8), np.full((2, 3, 3), 100, np.uint8)
    head = np.array([[255, 128, 64], [0, 0, 0]], np.uint8)
    torso = np.array([[0, 0, 0], [0, 255, 32]], np.uint8)
    shown = before_the_plate(frame, bare, head, torso)[..., 0]
    assert shown.tolist() == [[200, 200, 150], [100, 200, 125]]


def test_windows_stop_at_a_cut(video):
    footage = Footage(task_video(video), 64)
    cut = footage.video.meta.cuts[0]
    assert np.array_equal(footage.window(cut, 5)[0], footage.landmarks[cut])
    assert np.array_equal(footage.window(cut - 1, 5)[-1], footage.landmarks[cut - 1])


def test_the_box_holds_every_landmark(video):
    footage = Footage(task_video(video), 64)
    box, face_box = scene_boxes(footage, (-2.2, 1.0))
    points = MEAN_FACE + footage.landmarks / 10
    for corners in (box, face_box):
        assert (points >= corners[0]).all()
        assert (points <= corners[1]).all()
    assert (face_box[0] >= box[0]).all()
    assert (face_box[1] <= box[1]).all()
