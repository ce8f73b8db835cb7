"""What is trained follows from the seed and the update alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tasks.core.checkpoints import checkpoint_files, read_checkpoint
from tasks.core.trainer import train
from tests.patience import HANG_S
from tests.tasks.toy import ToyConfig, ToyTask
from utils.errors import DataError

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


def test_what_is_lost_is_said_before_torchrun_ends_this_process(toy, tmp_path, monkeypatch):
    def reset(self, batch, number):
        raise RuntimeError("Connection reset by peer")

    monkeypatch.setattr(ToyTask, "training_step", reset)
    monkeypatch.setattr("tasks.core.trainer.is_lost", lambda error: "reset" in str(error))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(DataError, match=r"^Another process of this training is gone"):
            train(ToyTask(config()), tmp_path)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


DOORS = {"two": ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m"], "one": ["-m"]}
SHARED = ("ve_conv", "lm3d_vae_sync", "template_decoder", "lm3d_nerf")


def train_made(door: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Train made batches in two processes, or in one on the batches of both."""
    return subprocess.run(
        [sys.executable, *DOORS[door], "tests.tasks.core.two_ranks", str(folder), *words],
        cwd=ROOT, capture_output=True, text=True, timeout=HANG_S, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("task", SHARED)
def test_a_task_learns_in_two_processes_what_it_learns_in_one_from_both_batches(task, tmp_path):
    """Voice encoder (batch norms, contrastive loss), speech to landmarks, template decoder, renderer."""
    for door in DOORS:
        done = train_made(door, tmp_path / door, "--tasks", task)
        assert done.returncode == 0, done.stderr[-2000:]
    two, one = (torch.load(tmp_path / door / f"{task}.pt", weights_only=True) for door in DOORS)
    first = torch.load(tmp_path / "one" / f"{task}_first.pt", weights_only=True)
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, atol=1e-4, rtol=1e-2, msg=f"{task} {name}")
    weights = {name: value for name, value in one.items() if value.is_floating_point()}
    moved = max(float((value - first[name]).abs().max()) for name, value in weights.items())
    assert moved > 1e-3, f"{task} learned nothing"
    figures = [json.loads((tmp_path / door / f"{task}.json").read_text()) for door in DOORS]
    assert set(figures[0]) == set(figures[1]) > {"tr/total_loss"}
    for name, value in figures[1].items():
        assert figures[0][name] == pytest.approx(value, rel=1e-3, abs=1e-5), f"{task} {name}"


@pytest.mark.slow
@pytest.mark.parametrize("task", SHARED)
def test_two_processes_go_on_where_they_were_stopped(task, tmp_path):
    for folder, words in (("whole", ()), ("broken", ("--updates=2",)), ("broken", ())):
        done = train_made("two", tmp_path / folder, "--tasks", task, *words)
        assert done.returncode == 0, done.stderr[-2000:]
    steps = [list(checkpoint_files(tmp_path / folder / task)) for folder in ("whole", "broken")]
    assert steps == [[3], [2, 3]], "the third update alone was left to do"
    whole, broken = (torch.load(tmp_path / folder / f"{task}.pt", weights_only=True) for folder in ("whole", "broken"))
    for name, value in whole.items():
        assert torch.equal(broken[name], value), f"{task} {name}"


@pytest.mark.slow
@pytest.mark.parametrize("task", SHARED)
def test_a_lost_process_is_one_line(task, tmp_path):
    done = train_made("two", tmp_path, "--tasks", task, "--dies")
    assert done.returncode != 0
    assert "Another process of this training is gone; what it said last tells why." in done.stderr
