"""What every task promises, for the files that try each of them on made data."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks import run
from tasks.core.checkpoints import checkpoint_files, read_checkpoint
from tasks.core.loading import load_task


def trains_saves_loads_and_goes_on_exactly(words: Callable[[str], list[str]], whole: Path) -> None:
    """Train for four updates with a checkpoint at two; going on from the two, undrawn, must end in the same weights.

    Args:
        words: Name of a run beside `whole` -> the command line that trains it.
        whole: Folder of the run.
    """
    assert run.main(words(whole.name)) == 0
    assert list(checkpoint_files(whole)) == [2, 4]
    task = load_task(whole)
    assert not task.training
    assert task.updates == 4
    assert task.data_fingerprint
    broken = whole.with_name(f"{whole.name}_broken")
    broken.mkdir()
    shutil.copy(whole / "model_ckpt_steps_2.ckpt", broken)
    assert run.main([*words(broken.name), "--set", "num_valid_plots=0"]) == 0
    first, second = (read_checkpoint(folder / "last.ckpt") for folder in (whole, broken))
    for key, value in first["state_dict"].items():
        assert torch.equal(value, second["state_dict"][key]), key
    assert first["vizeme"]["extra"] == second["vizeme"]["extra"]


def draws_pictures_and_curves(whole: Path) -> None:
    """Find pictures, training curves and validation curves in the run's TensorBoard events; curves in a table too."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(whole / "tb_logs"), size_guidance={"images": 0})
    events.Reload()
    assert events.Tags()["images"], "a task shows pictures, not only curves"
    scalars = events.Tags()["scalars"]
    assert any(tag.startswith("tr/") for tag in scalars)
    assert any(tag.startswith("val/") for tag in scalars)
    name, words = load_task(whole).in_words
    assert not name or f"val/{name}" in scalars, "what is said in words is measured"
    assert not words or any(letter.isdigit() for letter in words.format(0.5))
    with (whole / "metrics.csv").open(newline="") as file:
        assert set(next(csv.reader(file))) == {"update", *scalars}


def validates_twice_alike(command: list[str], capsys: pytest.CaptureFixture[str], *, every: bool = False) -> None:
    """Validate twice; the figures are the same, and some (or with `every` all) are numbers."""
    outputs = []
    for _ in range(2):
        assert run.main([*command, "--validate"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert "val/" in outputs[0]
    finite = np.isfinite([float(line.split()[-1]) for line in outputs[0].splitlines()])
    assert finite.all() if every else finite.any()
