"""The door: a recipe in, a trained, validated or used task out.

python tasks/run.py --config=egs/datasets/demo/syncnet.yaml --exp_name=demo/syncnet
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

if __name__ == "__main__":  # not this script's folder, which hides the packages beside it, but the repository
    sys.path[: not sys.flags.safe_path] = [str(Path(__file__).resolve().parents[1])]

from tasks.core.checkpoints import finished_updates, is_foreign, parse_steps, refuse_missing, work_dir_of
from tasks.registry import TASKS, schema_of, task_class
from tasks.verdicts.door import check_run, refuse_uncheckable, results_of
from utils.arguments import Assignments, Bare, Flag, Steps, flag_of, read_words, row, usage
from utils.command import run_command, version_text
from utils.config.assignments import assignment, set_dotted, split_assignment, split_hparams, typed_assignment
from utils.config.other_names import other_name
from utils.config.overruled import let_typed_win
from utils.config.recipe import Recipe, load_recipe
from utils.config.schema import Config, describe, parse
from utils.errors import ConfigError, nearest
from utils.paths import as_typed, show_path
from utils.processes.manner import HELP, begin_notes, take_manner
from utils.processes.world import world

log = logging.getLogger("vizeme")


class RunCommand(Config):
    """Train, validate, measure or use a task. Any setting of the task may be given as a flag: --lr 1.0e-3"""

    config: Path | None = None
    """the recipe, for example egs/datasets/videos/May/lm3d_nerf.yaml, or a run's own checkpoints/<exp>/config.yaml"""
    exp_name: str = ""
    """the run's folder under checkpoints/, for example May/lm3d_nerf"""
    hparams: Annotated[tuple[str, ...], Flag("hparams", "-hp")] = ()
    """settings that win over the recipe: A=1,B.C=2"""
    settings: Annotated[tuple[str, ...], Flag("set"), Assignments(any_flag=True)] = ()
    """one setting, A.B=1; may be repeated"""
    infer: bool = False
    """use the trained task, as its infer_* settings say"""
    validated: Annotated[bool, Flag("validate")] = False
    """validate the trained task and print its figures"""
    evaluate: bool = False
    """measure the trained task on data it has not seen, as its eval_* settings say"""
    checked: Annotated[bool, Flag("check")] = False
    """say whether the data and what was trained are sound, and what to do about the rest"""
    out: Path | None = None
    """folder of --evaluate (checkpoints/<exp>/evaluation) or --check (infer_out/<exp>)"""
    steps: Steps | None = None
    """which checkpoint to use: best, last or a number of updates (best, or as infer_ckpt_steps says)"""
    replay: bool = False
    """train again up to the update whose loss was not finite, writing nothing"""
    reset: bool = False
    """train anew; the old run is set aside, not deleted"""
    debug: Annotated[Literal["fast", "overfit"] | None, Bare("fast")] = None
    """fast: a few updates, nothing saved; overfit: learn one batch by heart"""
    listed: Annotated[bool, Flag("list")] = False
    """list the tasks"""
    json_: Annotated[bool, Flag("json")] = False
    """with --list or --check: one JSON object"""
    helped: Annotated[bool, Flag("help", "-h")] = False
    """this text, or with --config the task's settings"""

    @property
    def assignments(self) -> list[str]:
        """List --hparams, then --set and the flags that are settings, as "name=value"; the later win."""
        texts = [part for whole in self.hparams for part in split_hparams(whole)] + list(self.settings)
        for text in texts:
            split_assignment(text)
        return texts


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = take_manner(sys.argv[1:] if words is None else words)
    if words == ["--version"]:
        print(version_text())
        return 0
    args = read_words(RunCommand, words, "tasks/run.py")
    if args.json_ and not (args.listed or args.checked):
        raise ConfigError("--json goes with --list or --check")
    if args.listed and args.json_:
        print(json.dumps({"tasks": [{"name": name, "what": what} for name, (_, what) in TASKS.items()]}, indent=1))
        return 0
    if args.listed:
        for name, (_, what) in TASKS.items():
            print(f"{name:18} {what}")
        return 0
    if args.config is None:
        if args.helped or not words:
            print(as_typed(usage("python tasks/run.py", RunCommand, "")))
            print("\n".join(line for flag, text in HELP.items() for line in row(flag, text)))
            return 0
        raise ConfigError("Say which recipe: --config=egs/datasets/... (see --help; --list names the tasks)")
    is_main = world().rank == 0  # before torch and Lightning are imported, which read the same
    begin_notes(main=is_main)
    recipe = load_recipe(args.config)
    assignments = args.assignments
    schema = schema_in(recipe, assignments)
    overrides = dict(typed_assignment(schema, text) for text in assignments)
    for name, value in overrides.items():
        set_dotted(recipe.values, name, value)
        recipe.origins.pop(name, None)
    name_misspelt_flags(schema, recipe, overrides)
    notes = let_typed_win(schema, recipe, overrides)
    if args.helped:
        print(f"{schema.__doc__ or ''}\n\nSettings of {recipe.values['task_cls']} ({show_path(recipe.path)}):\n")
        for name, default, text in describe(schema):
            print(f"  --{name:32} {default:14} {' '.join(text.split())}")
        return 0
    config = parse(schema, recipe.values, recipe.path, origins=recipe.origins, problems=recipe.problems)
    work_dir = choose_work_dir(args, recipe)
    uses = args.infer or args.validated or args.evaluate or getattr(config, "inference", False)
    steps = parse_steps(args.steps) if args.steps else config.infer_ckpt_steps or "best"
    if args.checked:
        refuse_uncheckable(config, args.out)
    elif uses:
        refuse_missing(work_dir, steps)
    elif not args.replay and (args.reset or finished_updates(work_dir) < config.max_updates):
        config.refuse_missing_data()
    if config.trainer.accelerator == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch looks for one: whatever asks is told there is none
    # What trains imports torch and Lightning, which must wait: the door answers --help, --list and slips at once.
    from tasks.core.commands import evaluate, infer, replay, show_validation, train

    if is_main:
        for note in notes:
            log.info(note)
        log.info("recipe: %s", " <- ".join(show_path(path) for path in reversed(recipe.chain)))
    where = show_path(recipe.path)
    if args.checked:
        chosen = used_settings(args, schema, recipe, overrides)
        settings = {name: config.model_dump(mode="json")[name] for name in chosen}
        train_by = f"python tasks/run.py --config={where} --exp_name={args.exp_name or work_dir}"
        check_run(config, work_dir, steps, (args.out or results_of(work_dir)) / "check.json", settings,
                  train_by=train_by, as_json=args.json_)  # fmt: skip
        return 0
    if uses:
        chosen = used_settings(args, schema, recipe, overrides)
        settings = {name: config.model_dump(mode="json")[name] for name in chosen}
        if args.evaluate:
            evaluate(work_dir, steps, settings, args.out or work_dir / "evaluation")
        elif args.validated:
            show_validation(work_dir, steps, settings)
        else:
            infer(work_dir, steps, settings)
        return 0
    kind = task_class(config.task_cls)
    if args.replay:
        replay(kind, config, work_dir, where)
    else:
        train(kind, config, work_dir, where, debug=args.debug, reset=args.reset)
    return 0


