"""Which of a person's tasks are to be trained, by which recipe and settings."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_gen.video.dataset import VideoDataset, open_video
from tasks.core.checkpoints import checkpoint_files, finished_updates, read_checkpoint, recipe_of
from tasks.person.beginning import SPEECH, SYNCNET, beginning, feature_of_beginning, feature_so_far
from tasks.person.runs import HEARING, PORTRAIT, STAGES
from tasks.registry import schema_of
from utils.config.assignments import assignment, set_dotted
from utils.config.recipe import load_recipe, merge
from utils.config.schema import parse
from utils.config.strict_yaml import read_yaml_file
from utils.errors import ConfigError, DataError, UserError
from utils.files.digests import sha256
from utils.paths import ROOT, show_path
from utils.sound.content_features import BEST_WHISPER


@dataclass
class Step:
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


def choose_audio_feature(video: VideoDataset, *, reset: bool = False) -> str:
    """Return the speech feature that a person's networks listen to, of those the dataset has.

    A person who was begun goes on as before. Little footage begins with many talkers, and listens as they do. Else
    Whisper, which hears words, else the ear, which does so nearly as well, else mel.
    """
    if found := ("" if reset else feature_so_far(video)) or feature_of_beginning(video, reset=reset):
        return found
    return next((name for name in (BEST_WHISPER, "whisper", "ear") if name in video.meta.audio_features), "mel")


def plan(
    video_id: str, preset: str, settings: Sequence[str], binary_dir: str = "", *, reset: bool = False
) -> list[Step]:
    """Find the recipes and lay the settings over them.

    Args:
        video_id: Whose video; it must be processed.
        preset: Which set of recipes.
        settings: "name=value" for every stage that has it, "stage.name=value" for one.
        binary_dir: Where processed videos lie, when not where the recipes say.
        reset: Every stage is trained anew.

    Raises:
        DataError: The video is not processed. ConfigError: A recipe or a setting is wrong.
    """
    stages = [Step(name, recipe_of(preset, name), {"video_id": video_id}) for name in STAGES]
    assignments = [assignment(text) for text in settings]
    feature = next((value for name, value in assignments if name.split(".")[-1] == "audio_feature"), None)
    video = open_video(video_id, binary_dir or "data/binary/videos")
    listens = str(choose_audio_feature(video, reset=reset) if feature is None else feature)
    for stage in stages:
        if stage.name in HEARING and feature is None:
            stage.overrides["audio_feature"] = listens
        mine = {"start_from", f"{stage.name}.start_from"} & {name for name, _ in assignments}
        if stage.name in (SPEECH, SYNCNET) and not mine:
            stage.overrides |= beginning(stage.name, video, listens, reset=reset)
        if stage.name in ("lm3d_nerf_torso", PORTRAIT):
            stage.overrides["head_model_dir"] = f"checkpoints/{video_id}/lm3d_nerf"
        if binary_dir:
            where = "person_binary_data_dir" if stage.name in HEARING else "binary_data_dir"
            stage.overrides[where] = str(binary_dir)
    for name, value in assignments:
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
        parse(schema_of(stage.name), stage.values, stage.recipe)  # a slip is told before the first is trained
    if feature is not None and feature not in video.meta.audio_features:
        video.audio(str(feature))  # which says what there is
    return stages


def fields_of(stage: str) -> set[str]:
    """Return the names of a task's settings."""
    return set(schema_of(stage).model_fields)


def is_finished(stage: Step, work_dir: Path) -> bool:
    """Tell whether a run has all its updates and was trained with this very recipe."""
    try:
        saved = read_yaml_file(work_dir / "config.yaml")
        wanted = int(saved.get("max_updates", stage.updates))
    except (UserError, ValueError, TypeError, AttributeError, OverflowError):
        return False
    if finished_updates(work_dir) < wanted:
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
