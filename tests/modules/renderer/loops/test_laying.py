"""A drawing is laid into a picture as its formula says, pixel by pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from modules.renderer.loops.laying import keep_outline, lay_in, roughness

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_drawing_with_grain_is_mixed_in_by_its_mask(kind):
    true, drawn = (RNG.integers(0, 256, (9, 7, 3)).astype(np.uint8) for _ in range(2))
    mask, grain = RNG.random((9, 7), np.float32), RNG.standard_normal((9, 7), np.float32)
    mask[:2] = 0
    wanted = true + mask[..., None] * (drawn + 5 * grain[..., None] - true.astype(np.float32))
    out = true.copy()
    lay_in(drawn.astype(kind), mask, grain, np.float32(5), out)
    assert np.abs(out - np.clip(wanted, 0, 255)).max() < 0.51
    assert np.array_equal(out[:2], true[:2])


def test_roughness_is_what_a_blur_takes_away():
    picture = RNG.integers(0, 256, (12, 10, 3)).astype(np.uint8)
    kernel = cv2.getGaussianKernel(7, 1.0)[:, 0].astype(np.float32)
    smooth = picture - cv2.sepFilter2D(picture.astype(np.float32), -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    rows, columns = np.array([0, 5, 11]), np.array([9, 4, 0])
    out = np.empty((3, 3), np.float32)
    roughness(picture, rows, columns, kernel, out)
    assert np.allclose(out, np.abs(smooth[rows, columns]), atol=1e-3)


@pytest.mark.parametrize(("solid", "depth", "moved", "covered", "wanted"), [
    (255, 255, 0, 0, 0.8), (255, 127, 0, 0, 0), (0, 255, 0, 0, 0), (0, 0, 1, 0, 0.8), (255, 255, 1, 0.25, 0.6),
    (255, 0, 0.5, 0, 0.4),
])  # fmt: skip
def test_an_outline_is_covered_as_far_as_it_moved(solid, depth, moved, covered, wanted):
    def one(value, kind=np.float32):
        return np.full((1, 1), value, kind)

    out = one(7)
    bytes_ = one(204, np.uint8), one(solid, np.uint8)
    keep_outline(*bytes_, one(depth), np.float32(0.25), one(moved), one(covered), out)
    assert out[0, 0] == pytest.approx(wanted, abs=1e-6)
