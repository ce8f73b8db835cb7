"""What the door does once the recipe is read: train, infer, validate, evaluate, replay."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from tasks.core import trainer
from tasks.core.checkpoints import Steps
from tasks.core.loading import load_task
from tasks.core.run_folder import main_process, own_run, set_aside, tell_differences, tell_whose
from tasks.core.task import Task
from utils.config.overruled import switched_off
from utils.files.ownership import refuse_input_as_output
from utils.processes.memory import within_memory

log = logging.getLogger("vizeme")


def load(work_dir: Path, steps: Steps, settings: dict[str, Any]) -> Task:
    """Load a trained task with settings laid over the checkpoint's, and say which checkpoint it is."""
    task = load_task(work_dir, steps, "auto", settings=settings)
    log.info("checkpoint: %s (%d updates)", task.source["path"], task.updates)
    return task


def infer(work_dir: Path, steps: Steps, settings: dict[str, Any]) -> None:
    """Use a trained task as its `infer_*` settings say."""
    task = load(work_dir, steps, settings)
    refuse_inputs_as_outputs({k: v for k, v in task.cfg.model_dump(mode="json").items() if k.startswith("infer_")})
    task.infer()


def show_validation(work_dir: Path, steps: Steps, settings: dict[str, Any]) -> None:
    """Validate a trained task and print its figures."""
    task = load(work_dir, steps, settings)
    for name, value in sorted(trainer.validate(task, work_dir).items()):
        if main_process():
            print(f"{name:32} {value:.6g}")


def evaluate(work_dir: Path, steps: Steps, settings: dict[str, Any], folder: Path) -> None:
    """Measure a trained task as its `eval_*` settings say; figures and pictures go to `folder`."""
    load(work_dir, steps, settings).evaluate(folder)


def replay(kind: Any, config: Any, work_dir: Path, where: str) -> None:
    """Train again up to the update whose loss was not finite, and print what was at fault."""
    print(trainer.replay(new_task(kind, config, where), work_dir))


def refuse_inputs_as_outputs(settings: dict[str, Any]) -> None:
    """Refuse `infer_*` settings that name one file or folder as what is read and as what is written.

    Raises:
        ConfigError: They do, and which.
    """
    texts = {name: value for name, value in settings.items() if isinstance(value, str) and value}
    inputs = [value for name, value in texts.items() if not name.startswith("infer_out")]
    for name, value in texts.items():
        if name.startswith("infer_out"):
            out = Path(value)
            for place in (out, out.with_suffix(".mp4"), out.with_suffix(".png"), out.with_name(f"{out.name}.npy")):
                refuse_input_as_output(place, inputs, f"--{name}")


def train(kind: Any, config: Any, work_dir: Path, where: str, *, debug: str | None, reset: bool) -> None:
    """Train by the recipe at `where`, going on from what the run's folder holds; say what changed since.

    Args:
        debug: fast: a few updates, nothing saved; overfit: one batch by heart.
        reset: Set the old run aside and train anew.
    """
    if debug == "fast":
        few = {"max_updates": 3, "val_check_interval": 2, "tb_log_interval": 1}
        config = config.model_copy(update=switched_off(type(config), few))
        trainer.train(new_task(kind, config, where), work_dir, debug="fast")
        print("debug run ended; nothing was saved")
        return
    tell_whose(work_dir, getattr(config, "video_id", ""))
    with own_run(work_dir):
        task = new_task(kind, config, where)
        if reset:
            set_aside(work_dir)
        saved = work_dir / "config.yaml"
        if saved.is_file():
            tell_differences(saved, config)
        trainer.train(task, work_dir, debug=debug, resume=not reset)


def new_task(kind: Any, config: Any, where: str) -> Any:
    """Build the task of a recipe at `where`; its first weights follow from the seed."""
    torch.manual_seed(config.seed)
    with within_memory(f"the network of {where}"):
        return kind(config)