def used_settings(args: RunCommand, schema: Any, recipe: Recipe, overrides: dict[str, Any]) -> set[str]:
    """Name the recipe's settings that a trained task is used with: the network and the rest are the checkpoint's."""
    uses = ("infer_", "eval_") if args.evaluate or args.checked else ("infer_",)
    of_recipe = {name for name in schema.model_fields if name.startswith(uses) and name in recipe.values}
    return of_recipe | {name.split(".")[0] for name in overrides}


def name_misspelt_flags(schema: Any, recipe: Recipe, overrides: dict[str, Any]) -> None:
    """Note among the recipe's problems what is no setting but looks like one of the door's own flags."""
    flags = [flag_of(name, info) for name, info in RunCommand.model_fields.items()]
    for name in overrides:
        if name.split(".")[0] not in schema.model_fields and other_name(name, schema.model_fields) is None:
            guess = nearest(name, [*schema.model_fields, *flags])
            if guess in flags:
                recipe.values.pop(name, None)
                recipe.problems.append(f"--{name}: no such flag; write --{guess}")


def schema_in(recipe: Recipe, assignments: list[str]) -> Any:
    """Return the settings of the task that a recipe, or a setting given with it, names.

    Raises:
        ConfigError: It names none or an unknown one; with the mistakes of the files.
    """
    name = recipe.values.get("task_cls")
    for text in assignments:
        if split_assignment(text)[0] == "task_cls":
            name = recipe.values["task_cls"] = assignment(text)[1]
    if recipe.path.name == "config.yaml" and is_foreign(recipe.path.parent):
        folder = show_path(recipe.path.parent)
        raise ConfigError(
            f"{show_path(recipe.path)} is a recipe of another project ({name}). "
            f"Import its checkpoint first: python tasks/import_checkpoint.py {folder}"
        )
    lines = list(recipe.problems)
    if isinstance(name, str):
        try:
            return schema_of(name)
        except ConfigError as error:
            lines.append(str(error))
    else:
        lines.append(f"task_cls = {name!r}: name one of the tasks (see --list)")
    body = "\n".join(f"  {line}" for line in lines)
    raise ConfigError(f"{show_path(recipe.path)}: {len(lines)} setting(s) to mend\n{body}")


def choose_work_dir(args: RunCommand, recipe: Recipe) -> Path:
    """Return the run's folder: from --exp_name, or the folder of a saved config.yaml.

    Raises:
        ConfigError: There is neither.
    """
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


if __name__ == "__main__":
    run_command(main)
