"""The door: a recipe in, a trained, validated or used task out.

python tasks/run.py --config=egs/datasets/demo/syncnet.yaml --exp_name=demo/syncnet
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if sys.path and Path(sys.path[0] or ".").resolve() == ROOT / "tasks":
    sys.path[0] = str(ROOT)  # else tasks/ would shadow the standard library and hide the packages beside it

from utils.config import (  # noqa: E402
    Recipe,
    assignment,
    describe,
    load_recipe,
    parse,
    read_yaml,
    set_dotted,
    show_path,
    split_assignment,
    split_hparams,
    typed_assignment,
)
from utils.errors import ConfigError, UserError, nearest, run_command  # noqa: E402
from utils.files import HOLDER, alone_in  # noqa: E402

log = logging.getLogger("vizeme")


def parser() -> argparse.ArgumentParser:
    """Build the command line; a task's own settings are flags too (`--config X --help` lists them)."""
    out = argparse.ArgumentParser(
        prog="python tasks/run.py",
        description="Train, validate or use a task. Any setting of the task may be given as a flag: --lr 1.0e-3",
        add_help=False,
        allow_abbrev=False,
    )
    out.add_argument("--config", metavar="YAML", help="the recipe, for example egs/datasets/videos/May/lm3d_nerf.yaml")
    out.add_argument(
        "--exp_name", metavar="NAME", help="the run's folder under checkpoints/, for example May/lm3d_nerf"
    )
    out.add_argument(
        "--hparams", "-hp", metavar="A=1,B.C=2", action="append", default=[], help="settings that win over the recipe"
    )
    out.add_argument("--set", metavar="A.B=1", action="append", default=[], help="one setting; may be repeated")
    out.add_argument("--infer", action="store_true", help="use the trained task, as its infer_* settings say")
    out.add_argument("--validate", action="store_true", help="validate the trained task and print its figures")
    out.add_argument(
        "--replay", action="store_true", help="train again up to the update whose loss was not finite, writing nothing"
    )
    out.add_argument("--reset", action="store_true", help="train anew; the old run is set aside, not deleted")
    out.add_argument(
        "--debug", nargs="?", const="fast", choices=["fast", "overfit"],
        help="fast: a few updates, nothing saved; overfit: learn one batch by heart",
    )  # fmt: skip
    out.add_argument("--list", action="store_true", help="list the tasks")
    out.add_argument("--help", "-h", action="store_true", help="this text, or with --config the task's settings")
    return out


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    args, rest = parser().parse_known_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if args.list:
        from tasks.registry import TASKS

        for name, (_, what) in TASKS.items():
            print(f"{name:18} {what}")
        return 0
    if args.config is None:
        if args.help or not (sys.argv[1:] if argv is None else argv):
            parser().print_help()
            return 0
        raise ConfigError("Say which recipe: --config=egs/datasets/... (see --help; --list names the tasks)")
    recipe = load_recipe(args.config)
    given = read_overrides(args, rest)
    kind = kind_of(recipe, given)
    overrides = dict(typed_assignment(kind.schema, text) for text in given)
    for name, value in overrides.items():
        set_dotted(recipe.values, name, value)
        recipe.origins.pop(name, None)
    name_misspelt_flags(kind, args, recipe, overrides)
    if args.help:
        print(f"{kind.schema.__doc__ or ''}\n\nSettings of {recipe.values['task_cls']} ({show_path(recipe.path)}):\n")
        for name, default, text in describe(kind.schema):
            print(f"  --{name:32} {default:14} {' '.join(text.split())}")
        return 0
    config = parse(kind.schema, recipe.values, recipe.path, origins=recipe.origins, problems=recipe.problems)
    if config.trainer.accelerator == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch looks for one: whatever asks is told there is none
    if main_process():
        log.info("recipe: %s", " <- ".join(show_path(path) for path in reversed(recipe.chain)))
    else:
        logging.getLogger().setLevel(logging.WARNING)
    work_dir = choose_work_dir(args, recipe)
    if args.infer or args.validate or getattr(config, "inference", False):
        return use(args, kind, config, overrides, recipe, work_dir)
    where = show_path(recipe.path)
    if args.replay:
        import tasks.trainer as trainer

        print(trainer.replay(new_task(kind, config, where), work_dir))
        return 0
    return train(args, kind, config, work_dir, where)


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
    from tasks.checkpoints import is_foreign

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
    from tasks.checkpoints import work_dir_of

    if args.exp_name:
        work_dir = work_dir_of(args.exp_name)
        if work_dir == work_dir_of("checkpoints"):
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
    from tasks.checkpoints import load_task

    fields = set(kind.schema.model_fields)
    dumped = config.model_dump(mode="json")
    wanted = {k for k in fields if k.startswith("infer_") and k in recipe.values} | {k.split(".")[0] for k in overrides}
    settings = {k: dumped[k] for k in wanted}
    steps: Any = config.infer_ckpt_steps or "best"
    task = load_task(work_dir, steps, "auto", settings=settings)
    log.info("checkpoint: %s (%d updates)", task.source["path"], task.updates)
    if args.validate:
        from tasks.trainer import validate

        for name, value in sorted(validate(task, work_dir).items()):
            if main_process():
                print(f"{name:32} {value:.6g}")
        return 0
    task.infer()
    return 0


