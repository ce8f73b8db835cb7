"""A face and its mirror image are described alike, the mouth does not count, and a face is a sum."""

from __future__ import annotations

import pytest
import torch

from modules.faces.face_warp import to_normalised
from modules.speech_to_face.face_space import SIDE, STILL, SpaceDecoder, SpaceEncoder, shape_of
from tests.made_persons import made_face
from utils.faces.landmarks import MIRROR


@pytest.fixture(scope="module")
def mean():
    from data_gen.face_voice.faces import mean_shape

    return to_normalised(torch.from_numpy(mean_shape()), 224)


def face(build: float):
    picture, points = made_face(build)
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    return image, to_normalised(torch.from_numpy(points), 224)[None]


def test_a_shape_has_no_place_size_or_mouth(mean):
    landmarks = face(0.2)[1]
    shape = shape_of(landmarks, mean)
    torch.testing.assert_close(shape_of(0.01 * landmarks - 3, mean), shape, atol=1e-4, rtol=0)
    opened = landmarks.clone()
    opened[:, STILL:] += 1
    assert torch.equal(shape_of(opened, mean), shape)
    assert shape_of(mean[None], mean).abs().max() < 1e-6
    assert (shape_of(face(0.9)[1], mean) - shape).abs().max() > 0.02


def test_a_face_and_its_mirror_image_are_described_alike(mean):
    encoder = SpaceEncoder(4, mean, torch.from_numpy(MIRROR))
    image, landmarks = face(0.3)
    other = landmarks[:, torch.from_numpy(MIRROR)] * torch.tensor([-1.0, 1.0])
    for own, mirrored in zip(encoder.describe(image, landmarks), encoder.describe(image.flip(3), other), strict=True):
        torch.testing.assert_close(own, mirrored, atol=2e-3, rtol=0)
    colours = encoder.describe(image, landmarks)[1]
    assert 0.5 < colours.shape[1] / (3 * SIDE * SIDE // 2) < 0.8
    image[..., :20, :20] = 1 - image[..., :20, :20]
    assert torch.equal(encoder.describe(image, landmarks)[1], colours), "the background does not count"
    assert not encoder(image, landmarks).any(), "no directions yet"


def test_a_decoded_face_is_a_sum_within_colours():
    decoder = SpaceDecoder(2, size=16)
    nothing, one, two = (decoder(torch.tensor([row])) for row in ([0.0, 0.0], [1.0, 0.0], [2.0, 0.0]))
    torch.testing.assert_close(two.landmarks - one.landmarks, one.landmarks - nothing.landmarks)
    far = decoder(torch.full((1, 2), 1e3)).texture
    assert far.shape == (1, 3, 16, 16)
    assert (far.min(), far.max()) == (0, 1)
