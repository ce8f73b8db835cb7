"""What is trained follows from the seed and the update alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tasks.core.checkpoints import read_checkpoint
from tasks.core.trainer import train
from tests.patience import HANG_S
from tests.tasks.toy import ToyConfig, ToyTask

ROOT = Path(__file__).resolve().parents[3]


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


@pytest.mark.slow
def test_tasks_learn_in_two_processes_what_they_learn_in_one_from_both_batches(tmp_path):
    """Voice encoder (batch norms, contrastive loss), speech to landmarks, template decoder."""
    doors = {
        "two": ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m"],
        "one": ["-m"],
    }
    for name, words in doors.items():
        done = subprocess.run(
            [sys.executable, *words, "tests.tasks.core.two_ranks", str(tmp_path / name)],
            cwd=ROOT, capture_output=True, text=True, timeout=HANG_S, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
    for task in ("ve_conv", "lm3d_vae_sync", "template_decoder"):
        two, one = (torch.load(tmp_path / name / f"{task}.pt", weights_only=True) for name in ("two", "one"))
        first = torch.load(tmp_path / "one" / f"{task}_first.pt", weights_only=True)
        for name, value in one.items():
            torch.testing.assert_close(two[name], value, atol=1e-4, rtol=1e-2, msg=f"{task} {name}")
        weights = {name: value for name, value in one.items() if value.is_floating_point()}
        moved = max(float((value - first[name]).abs().max()) for name, value in weights.items())
        assert moved > 1e-4, f"{task} learned nothing"
        figures = [json.loads((tmp_path / name / f"{task}.json").read_text()) for name in ("two", "one")]
        for name, value in figures[1].items():
            assert figures[0][name] == pytest.approx(value, rel=1e-3, abs=1e-5), f"{task} {name}"


@pytest.mark.slow
def test_a_lost_process_is_one_line(tmp_path):
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "tests.tasks.core.two_ranks"]
    done = subprocess.run(
        [sys.executable, *words, str(tmp_path), "dies"],
        cwd=ROOT, capture_output=True, text=True, timeout=HANG_S, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode != 0
    assert "Another process of this training is gone; what it said last tells why." in done.stderr
