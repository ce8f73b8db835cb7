"""Check one run of a family that makes faces: its data, its learning, and what it makes of what it has not seen.

python tasks/run.py --config=checkpoints/demo/ve_conv/config.yaml --check
python tasks/talking_head.py check demo/ve_conv
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.core.checkpoints import Steps, checkpoint_files, exp_of, is_run, training_command, work_dir_of
from tasks.registry import CHECKS, schema_of
from tasks.verdicts.findings import Finding, Limit, absent, one_line, tell
from utils.arguments import find
from utils.config.recipe import load_recipe
from utils.config.schema import parse
from utils.errors import ConfigError, UserError
from utils.paths import show_path


class FamilyCheck:
    """How a family judges its data and its trained runs."""

    limits: Mapping[str, Limit]
    """By what its figures are judged."""
    by_heart: str
    """What to do against learning by heart."""

    @abstractmethod
    def data(self, config: Any) -> Iterator[Finding]:
        """Judge the data of a recipe; no network is needed."""

    @abstractmethod
    def trained(self, task: Any, picture: Path) -> Iterator[Finding]:
        """Judge a loaded task by what it makes, and write a contact sheet to `picture`."""


def place_of_check(task_cls: str) -> str:
    """Return where it stands how runs of a task are judged; nothing is imported.

    Raises:
        ConfigError: They are not, by themselves.
    """
    if task_cls not in CHECKS:
        raise ConfigError(
            f"A run of {task_cls} is not checked by itself. The stages of a talking head are checked together: "
            "python tasks/talking_head.py check ID"
        )
    return CHECKS[task_cls]


def config_named(name: str) -> Any:
    """Return the settings of the run of a name, `demo/ve_conv`; None when nothing but a person may be called so.

    Raises:
        ConfigError: There is no such run, or it is not checked by itself.
    """
    run = work_dir_of(name)
    if "/" not in name.replace("\\", "/").removeprefix("checkpoints/") and not is_run(run):
        return None
    saved = run / "config.yaml"
    if not saved.is_file():
        raise ConfigError(f"{show_path(run)} is no run: there is no config.yaml in it. Train it first.")
    recipe = load_recipe(saved)
    config = parse(schema_of(str(recipe.values.get("task_cls"))), recipe.values, saved)
    place_of_check(config.task_cls)
    return config


def check_run(
    config: Any,
    run: Path,
    steps: Steps,
    out: Path,
    settings: dict[str, Any] | None = None,
    *,
    train_by: str = "",
    as_json: bool = False,
) -> None:
    """Check, print, and write the figures and a contact sheet of the same name beside them.

    Args:
        config: The settings of the run.
        run: Its folder; there may be nothing in it yet.
        steps: Which checkpoint.
        out: The JSON to write.
        settings: Laid over those of the checkpoint.
        train_by: The command that trains it, where it is known.
        as_json: Print what is written.
    """
    family: FamilyCheck = find(place_of_check(config.task_cls))()
    about = {"run": show_path(run), "task": config.task_cls, "sheet": str(sheet_beside(out))}
    tell(
        _stages(family, config, run, steps, sheet_beside(out), settings or {}, train_by or training_command(run)),
        out,
        about,
        family.limits,
        as_json=as_json,
    )


def refuse_uncheckable(config: Any, out: Path | None) -> None:
    """Refuse what cannot be checked, or a place that cannot be written, before anything is loaded.

    Raises:
        ConfigError: Runs of this task are not checked by themselves, or the folder `out` is a file.
    """
    place_of_check(config.task_cls)
    if out is not None and out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file. Name the folder to write.")


def results_of(run: Path) -> Path:
    """Return the folder for what is found about a run: as a person's results, below infer_out."""
    name = Path(exp_of(run))
    return Path("infer_out") / (name.name if name.is_absolute() else name)


def sheet_beside(out: Path) -> Path:
    """Return where the contact sheet goes: beside the JSON."""
    return out.with_name(f"{out.stem}_faces.png")


def _stages(
    family: FamilyCheck,
    config: Any,
    run: Path,
    steps: Steps,
    picture: Path,
    settings: dict[str, Any],
    train_by: str,
) -> Iterator[Finding]:
    try:
        yield from family.data(config)
    except UserError as error:
        yield Finding("data", "not measured", one_line(error), means="There is nothing to learn from.")
    if not checkpoint_files(run):
        yield absent("training", train_by)
        return
    from tasks.core.loading import load_task  # not above: torch must wait until slips are told
    from tasks.verdicts.learning import learning  # likewise

    yield from learning(run, config, family.by_heart)
    try:
        task = load_task(run, steps, "auto", settings=settings)
        task.prepare()
        yield from family.trained(task, picture)
    except UserError as error:
        yield Finding("what it makes", "not measured", one_line(error), means="The network could not be asked.")
