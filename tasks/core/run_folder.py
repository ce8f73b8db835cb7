"""The folder of a run: who holds it, what is set aside, what is written beside the checkpoints."""

from __future__ import annotations

import logging
import platform
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.checkpoints import is_run
from tasks.core.config import TaskConfig
from utils.command import plain
from utils.config.strict_yaml import read_yaml_file
from utils.errors import ConfigError, UserError
from utils.files.aside import write_aside
from utils.files.lock import HOLDER, alone_in
from utils.paths import ROOT, show_path
from utils.processes.world import world

if TYPE_CHECKING:
    pass

log = logging.getLogger("vizeme")


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


def main_process() -> bool:
    """Tell whether this is the process that writes, under torchrun or alone."""
    return world().rank == 0


def set_aside(work_dir: Path) -> None:
    """Move an old run into `before_reset_<n>/` inside its folder; other runs that lie in it stay where they are.

    Raises:
        ConfigError: The folder holds runs and is none itself: a part of the name was forgotten.
    """
    if not main_process() or not work_dir.is_dir():
        return
    inner = [path for path in work_dir.iterdir() if path.is_dir() and is_run(path)]
    kept = {HOLDER, *(path.name for path in inner)}
    old = [p for p in work_dir.iterdir() if p.name not in kept and not p.name.startswith("before_reset_")]
    if inner and not is_run(work_dir):
        names = ", ".join(sorted(path.name for path in inner)[:6])
        raise ConfigError(f"{show_path(work_dir)} is no run; it holds runs ({names}). Name one with --exp_name.")
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
        old = read_yaml_file(saved)
    except UserError as error:
        log.warning("%s", plain(f"What this run was trained with before is not known: {error}"))
        return
    new = config.model_dump(mode="json")
    lines = [f"  {k}: {old[k]!r} -> {new[k]!r}" for k in new if isinstance(old, dict) and k in old and old[k] != new[k]]
    if lines and main_process():
        log.info("Changed since this run was last trained (the recipe wins):\n%s", "\n".join(lines))


def tell_whose(work_dir: Path, video_id: str) -> None:
    """Say when a run that is called after one person trains on the video of another, as a copied recipe may say."""
    person = work_dir.resolve().parent.name
    if video_id and main_process() and person not in (video_id, "checkpoints") and work_dir.name != video_id:
        log.warning("This run is called %s and trains on the video of %s (video_id).", person, video_id)


def write_config(work_dir: Path, config: TaskConfig) -> None:
    """Write the resolved recipe, which is also a recipe: `--config=checkpoints/<exp>/config.yaml` works."""
    import yaml

    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    with write_aside(work_dir / "config.yaml") as aside:
        head = "# Every setting of this run as it was resolved. Edit the recipe in egs/, not this copy.\n"
        aside.write_text(head + text, encoding="utf-8")


def write_environment(work_dir: Path) -> None:
    """Write what the run was made with: versions, machine, commit."""
    commit = "unknown"
    try:
        result = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=10)
        commit = result.stdout.strip() or commit
    except (OSError, subprocess.SubprocessError):
        pass
    lines = [f"python {platform.python_version()}", f"platform {platform.platform()}", f"commit {commit}", *_packages()]
    with write_aside(work_dir / "environment.txt") as aside:
        aside.write_text("\n".join(lines) + "\n")


def _packages() -> list[str]:
    """List what is installed, "name==version"; two lines of each description are read, not all of it parsed."""
    from importlib.metadata import distributions

    packages = set()
    for one in distributions():
        text = one.read_text("METADATA") or one.read_text("PKG-INFO") or ""
        lines = dict(re.findall(r"^(Name|Version): *(\S+)", text.partition("\n\n")[0], re.MULTILINE))
        if len(lines) == 2:
            packages.add(f"{lines['Name']}=={lines['Version']}")
    return sorted(packages)
