"""Train one person's talking head: five tasks in order, each in a process of its own, each skipped when it is done."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_gen.video.dataset import VideoDataset, open_video
from tasks.checkpoints import checkpoint_files, finished_updates, read_checkpoint, work_dir_of
from tasks.registry import task_class
from utils.config import ROOT, assignment, load_recipe, merge, parse, read_yaml, set_dotted, show_path
from utils.content_features import BEST_WHISPER
from utils.errors import ConfigError, DataError, UserError
from utils.files import sha256

log = logging.getLogger(__name__)

STAGES = ("syncnet", "lm3d_vae_sync", "postnet", "lm3d_nerf", "lm3d_nerf_torso")
"""The tasks of a talking head, in the order in which they need each other."""
NEEDS: dict[str, tuple[str, ...]] = {
    "lm3d_vae_sync": ("syncnet",),
    "postnet": ("syncnet", "lm3d_vae_sync"),
    "lm3d_nerf_torso": ("lm3d_nerf",),
}
HEARING = ("syncnet", "lm3d_vae_sync", "postnet")
"""Those that listen, and so have `audio_feature`."""
UPDATE_S = {"syncnet": 0.13, "lm3d_vae_sync": 0.15, "postnet": 0.25, "lm3d_nerf": 0.12, "lm3d_nerf_torso": 0.05}
"""Seconds an update takes on two cores, roughly: a first guess, corrected by what is measured."""
START_S = 12.0
"""Seconds to start a stage: imports and opening data."""


@dataclass
class Stage:
    """One task to train for one person.

    Attributes:
        name: Registered name of the task.
        recipe: Its recipe.
        overrides: Settings given on the command line.
        values: The recipe with its bases and the overrides.
    """

    name: str
    recipe: Path
    overrides: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def command(self, exp_name: str, *, reset: bool = False) -> list[str]:
        """Write the command that trains it."""
        words = [sys.executable, str(ROOT / "tasks/run.py"), f"--config={show_path(self.recipe)}"]
        words.append(f"--exp_name={exp_name}")
        for name, value in self.overrides.items():
            words += ["--set", f"{name}={_plain(value)}"]
        return [*words, "--reset"] if reset else words

    @property
    def updates(self) -> int:
        """Return how many updates it trains for."""
        return int(self.values.get("max_updates", 40_000))


def _plain(value: Any) -> str:
    """Write a value so that the command line reads it back as it was."""
    import json

    return json.dumps(value) if isinstance(value, bool | list | dict) or value is None else str(value)


def recipe_of(preset: str, stage: str) -> Path:
    """Find the recipe of a stage: egs/datasets/videos/<preset>/ or egs/datasets/<preset>/.

    Raises:
        ConfigError: There is none; the presets that have one are named.
    """
    for folder in (ROOT / "egs/datasets/videos" / preset, ROOT / "egs/datasets" / preset):
        if (folder / f"{stage}.yaml").is_file():
            return folder / f"{stage}.yaml"
    known = sorted({path.parent.name for path in (ROOT / "egs/datasets").rglob(f"{stage}.yaml")})
    raise ConfigError(
        f"The preset '{preset}' has no recipe for {stage}. Presets that have: {', '.join(known) or 'none'}."
    )


def choose_audio_feature(video: VideoDataset) -> str:
    """Return the best speech feature the dataset has: Whisper's, which hears words, else mel."""
    return next((name for name in (BEST_WHISPER, "whisper") if name in video.meta.audio_features), "mel")


def plan(video_id: str, preset: str, settings: Sequence[str], binary_dir: str = "") -> list[Stage]:
    """Find the five recipes and lay the settings over them.

    Args:
        video_id: Whose video; it must be processed.
        preset: Which set of recipes.
        settings: "name=value" for every stage that has it, "stage.name=value" for one.
        binary_dir: Where processed videos lie, when not where the recipes say.

    Raises:
        DataError: The video is not processed. ConfigError: A recipe or a setting is wrong.
    """
    stages = [Stage(name, recipe_of(preset, name), {"video_id": video_id}) for name in STAGES]
    given = [assignment(text) for text in settings]
    feature = next((value for name, value in given if name.split(".")[-1] == "audio_feature"), None)
    video = open_video(video_id, binary_dir or "data/binary/videos")
    for stage in stages:
        if stage.name in HEARING and feature is None:
            stage.overrides["audio_feature"] = choose_audio_feature(video)
        if stage.name == "lm3d_nerf_torso":
            stage.overrides["head_model_dir"] = f"checkpoints/{video_id}/lm3d_nerf"
        if binary_dir:
            where = "person_binary_data_dir" if stage.name in HEARING else "binary_data_dir"
            stage.overrides[where] = str(binary_dir)
    for name, value in given:
        head, _, rest = name.partition(".")
        chosen = [s for s in stages if s.name == head] if head in STAGES else stages
        setting = rest if head in STAGES else name
        chosen = [s for s in chosen if head in STAGES or setting.split(".")[0] in fields_of(s.name)]
        if not chosen or not setting:
            raise ConfigError(f"--set {name}: no stage has this setting. Write name=value or stage.name=value.")
        for stage in chosen:
            stage.overrides[setting] = value
    for stage in stages:
        recipe = load_recipe(stage.recipe)
        if recipe.problems:
            raise ConfigError("\n".join(recipe.problems))
        stage.values = merge({}, recipe.values)
        for name, value in stage.overrides.items():
            set_dotted(stage.values, name, value)
        parse(task_class(stage.name).schema, stage.values, stage.recipe)  # a slip is told before the first is trained
    if feature is not None and feature not in video.meta.audio_features:
        video.audio(str(feature))  # which says what there is
    return stages


