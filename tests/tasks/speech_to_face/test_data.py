"""Batches are functions of their generator; what is changed in a picture is changed in its landmarks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modules.faces.face_warp import to_pixels
from tasks.speech_to_face.data import FaceBatch, FaceSource, VoiceSource, disturb, mirrored, recolour
from tasks.speech_to_face.features import FaceFeatures
from tests.made_persons import made_face, make_persons


@pytest.fixture(scope="module")
def persons(tmp_path_factory):
    return make_persons(tmp_path_factory.mktemp("persons") / "set", 6, clips=2, faces=2)


def test_batches_follow_from_the_generator(persons):
    source = FaceSource(persons, "train", 3, 64, augment=True)
    first, second = (source.batch(np.random.default_rng(5)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)
    assert first.images.shape == (3, 3, 64, 64)
    features = FaceFeatures({e: np.full((2, 4), e, np.float32) for e in range(6)})
    voices = VoiceSource(persons, "train", "mean", 2, 16000, torch.from_numpy, features)
    first, second = (voices.batch(np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(first.sound, second.sound)
    assert first.feature[:, 0].tolist() == first.entry.tolist()
    whole = voices.whole(100)
    assert sum(len(batch.sound) for batch in whole) == len(voices.pairs)
    assert torch.equal(torch.cat([b.sound for b in whole]), torch.cat([b.sound for b in voices.whole(100)]))


def test_disturbed_pictures_keep_their_landmarks():
    """A white disc at a landmark is still there after mirroring, shifting and scaling."""
    import cv2

    for seed in range(6):
        picture, points = made_face(0.5)
        picture[:] = 0
        cv2.circle(picture, tuple(np.round(points[36] - 0.5).astype(int).tolist()), 6, (255, 255, 255), -1)
        images = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        landmarks = torch.from_numpy(points)[None] / 112 - 1
        batch = disturb(
            FaceBatch(images, landmarks, torch.zeros(1), torch.zeros(1, 0), torch.zeros(1)), np.random.default_rng(seed)
        )
        light = batch.images[0].mean(0)
        y, x = torch.nonzero(light > 0.5 * light.max()).float().mean(0) + 0.5
        found = to_pixels(batch.landmarks, 224)[0]
        nearest = (found - torch.stack([x, y])).norm(dim=1)
        assert min(nearest[36], nearest[45]) < 1.5
    twice = mirrored(mirrored(landmarks))
    torch.testing.assert_close(twice, landmarks)


def test_recoloured_pictures_keep_their_shapes(persons):
    """Strength 0 changes nothing; 1 changes colours and light but not where the edges are."""
    images = FaceSource(persons, "train", 4, 64).batch(np.random.default_rng(0)).images
    torch.testing.assert_close(recolour(images, 0.0, np.random.default_rng(1)), images, atol=2e-3, rtol=0)
    first, second = (recolour(images, 1.0, np.random.default_rng(seed)) for seed in (1, 2))
    assert torch.equal(first, recolour(images, 1.0, np.random.default_rng(1)))
    assert first.min() >= 0
    assert first.max() <= 1
    assert (first - second).abs().mean() > 0.1

    def edges(pictures):
        grey = pictures.mean(1)
        return (grey[:, 1:, 1:] - grey[:, :-1, :-1]).abs().flatten(1)

    assert torch.corrcoef(torch.cat([edges(images[:1]), edges(first[:1])]))[0, 1] > 0.5
    jittered = FaceSource(persons, "train", 4, 64, colour_jitter=1.0).batch(np.random.default_rng(0))
    assert not torch.equal(jittered.images, images)
