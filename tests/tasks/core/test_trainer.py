"""What is trained follows from the seed and the update alone."""

from __future__ import annotations

import pytest
import torch

from tasks.core.checkpoints import read_checkpoint
from tasks.core.trainer import train
from tests.tasks.toy import ToyConfig, ToyTask


def config(**settings):
    base = {"task_cls": "toy", "max_updates": 12, "val_check_interval": 4, "tb_log_interval": 1, "lr": 0.01}
    return ToyConfig(**{**base, **settings})


@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_broken_run_goes_on_to_the_same_next_losses_and_weights(toy, tmp_path, ema, accumulate):
    whole = ToyTask(config(ema_decay=ema, accumulate_grad_batches=accumulate))
    torch.manual_seed(0)
    start = {k: v.clone() for k, v in whole.state_dict().items()}
    train(whole, tmp_path / "whole")
    first = ToyTask(config(ema_decay=ema, accumulate_grad_batches=accumulate, max_updates=8))
    first.load_state_dict(start)
    train(first, tmp_path / "broken")
    second = ToyTask(config(ema_decay=ema, accumulate_grad_batches=accumulate))
    train(second, tmp_path / "broken")
    assert len(whole.seen) == 12 * accumulate
    assert first.seen + second.seen == whole.seen
    assert second.thrown
    a = read_checkpoint(tmp_path / "whole" / "last.ckpt")
    b = read_checkpoint(tmp_path / "broken" / "last.ckpt")
    for name, value in a["state_dict"].items():
        assert torch.equal(value, b["state_dict"][name]), name
    table = (tmp_path / "whole" / "metrics.csv").read_text()
    assert table == (tmp_path / "broken" / "metrics.csv").read_text()
    assert [line.split(",")[0] for line in table.splitlines()] == ["update", *(str(n) for n in range(1, 13))]


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_gradients_are_clipped_whatever_the_precision(toy, tmp_path, monkeypatch, precision):
    norms = []
    step = torch.optim.Adam.step

    def watched(self, closure=None):
        result = closure() if closure else None
        norms.append(float(torch.nn.utils.get_total_norm([p.grad for g in self.param_groups for p in g["params"]])))
        step(self)
        return result

    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    train(ToyTask(config(clip_grad_norm=0.25, precision=precision, max_updates=4)), tmp_path)
    assert norms == pytest.approx([0.25] * 4, rel=1e-3)
