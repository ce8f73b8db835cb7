"""What training asks of a rendered patch, term by term; every function returns a mean, unweighted."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from modules.renderer.field import Marched
from modules.renderer.sampling import coarse_bound

BRIGHTNESS = [[[0.299]], [[0.587]], [[0.114]]]
"""What red, green and blue add to it."""
LAPLACIAN = [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]
FINE_WINDOW, FINE_STEP = 9, 3
"""Pixels along a side over which fine detail is averaged, and how far such windows are apart."""
NO_DETAIL = 1e-5
"""Energy of a Laplacian below which pictures count as smooth: a step of one in 255 or so."""


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Average `values` (B, C, H, W) with `weight` (B, 1, H, W)."""
    return (values * weight).sum() / (weight.sum() * values.shape[1]).clamp(min=1e-6)


def colour_loss(image: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Return the absolute plus the squared error of two images (B, 3, H, W)."""
    error = image - truth
    return weighted_mean(error.abs(), weight) + weighted_mean(error.square(), weight)


def opacity_loss(alpha: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Return the cross-entropy () of alpha (B, 1, H, W) against a soft mask of that shape, both in [0, 1], weighed."""
    safe = alpha.clamp(1e-4, 1 - 1e-4)
    return weighted_mean(-(mask * safe.log() + (1 - mask) * (1 - safe).log()), weight)


def interlevel_loss(march: Marched) -> Tensor:
    """Punish (): fine weight that coarse bins do not account for (mip-NeRF 360), so that they learn where to sample."""
    bound = coarse_bound(march.coarse, march.edges.detach(), march.near, march.far)
    fine = march.weights.detach()
    return ((fine - bound).clamp(min=0).square() / (fine + 1e-4)).sum(dim=-1).mean()


def coarse_mask_loss(alpha: Tensor, mask: Tensor) -> Tensor:
    """Empty the coarse grid well outside the mask, and keep rays inside from being skipped.

    Args:
        alpha: (B, 1, h, w) coarse alpha per ray. mask: the same shape, in [0, 1].
    """
    near = F.max_pool2d(mask, 5, stride=1, padding=2)
    return (alpha * (1 - near) + (0.5 - alpha).clamp(min=0) * mask).mean()


def distortion_loss(march: Marched) -> Tensor:
    """Ask for one thin surface per ray: weights close together (mip-NeRF 360); a mean () over rays."""
    edges = (march.edges - march.near[:, None]) / (march.far - march.near)[:, None]
    middle, lengths = (edges[:, 1:] + edges[:, :-1]) / 2, edges.diff(dim=-1)
    weights = march.weights
    spread = (weights[:, :, None] * weights[:, None] * (middle[:, :, None] - middle[:, None]).abs()).sum(dim=(1, 2))
    return (spread + (weights.square() * lengths).sum(dim=-1) / 3).mean()


def entropy(alpha: Tensor) -> Tensor:
    """Ask alpha (...) to be 0 or 1: its mean entropy () in nats."""
    safe = alpha.clamp(1e-4, 1 - 1e-4)
    return -(safe * safe.log() + (1 - safe) * (1 - safe).log()).mean()


def detail_loss(image: Tensor, truth: Tensor, weight: Tensor, levels: int = 3) -> Tensor:
    """Return the mean absolute difference of the gradients of two images (B, 3, H, W) at several sizes."""
    total = image.new_zeros(())
    for _ in range(levels):
        difference = image - truth
        total = total + weighted_mean(difference.diff(dim=-1).abs(), weight[..., 1:])
        total = total + weighted_mean(difference.diff(dim=-2).abs(), weight[..., 1:, :])
        if min(image.shape[-2:]) < 8:
            break
        image, truth, weight = (F.avg_pool2d(x, 2) for x in (image, truth, weight))
    return total / (2 * levels)


def fineness_loss(image: Tensor, truth: Tensor) -> Tensor:
    """Return how far apart () two pictures (B, 3, H, W) in [0, 1] are in how much fine detail they hold, by place.

    That is the root of the energy of the brightness's Laplacian in windows of 9 x 9 pixels. Where in them an edge lies
    does not count, so detail that cannot be foretold is drawn and not averaged away.
    """
    return (_fineness(image) - _fineness(truth)).abs().mean()


def _fineness(image: Tensor) -> Tensor:
    brightness = F.pad((image * image.new_tensor(BRIGHTNESS)).sum(dim=1, keepdim=True), (1, 1, 1, 1), "replicate")
    energy = F.conv2d(brightness, image.new_tensor(LAPLACIAN)[None, None]).square()
    window = [min(FINE_WINDOW, side) for side in energy.shape[-2:]]
    return (F.avg_pool2d(energy, window, stride=FINE_STEP) + NO_DETAIL).sqrt()


def structure_loss(image: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Return 1 - SSIM () of images (B, 3, H, W) in [0, 1], windows of 7 pixels, weighed by (B, 1, H, W)."""
    return weighted_mean(1 - ssim_map(image, truth, stride=2), weight[..., ::2, ::2])


def ssim_map(image: Tensor, truth: Tensor, window: int = 7, stride: int = 1) -> Tensor:
    """Return the structural similarity of two images (B, C, H, W) in [0, 1], over square windows `stride` apart."""
    window = min(window, 2 * ((min(image.shape[-2:]) - 1) // 2) + 1)

    def mean(x: Tensor) -> Tensor:
        half = window // 2
        across = F.avg_pool2d(x, (1, window), (1, stride), (0, half), count_include_pad=False)
        return F.avg_pool2d(across, (window, 1), (stride, 1), (half, 0), count_include_pad=False)

    a, b = mean(image), mean(truth)
    var_a, var_b = mean(image * image) - a * a, mean(truth * truth) - b * b
    both = mean(image * truth) - a * b
    c1, c2 = 0.01**2, 0.03**2
    return ((2 * a * b + c1) * (2 * both + c2)) / ((a * a + b * b + c1) * (var_a + var_b + c2))
