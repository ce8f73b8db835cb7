"""With which talkers' run a person's stage begins, where one is here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_gen.video.dataset import VideoDataset
from tasks.core.checkpoints import checkpoint_files, work_dir_of
from tasks.person.runs import POSTNETS, find_run
from utils.config.strict_yaml import read_yaml_file
from utils.errors import DataError, UserError
from utils.paths import ROOT
from utils.rates import FPS

SPEECH = "lm3d_vae_sync"
TALKERS = f"checkpoints/talkers/{SPEECH}"
"""The run that was trained on many talkers here, where one was."""
SHIPPED = f"checkpoints/shipped/talkers/{SPEECH}"
"""The one that comes with the program; `README.md` beside it tells of it."""
SIZES = (
    "pitch", "audio_pairing", "hidden_size", "condition_size", "latent_size", "encoder_layers", "decoder_layers",
    "dilation", "direct_size",
)  # fmt: skip
"""Settings that the person's network takes over from the talkers', whatever the person's recipe says."""
PACE = {
    30.0: {"lr": 1.0e-3, "warmup_updates": 10, "max_updates": 100, "val_check_interval": 25},
    50.0: {"lr": 3.0e-3, "warmup_updates": 50, "max_updates": 200, "val_check_interval": 50},
}
"""How a person begins with many talkers who has less footage than so many seconds; measured: docs/audio2motion.md."""
SHARED = {"decay_updates": 200, "ema_decay": 0.993, "ema_warmup": False}
"""So little is soon learnt by heart. What is kept is the average of all networks on the way from the talkers to the
person, in which the talkers' share is half (0.993 to the power of 100), or a quarter: lips by it are better than by
either."""


def beginning(video: VideoDataset, audio_feature: str, *, reset: bool = False) -> dict[str, Any]:
    """Return the settings by which a person's speech network begins with many talkers.

    None where no talkers were trained, where the person's own footage is enough, or where the run was begun otherwise.

    Args:
        video: The person's.
        audio_feature: What the person's networks listen to; talkers who listen to another feature are no beginning.
        reset: The run is begun anew.
    """
    run, talkers = _talkers_for(video, reset)
    if talkers.get("audio_feature") != audio_feature:
        return {}
    pace = PACE[min(most for most in PACE if _seconds(video) < most)]
    return {"start_from": run, **{size: talkers[size] for size in SIZES}, **SHARED, **pace}


def feature_of_beginning(video: VideoDataset, *, reset: bool = False) -> str:
    """Return the speech feature by which a person begins with many talkers; empty where the dataset has none such.

    The least footage gains more by a beginning than by a better feature; with a little more it is the other way round,
    and only who listens to the talkers' feature anyway begins with them.
    """
    if _seconds(video) >= min(PACE):
        return ""
    feature = str(_talkers_for(video, reset)[1].get("audio_feature", ""))
    return feature if feature in video.meta.audio_features else ""


def feature_so_far(video: VideoDataset) -> str:
    """Return the speech feature that a person's networks listen to since they were begun; empty where none was."""
    runs = (_recipe(f"{video.meta.id}/{stage}") for stage in (SPEECH, "syncnet"))
    found = (str(recipe.get("audio_feature", "")) for recipe in runs)
    return next((feature for feature in found if feature in video.meta.audio_features), "")


def _talkers_for(video: VideoDataset, reset: bool) -> tuple[str, dict[str, Any]]:
    """Return the run of many talkers and its recipe; empty for much footage, and for who was begun otherwise."""
    run = talkers_run()
    talkers = _recipe(run)
    if talkers.get("centred") is not True or _seconds(video) >= max(PACE):
        return run, {}
    if reset:
        return run, talkers
    if begun := _recipe(f"{video.meta.id}/{SPEECH}"):
        return run, talkers if begun.get("start_from") == run else {}
    listens = _recipe(f"{video.meta.id}/syncnet").get("audio_feature", talkers["audio_feature"])
    return run, talkers if listens == talkers["audio_feature"] else {}


def _seconds(video: VideoDataset) -> float:
    """Return how much footage there is to learn from."""
    return sum(stop - start for start, stop in video.shots("train")) / FPS


def moving_run(person: str) -> Path:
    """Return the run that moves a person's face: the own one, else that of many talkers.

    Raises:
        DataError: Neither is trained; the message has the command that trains the own one.
    """
    try:
        return find_run(person, POSTNETS)
    except DataError:
        run = talkers_run()
        if _recipe(run).get("centred") is True:
            return work_dir_of(run)
        raise


def talkers_run() -> str:
    """Return the run of many talkers: the one that was trained here, else the one that comes with the program."""
    if checkpoint_files(work_dir_of(TALKERS)):
        return TALKERS
    return SHIPPED if work_dir_of(SHIPPED).is_dir() else str(ROOT / SHIPPED)


def _recipe(run: str) -> dict[str, Any]:
    """Return the saved recipe of a run that has a checkpoint; empty when it has none."""
    folder = work_dir_of(run)
    try:
        return read_yaml_file(folder / "config.yaml") if checkpoint_files(folder) else {}
    except UserError:
        return {}
