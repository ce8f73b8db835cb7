"""The door: a recipe in, a trained, validated or used task out.

python tasks/run.py --config=egs/datasets/demo/syncnet.yaml --exp_name=demo/syncnet
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if sys.path and Path(sys.path[0] or ".").resolve() == ROOT / "tasks":
    sys.path[0] = str(ROOT)  # else tasks/ would shadow the standard library and hide the packages beside it

from tasks.core.commands import (  # noqa: E402
    choose_work_dir,
    kind_of,
    name_misspelt_flags,
    new_task,
    read_overrides,
    train,
    use,
)
from tasks.core.run_folder import main_process  # noqa: E402
from utils.command import run_command  # noqa: E402
from utils.config.assignments import set_dotted, typed_assignment  # noqa: E402
from utils.config.recipe import load_recipe  # noqa: E402
from utils.config.schema import describe, parse  # noqa: E402
from utils.errors import ConfigError  # noqa: E402
from utils.paths import show_path  # noqa: E402

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
        from tasks.core.trainer import replay

        print(replay(new_task(kind, config, where), work_dir))
        return 0
    return train(args, kind, config, work_dir, where)


if __name__ == "__main__":
    run_command(main)
