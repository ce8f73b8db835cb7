"""The generator and the discriminator give the published networks' figures, and the same every time in eval mode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from modules.wav2pix import Discriminator, Generator, PoseEncoder, heard_steps, shift_and_tint
from tests.modules.golden import assert_golden, filled, probe

GOLDEN = json.loads((Path(__file__).parent / "golden_pictures.json").read_text())


@pytest.mark.slow  # the same figures are asked of the imported files: tests/tasks/exchange/sources/test_wav2pix.py
@pytest.mark.parametrize("size", [64, 128])
def test_the_networks_are_the_published_ones(size):
    with torch.no_grad():
        made = filled(lambda: Generator(size))(probe(2, 16_000))
        scores, features = filled(lambda: Discriminator(size))(probe(2, 3, size, size), probe(2, 128, 1, 1))
    golden = GOLDEN[f"generator_{size}"]
    assert_golden(made.images, golden["image"])
    assert_golden(made.code, golden["z"])
    assert_golden(made.scores, golden["softmax_scores"])
    golden = GOLDEN[f"discriminator_{size}"]
    assert_golden(scores, golden["score"])
    assert_golden(features, golden["features"])


@torch.no_grad()
def test_a_face_depends_on_its_own_voice_alone():
    network = filled(lambda: Generator(64, classes=3))
    wavs = probe(3, 16_000)
    together = network(wavs).images
    assert torch.equal(network(wavs).images, together), "eval mode changes nothing"
    assert torch.allclose(network(wavs[1:2]).images[0], together[1], atol=1e-6)


@pytest.mark.parametrize(("seconds", "steps"), [(0.7, 3), (1.0, 4), (2.0, 8), (4.0, 16)])
def test_other_lengths_of_sound(seconds, steps):
    assert heard_steps(int(seconds * 16_000)) == steps


def test_too_short_a_sound_is_refused():
    with pytest.raises(ValueError, match="5 samples are too few; give at least 4096"):
        heard_steps(5)


def test_spectral_norm_bounds_the_weight():
    torch.manual_seed(0)
    layer = Discriminator(64).netD_1[2].train()
    for _ in range(200):
        weight = layer.module.weight_bar / layer.norm()
    assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=2e-2)


def sixteenth(**settings):
    torch.manual_seed(0)
    return Generator(64, classes=2, samples=4096, width=1 / 16, **settings).eval()


def test_narrow_networks_are_narrow_throughout():
    shapes = [tuple(p.shape) for name, p in Discriminator(128, width=0.5).named_parameters() if name.endswith("_bar")]
    assert [shape[0] for shape in shapes] == [32, 64, 128, 256, 512]
    assert sixteenth().netG[0].module.weight_bar.shape == (128, 32, 4, 4)


@torch.no_grad()
def test_group_norm_draws_with_contrast_from_the_first_update():
    said = {norm: sixteenth(norm=norm)(probe(2, 4096)).images.std() for norm in ("spectral", "group")}
    assert said["group"] > 20 * said["spectral"]


@torch.no_grad()
def test_without_a_pose_the_voice_has_its_usual_one():
    network, wavs = sixteenth(norm="group", pose_dim=3), 30 * probe(2, 4096)
    made = network(wavs)
    assert made.usual.shape == (2, 3)
    assert torch.equal(network(wavs, made.usual).images, made.images)
    assert (network(wavs, made.usual + 3).images - made.images).abs().max() > 1e-3, "another pose, another picture"
    assert sixteenth(norm="group")(wavs).usual is None


@torch.no_grad()
def test_poses_are_seen_in_pictures_of_any_size():
    mean, spread = PoseEncoder(5)(probe(2, 3, 128, 128))
    assert mean.shape == spread.shape == (2, 5)


def test_augmentation_lets_gradients_through_and_follows_the_seed():
    images = torch.zeros(4, 3, 64, 64, requires_grad=True)
    torch.manual_seed(1)
    first = shift_and_tint(images)
    torch.manual_seed(1)
    assert torch.equal(first, shift_and_tint(images))
    first.sum().backward()
    assert images.grad.abs().sum() > 0


@torch.no_grad()
@pytest.mark.parametrize("size", [64, 128])
def test_only_the_projection_can_tell_whose_face_it_is(size):
    torch.manual_seed(0)
    faces, codes = probe(2, 3, size, size), torch.randn(2, 128, 1, 1)
    for matching, can in (("concat", False), ("projection", True)):
        judge = Discriminator(size, matching).eval()
        right, wrong = judge(faces, codes)[0].sum(), judge(faces, codes.flip(0))[0].sum()
        # A sum of what is seen and what is heard is the same whoever is paired with whom.
        assert (abs(right - wrong) > 1e-6 * abs(right)) == can, matching