def fields_of(stage: str) -> set[str]:
    """Return the names of a task's settings."""
    return set(task_class(stage).schema.model_fields)


def is_finished(stage: Stage, work_dir: Path) -> bool:
    """Tell whether a run has all its updates and was trained with this very recipe."""
    try:
        saved = read_yaml((work_dir / "config.yaml").read_text(encoding="utf-8"), str(work_dir))
    except (OSError, UserError):
        return False
    if not isinstance(saved, dict) or finished_updates(work_dir) < int(saved.get("max_updates", stage.updates)):
        return False
    return _within({k: v for k, v in stage.values.items() if not k.startswith("infer_")}, saved)


def is_outdated(work_dir: Path) -> bool:
    """Tell whether an earlier stage that a run was trained with has been trained further or anew since."""
    files = checkpoint_files(work_dir)
    try:
        sources = read_checkpoint(list(files.values())[-1])["vizeme"].get("frozen", {}) if files else {}
    except DataError:
        return False
    for source in sources.values():
        path = Path(source.get("path", ""))
        if path.is_file():
            if sha256(path) != source["sha256"]:
                return True
        elif checkpoint_files(path.parent):
            return True
    return False


def _within(wanted: Mapping[str, Any], saved: Mapping[str, Any]) -> bool:
    """Tell whether every wanted setting has the saved value; 5 equals 5.0, a path equals itself."""
    for name, value in wanted.items():
        if name not in saved:
            return False
        have = saved[name]
        if isinstance(value, Mapping) and isinstance(have, Mapping):
            if not _within(value, have):
                return False
        elif value != have and str(value) != str(have):
            return False
    return True


def train_person(
    video_id: str, *, preset: str = "person", settings: Sequence[str] = (), binary_dir: str = "", reset: bool = False
) -> int:
    """Train what is not trained yet and return 0, or the exit code of the stage that failed.

    Args:
        video_id: Whose video.
        preset: Which recipes: person (a GPU or a night), person_small (two cores), demo.
        settings: As for `plan`.
        binary_dir: As for `plan`.
        reset: Train every stage anew; old runs are set aside.
    """
    stages = plan(video_id, preset, settings, binary_dir)
    clock = Clock()
    trained: set[str] = set()
    for number, stage in enumerate(stages, 1):
        exp_name = f"{video_id}/{stage.name}"
        work_dir = work_dir_of(exp_name)
        title = f"[{number}/{len(stages)}] {stage.name}"
        needs = set(NEEDS.get(stage.name, ()))
        outdated = bool(needs and finished_updates(work_dir) and (trained & needs or is_outdated(work_dir)))
        if not reset and not outdated and is_finished(stage, work_dir):
            say(f"{title}: done before ({finished_updates(work_dir)} updates, {show_path(work_dir)})")
            continue
        if outdated:
            say(f"{title}: what it was trained with is new, so it is trained anew (the old run is set aside)")
        begun = 0 if reset or outdated else finished_updates(work_dir)
        later = [s for s in stages[number:] if reset or not is_finished(s, work_dir_of(f"{video_id}/{s.name}"))]
        left = clock.left([stage, *later])
        say(f"{title}: {max(0, stage.updates - begun)} updates, about {clock.of(stage, begun)}; {left} over all")
        began = time.monotonic()
        code = run_child(stage.command(exp_name, reset=reset or outdated))
        if code:
            again = "the same command goes on from the last checkpoint"
            log.error("%s stopped with exit code %d; mend what it says above, then %s.", stage.name, code, again)
            return code
        if finished_updates(work_dir) > begun:
            clock.measured(stage, time.monotonic() - began, begun)
            trained.add(stage.name)
    say(
        f"{video_id} is ready: bash scripts/infer_talking_head.sh {video_id} speech.wav infer_out/{video_id}/speech.mp4"
    )
    return 0


def run_child(command: list[str]) -> int:
    """Run a command in this terminal and return its exit code; Ctrl-C and a polite kill reach it, and it may save."""
    child = subprocess.Popen(command)
    old = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        while True:
            try:
                return child.wait(timeout=3600)
            except subprocess.TimeoutExpired:
                continue  # training may take a night; the child shows that it lives
    except KeyboardInterrupt:
        # The terminal sent Ctrl-C to the child as well: let it write its checkpoint.
        try:
            child.wait(timeout=120)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            child.kill()
            child.wait(timeout=10)
        raise
    finally:
        signal.signal(signal.SIGTERM, old)


def say(text: str) -> None:
    """Tell the person at the terminal, ahead of what the child will print."""
    print(text, flush=True)


class Clock:
    """Guess the time that is left, by what has been measured so far."""

    def __init__(self) -> None:
        self.guessed = self.took = 0.0

    def seconds(self, stage: Stage, begun: int = 0) -> float:
        """Guess how long a stage takes from update `begun` on."""
        ratio = self.took / self.guessed if self.guessed else 1.0
        return ratio * (START_S + UPDATE_S[stage.name] * max(0, stage.updates - begun))

    def of(self, stage: Stage, begun: int = 0) -> str:
        """Say how long a stage takes."""
        return duration(self.seconds(stage, begun))

    def left(self, stages: Sequence[Stage]) -> str:
        """Say how long these stages take together."""
        return f"about {duration(sum(self.seconds(stage) for stage in stages))}"

    def measured(self, stage: Stage, seconds: float, begun: int) -> None:
        """Learn from a stage that took `seconds`."""
        self.guessed += START_S + UPDATE_S[stage.name] * max(0, stage.updates - begun)
        self.took += seconds


def duration(seconds: float) -> str:
    """Write a length of time as a person would."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
