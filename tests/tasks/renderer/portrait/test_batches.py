"""Batches of lower faces: another's lies over the frame's own, in its pose, and nothing else is changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.renderer.footage import Footage
from tasks.renderer.portrait.batches import CANDIDATES, LowerFaceSource, ValLowerFaces
from tests.tasks.renderer.small import task_video


@pytest.fixture(scope="module")
def source(video) -> LowerFaceSource:
    return LowerFaceSource(Footage(task_video(video), 64), step=4, reach=0.28, frames=3)


def test_a_batch_is_a_function_of_its_generator(source):
    one, same, other = (source.batch(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one.frame_ids, other.frame_ids)
    assert len(source.names()) == 3


def test_every_tensor_has_the_shape_that_it_is_said_to_have(source):
    batch = source.batch(np.random.default_rng(0))
    high, wide = source.high, source.wide
    assert high % 4 == wide % 4 == 0
    assert batch.landmarks.shape == (3, 5, 68, 3)
    assert batch.target.shape == batch.covered.shape == batch.backdrop.shape == (3, high, wide, 3)
    assert batch.mask.shape == (3, high, wide)
    assert batch.weight.shape == (3, 1, high, wide)
    assert (batch.corner % 4 == 0).all()


def test_the_mouth_is_cut_out_alike_in_every_frame_and_holds_the_lips(source):
    batch = source.batch(np.random.default_rng(0))
    sides = batch.mouth[:, 2:] - batch.mouth[:, :2]
    assert (sides == sides[0]).all()
    for frame, corner, mouth in zip(batch.frame_ids, batch.corner, batch.mouth, strict=True):
        lips = source.footage.landmarks_px[int(frame)][48:68] - corner.numpy()
        assert (lips >= mouth[:2].numpy() - 1).all()
        assert (lips <= mouth[2:].numpy() + 1).all()
    assert (batch.mouth >= 0).all()
    assert (batch.mouth[:, 2:] <= torch.tensor([source.wide, source.high])).all()


def test_beyond_the_mask_the_covered_frame_is_the_true_one(source):
    batch = source.batch(np.random.default_rng(0))
    outside = batch.mask == 0
    assert outside.any()
    assert torch.equal(batch.covered[outside], batch.target[outside])


def test_the_lent_face_is_another_frames_in_nearly_the_same_pose(source):
    for frame in source.ids[::7].tolist():
        candidates = np.random.default_rng(frame).choice(source.ids, CANDIDATES)
        lender = source.lender(frame, np.random.default_rng(frame))
        distance = np.square(source.poses[candidates] - source.poses[frame]).sum(axis=1)
        assert lender != frame
        assert np.square(source.poses[lender] - source.poses[frame]).sum() <= distance[candidates != frame].min()
    assert torch.equal(source.face(3, 9).covered_landmarks[0], torch.from_numpy(source.footage.landmarks[9]))


def test_a_frame_that_covers_itself_is_unchanged(source):
    batch = source.face(5, 5)
    assert (batch.covered.int() - batch.target.int()).abs().max() <= 1


def test_held_out_faces_are_always_the_same(source):
    faces = ValLowerFaces(source, "val", 2)
    assert len(faces) == 2
    assert torch.equal(faces[1].covered, faces[1].covered)
    assert set(faces.ids.tolist()) <= set(source.footage.video.frame_ids("val").tolist())