def train(args: argparse.Namespace, kind: Any, config: Any, work_dir: Path, where: str) -> int:
    """Train by the recipe at `where`, going on from what the run's folder holds; say what changed since."""
    if args.debug == "fast":
        few = {"max_updates": 3, "val_check_interval": 2, "tb_log_interval": 1}
        config = config.model_copy(update=few)
        import tasks.trainer as trainer

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
        import tasks.trainer as trainer

        trainer.train(task, work_dir, debug=args.debug, resume=not args.reset)
    return 0


@contextmanager
def own_run(work_dir: Path) -> Iterator[None]:
    """Let no other process train into a run's folder; one that stays empty is removed again.

    Raises:
        DataError: Another process trains there, and which.
    """
    if not main_process():
        yield
        return
    new = [folder for folder in (work_dir, *work_dir.parents) if not folder.exists()]
    try:
        busy = f"{show_path(work_dir)} is being trained by another process. Choose another --exp_name"
        with alone_in(work_dir, busy):
            yield
    finally:
        with suppress(OSError):
            for folder in new:
                folder.rmdir()


def new_task(kind: Any, config: Any, where: str) -> Any:
    """Build the task of a recipe at `where`; its first weights follow from the seed."""
    import torch

    from utils.memory import within_memory

    torch.manual_seed(config.seed)
    with within_memory(f"the network of {where}"):
        return kind(config)


def main_process() -> bool:
    """Tell whether this is the process that writes, under torchrun or alone."""
    return int(os.environ.get("RANK", "0")) == 0


def set_aside(work_dir: Path) -> None:
    """Move an old run into `before_reset_<n>/` inside its folder."""
    if not main_process() or not work_dir.is_dir():
        return
    old = [path for path in work_dir.iterdir() if not path.name.startswith(("before_reset_", HOLDER))]
    if not old:
        return
    number = 1
    while (target := work_dir / f"before_reset_{number}").exists():
        number += 1
    target.mkdir()
    for path in old:
        path.rename(target / path.name)
    log.info("The old run was set aside in %s", target)


def tell_differences(saved: Path, config: Any) -> None:
    """List how the recipe differs from the one the run was last trained with; the recipe wins."""
    try:
        old = read_yaml(saved.read_text(), str(saved))
    except (UserError, OSError):
        return
    new = config.model_dump(mode="json")
    lines = [f"  {k}: {old[k]!r} -> {new[k]!r}" for k in new if isinstance(old, dict) and k in old and old[k] != new[k]]
    if lines and main_process():
        log.info("Changed since this run was last trained (the recipe wins):\n%s", "\n".join(lines))


if __name__ == "__main__":
    run_command(main)
