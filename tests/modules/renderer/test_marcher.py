"""The quick ways to render give the pictures of the plain way: culled, in loops, side by side, in batches."""

from __future__ import annotations

import pytest
import torch

from modules.renderer import field
from modules.renderer.inference import FrameRenderer
from modules.renderer.marcher import MIDDLE, place_samples
from modules.renderer.renderer import Renderer
from modules.renderer.sampling import composite_weights, inverse_cdf
from tests.modules.renderer.made import ball, look, make


def marched(renderer: Renderer, camera: torch.Tensor, frames: FrameRenderer, windows: torch.Tensor) -> torch.Tensor:
    """Return what training sums along all rays, (P, C + 1), if its coarse steps lie where rendering has them."""
    head = renderer.head

    def at_the_same_place(rays: object, count: int, *_: object) -> torch.Tensor | None:
        coarse = head.fine_samples and count == head.samples
        return torch.full((len(rays.near), count), MIDDLE) if coarse else None

    rays, inside = renderer.scene.rays(frames.uv.view(-1, 2), camera)
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(field, "drawn", at_the_same_place)
        march = head.march_frames(head.frames(head.encode(renderer.scene.normalise(windows))), [rays], False)
    whole = torch.zeros(frames.uv[..., 0].numel(), head.feature_dim + 1)
    whole[inside[march.hits]] = torch.cat([march.features, march.alpha[:, None]], dim=1)
    return whole


@pytest.mark.parametrize(("fine", "bases"), [(4, 4), (0, 4), (4, 0)])
def test_a_marched_picture_holds_what_training_sums(fine, bases):
    renderer = ball(make(1, fine=fine, bases=bases, height=33, width=47)).eval()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    windows, cameras, _ = look(renderer)
    with torch.inference_mode():
        got = frames.marcher(frames.encode(windows), 0, cameras[0])
    wanted = marched(renderer, cameras[0], frames, windows)
    assert 0.02 < (wanted[:, -1] > 0.1).float().mean() < 0.5
    assert (got - wanted).abs().max() < 1e-3


def test_culling_leaves_out_empty_blocks_only():
    renderer = ball(make(1, height=64, width=64), 0.3).eval()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    windows, cameras, _ = look(renderer)
    with torch.inference_mode():
        seen = frames.marcher._seen(frames.marcher.blend(frames.encode(windows), 0), cameras[0])
    alpha = marched(renderer, cameras[0], frames, windows)[:, -1]
    assert not (alpha[~seen] > 0).any()
    assert seen.float().mean() < 0.4


def test_a_head_smaller_than_a_block_is_not_lost():
    renderer = ball(make(1, height=9, width=9), 0.4).eval()
    renderer.scene.focal.copy_(torch.tensor(9.0))
    frames = FrameRenderer(renderer, dtype=torch.float32)
    windows, cameras, _ = look(renderer)
    with torch.inference_mode():
        got = frames.marcher(frames.encode(windows), 0, cameras[0])
    wanted = marched(renderer, cameras[0], frames, windows)
    assert wanted[:, -1].max() > 0.1
    assert (got - wanted).abs().max() < 1e-3


def test_samples_are_placed_as_the_inverse_of_the_sums_says():
    torch.manual_seed(0)
    density, near = 3 * torch.rand(6, 12), torch.rand(6)
    far = near + 2
    weights = composite_weights(density, torch.full((6, 12), 2 / 12))
    steps, lengths = place_samples(density, near, far, 5)
    assert torch.allclose(steps, inverse_cdf(weights, near, far, 5), atol=1e-4)
    assert (lengths > 0).all()


def test_samples_of_a_known_density_lie_where_its_integral_says():
    """Constant density d over a length of 1: the k-th of n samples is where 1 - exp(-d t) is (k + 1/2) / n of all."""
    count, d = 8, 3.0
    steps, _ = place_samples(torch.full((1, 4000), d), torch.zeros(1), torch.ones(1), count)
    share = (torch.arange(count) + 0.5) / count
    wanted = -torch.log1p(-share * (1 - torch.exp(torch.tensor(-d)))) / d
    assert torch.allclose(steps[0], wanted, atol=2e-2)
