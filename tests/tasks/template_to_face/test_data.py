"""Crops become pictures and crops again; what is changed in a crop is changed a little."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.template_to_face.data import at_crop, changed, pictures, to_crops


def test_crops_come_back():
    crops = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(1, 16, 16, 3)
    assert pictures(crops).shape == (1, 3, 16, 16)
    assert pictures(crops).min() == -1
    assert pictures(crops).max() == 1
    assert torch.equal(to_crops(pictures(crops)), crops)
    assert to_crops(torch.tensor([-3.0, 3.0]).view(2, 1, 1, 1)).flatten().tolist() == [0, 255]


def test_a_recogniser_sees_112_pixels():
    small, large = torch.rand(1, 3, 112, 112), torch.rand(1, 3, 128, 128)
    assert at_crop(small) is small
    assert at_crop(large).shape == (1, 3, 112, 112)


def test_a_changed_crop_is_still_the_face():
    crop = np.zeros((112, 112, 3), np.uint8)
    crop[40:72, 40:72] = 200
    first, again, other = (changed(crop, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    rows, columns = np.nonzero(other.mean(-1) > 100)
    assert rows.mean() == pytest.approx(55.5, abs=8)
    assert columns.mean() == pytest.approx(55.5, abs=8)
