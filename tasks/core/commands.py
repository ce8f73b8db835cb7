"""What the door does once the recipe is read: train, validate, use."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from tasks.core.run_folder import main_process, own_run, set_aside, tell_differences
from utils.config.assignments import assignment, split_assignment, split_hparams
from utils.config.recipe import Recipe
from utils.errors import ConfigError, nearest
from utils.files.ownership import refuse_input_as_output
from utils.paths import show_path

log = logging.getLogger("vizeme")


def read_overrides(args: argparse.Namespace, rest: list[str]) -> list[str]:
    """List --hparams, --set and the flags that are settings as "name=value", in this order; the later win.

    Raises:
        ConfigError: Something is not name=value, or a flag lacks its value.
    """
    found = [part for whole in args.hparams for part in split_hparams(whole)] + args.set
    words = list(rest)
    while words:
        word = words.pop(0)
        if not word.startswith("--") or len(word) == 2:
            raise ConfigError(f"'{word}' does not belong to a flag; see --help")
        name, equals, value = word[2:].partition("=")
        if not equals:
            if words and not words[0].startswith("--"):
                value = words.pop(0)
            else:
                value = "true"
        found.append(f"{name}={value}")
    for text in found:
        split_assignment(text)
    return found


def name_misspelt_flags(kind: Any, args: argparse.Namespace, recipe: Recipe, overrides: dict[str, Any]) -> None:
    """Note among the recipe's problems what is no setting but looks like one of the door's own flags."""
    for name in overrides:
        if name.split(".")[0] not in kind.schema.model_fields:
            guess = nearest(name, [*kind.schema.model_fields, *vars(args)])
            if guess in vars(args):
                recipe.values.pop(name, None)
                recipe.problems.append(f"--{name}: no such flag; write --{guess}")


def kind_of(recipe: Recipe, given: list[str]) -> Any:
    """Import the task class that a recipe, or a setting given with it, names.

    Raises:
        ConfigError: It names none or an unknown one; with the mistakes of the files.
    """
    from tasks.registry import task_class

    name = recipe.values.get("task_cls")
    for text in given:
        if split_assignment(text)[0] == "task_cls":
            name = recipe.values["task_cls"] = assignment(text)[1]
    from tasks.core.checkpoints import is_foreign

    if recipe.path.name == "config.yaml" and is_foreign(recipe.path.parent):
        folder = show_path(recipe.path.parent)
        raise ConfigError(
            f"{show_path(recipe.path)} is a recipe of another project ({name}). "
            f"Import its checkpoint first: python tasks/import_checkpoint.py {folder}"
        )
    lines = list(recipe.problems)
    if isinstance(name, str):
        try:
            return task_class(name)
        except ConfigError as error:
            lines.append(str(error))
    else:
        lines.append(f"task_cls = {name!r}: name one of the tasks (see --list)")
    body = "\n".join(f"  {line}" for line in lines)
    raise ConfigError(f"{show_path(recipe.path)}: {len(lines)} setting(s) to mend\n{body}")


def choose_work_dir(args: argparse.Namespace, recipe: Recipe) -> Path:
    """Return the run's folder: from --exp_name, or the folder of a saved config.yaml.

    Raises:
        ConfigError: There is neither.
    """
    from tasks.core.checkpoints import work_dir_of

    if args.exp_name:
        work_dir = work_dir_of(args.exp_name)
        runs = work_dir_of("checkpoints").resolve()
        if work_dir.resolve() in (runs, *runs.parents):
            raise ConfigError(f"--exp_name={args.exp_name} is the folder of all runs; name one run: May/lm3d_nerf")
        return work_dir
    if recipe.path.name == "config.yaml" and "checkpoints" in recipe.path.resolve().parts:
        return recipe.path.parent
    if args.debug == "fast":
        return work_dir_of("debug")
    raise ConfigError("Say where the run lives: --exp_name=May/lm3d_nerf means checkpoints/May/lm3d_nerf")


def use(
    args: argparse.Namespace, kind: Any, config: Any, overrides: dict[str, Any], recipe: Recipe, work_dir: Path
) -> int:
    """Infer or validate with a trained task: the network is the checkpoint's, the rest the recipe's."""
    from tasks.core.loading import load_task

    fields = set(kind.schema.model_fields)
    dumped = config.model_dump(mode="json")
    wanted = {k for k in fields if k.startswith("infer_") and k in recipe.values} | {k.split(".")[0] for k in overrides}
    settings = {k: dumped[k] for k in wanted}
    steps: Any = config.infer_ckpt_steps or "best"
    task = load_task(work_dir, steps, "auto", settings=settings)
    log.info("checkpoint: %s (%d updates)", task.source["path"], task.updates)
    if args.validate:
        from tasks.core.trainer import validate

        for name, value in sorted(validate(task, work_dir).items()):
            if main_process():
                print(f"{name:32} {value:.6g}")
        return 0
    refuse_inputs_as_outputs({k: v for k, v in task.cfg.model_dump(mode="json").items() if k.startswith("infer_")})
    task.infer()
    return 0


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


def train(args: argparse.Namespace, kind: Any, config: Any, work_dir: Path, where: str) -> int:
    """Train by the recipe at `where`, going on from what the run's folder holds; say what changed since."""
    if args.debug == "fast":
        few = {"max_updates": 3, "val_check_interval": 2, "tb_log_interval": 1}
        config = config.model_copy(update=few)
        from tasks.core import trainer as trainer

        trainer.train(new_task(kind, config, where), work_dir, debug="fast")
        print("debug run ended; nothing was saved")
        return 0
    with own_run(work_dir):
        task = new_task(kind, config, where)
        if args.reset:
            set_aside(work_dir)
        saved = work_dir / "config.yaml"
        if saved.is_file():
            tell_differences(saved, config)
        from tasks.core import trainer as trainer

        trainer.train(task, work_dir, debug=args.debug, resume=not args.reset)
    return 0


def new_task(kind: Any, config: Any, where: str) -> Any:
    """Build the task of a recipe at `where`; its first weights follow from the seed."""
    import torch

    from utils.memory import within_memory

    torch.manual_seed(config.seed)
    with within_memory(f"the network of {where}"):
        return kind(config)
