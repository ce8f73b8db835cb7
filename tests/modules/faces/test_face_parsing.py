from __future__ import annotations

import torch

from modules.faces.face_parsing import CLASSES, FaceParser


def trained() -> FaceParser:
    torch.manual_seed(0)
    parser = FaceParser().eval()
    for module in parser.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return parser


def test_it_answers_at_an_eighth_of_the_size():
    assert trained()(torch.randn(2, 3, 64, 96)).shape == (2, len(CLASSES), 8, 12)


def test_fusing_changes_nothing():
    parser, images = trained(), torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        before = parser(images)
        after = parser.fuse()(images)
    torch.testing.assert_close(before, after, rtol=1e-3, atol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in parser.modules())


def test_the_published_weights_load_in_half_precision_with_their_training_heads():
    parser = trained()
    state = {name: value.half() if value.is_floating_point() else value for name, value in parser.state_dict().items()}
    state["conv_out16.conv_out.weight"] = torch.zeros(19, 64, 1, 1)
    other = FaceParser().eval()
    other.load_published(state)
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(other(images), parser(images), rtol=2e-2, atol=2e-2)
