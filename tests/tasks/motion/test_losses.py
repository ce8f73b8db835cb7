"""The losses of the motion tasks, by hand."""

from __future__ import annotations

import pytest
import torch

from tasks.motion.losses import continuity, lip_metrics, mouth_variance, mse, warm_up_and_decay
from tests.tasks.motion.numbered import numbered_batch


def test_losses_by_hand():
    batch = numbered_batch([3], [0], frames=4)
    out = batch.landmarks + torch.tensor([1.0, 2.0, 2.0, 50.0])[None, :, None, None]
    assert mse(out, batch).item() == pytest.approx((1 + 4 + 4) / 3)
    assert continuity(out, batch).item() == pytest.approx((1 + 1 + 0) / 3)
    assert warm_up_and_decay(0, 10, 100) == pytest.approx(0.1)
    assert warm_up_and_decay(110, 10, 100) == pytest.approx(0.1)


def test_perfect_lips_score_one():
    torch.manual_seed(0)
    batch = numbered_batch([30, 40], [0, 1])._replace(landmarks=torch.randn(2, 40, 68, 3))
    figures = lip_metrics(batch.landmarks + 3.0, batch)
    assert figures["lip_correlation"].item() == pytest.approx(1, abs=1e-4)
    assert figures["lip_spread"].item() == pytest.approx(1, abs=1e-4)
    assert figures["lip_error"].item() == pytest.approx(3 * 3**0.5, rel=1e-4)


def test_the_variance_of_a_mouth_is_counted_without_its_place():
    torch.manual_seed(0)
    batch = numbered_batch([30, 40], [0, 1])._replace(landmarks=torch.randn(2, 40, 68, 3))
    assert mouth_variance(batch.landmarks + 7, batch).item() == pytest.approx(1.0, abs=0.08)
    still = torch.arange(2.0)[:, None, None, None].expand(2, 40, 68, 3)
    assert mouth_variance(still, batch).item() == pytest.approx(0.0, abs=1e-9)
