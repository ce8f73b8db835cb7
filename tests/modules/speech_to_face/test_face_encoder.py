"""Face encoders of every kind give features that are not negative; the margin handicaps the right answer."""

from __future__ import annotations

import pytest
import torch

from modules.faces.vgg_face import BGR_MEAN, VggFace
from modules.speech_to_face.face_encoder import FaceEncoder


@pytest.mark.parametrize("kind", ["vgg16", "iresnet50", "vgg_face"])
def test_features_and_logits(kind):
    model = FaceEncoder(kind, 5, feature_dim=16, size=32, width=0.05).eval()
    feature = model(torch.rand(2, 3, 50, 50))
    assert feature.shape == (2, 16)
    assert feature.min() >= 0
    assert model.last_layer(feature).shape == (2, 5)


def test_the_margin_makes_the_right_answer_harder():
    torch.manual_seed(0)
    plain = FaceEncoder("vgg16", 5, feature_dim=16, size=32, width=0.05, margin=0.2)
    feature, person = torch.rand(4, 16), torch.arange(4)
    with_margin = plain.classify(feature, person)
    plain.margin = 1e-9
    assert plain.classify(feature, person) < with_margin
    logits = plain.last_layer(feature)
    assert logits.abs().max() <= plain.scale + 1e-4
    torch.testing.assert_close(plain.last_layer(3 * feature), logits)


def test_weights_trained_on_bgr_see_bgr():
    model = VggFace(2, feature_dim=4, size=32, width=0.05, inputs="bgr_mean").eval()
    seen = []
    model.convolutions.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    image = torch.rand(1, 3, 32, 32)
    model(image)
    torch.testing.assert_close(seen[0][0, 0], 255 * image[0, 2] - BGR_MEAN[0])
    torch.testing.assert_close(seen[0][0, 2], 255 * image[0, 0] - BGR_MEAN[2])


def test_gradients_reach_the_picture_through_a_frozen_encoder():
    model = FaceEncoder("vgg16", 5, feature_dim=16, size=32, width=0.05).eval().requires_grad_(False)
    image = torch.rand(1, 3, 48, 48, requires_grad=True)
    model(image).sum().backward()
    assert image.grad.abs().sum() > 0
