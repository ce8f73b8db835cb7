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

SPEECH, SYNCNET = "lm3d_vae_sync", "syncnet"
TALKERS = "checkpoints/talkers"
"""Where the runs lie that were trained on many talkers here, each called as its task."""
SHIPPED = "checkpoints/shipped/talkers"
"""Where those lie that come with the program; `README.md` there tells of them."""
SIZES = {
    SPEECH: (
        "pitch", "audio_pairing", "hidden_size", "condition_size", "latent_size", "encoder_layers", "decoder_layers",
        "dilation", "direct_size",
    ),
    SYNCNET: ("width",),
}  # fmt: skip
"""Settings that the person's network takes over from the talkers', whatever the person's recipe says."""
PACE: dict[str, dict[float, dict[str, Any]]] = {
    SPEECH: {
        30.0: {"lr": 1.0e-3, "warmup_updates": 10, "decay_updates": 200, "max_updates": 100, "val_check_interval": 25,
               "ema_decay": 0.993, "ema_warmup": False},
        50.0: {"lr": 3.0e-3, "warmup_updates": 50, "decay_updates": 200, "max_updates": 200, "val_check_interval": 50,
               "ema_decay": 0.993, "ema_warmup": False},
    },
    SYNCNET: {
        30.0: {"own_mouth": True, "lr": 3.0e-4, "max_updates": 300, "val_check_interval": 50, "ema_decay": 0.9975,
               "ema_warmup": False},
        120.0: {"own_mouth": True, "lr": 3.0e-4, "max_updates": 300, "val_check_interval": 50},
    },
}  # fmt: skip
"""How a person begins a stage with many talkers who has less footage than so many seconds; measured:
docs/audio2motion.md. So little is soon learnt by heart: what is kept is the average of all networks on the way from the
talkers to the person, in which `ema_decay` to the power of `max_updates` is the talkers' share, half or a quarter. Lips
by it are better than by either."""


def beginning(stage: str, video: VideoDataset, audio_feature: str, *, reset: bool = False) -> dict[str, Any]:
    """Return the settings by which a person's stage begins with many talkers.

    None where no talkers were trained, where the person's own footage is enough, or where the run was begun otherwise.

    Args:
        stage: SPEECH or SYNCNET.
        video: The person's.
        audio_feature: What the person's networks listen to; talkers who listen to another feature are no beginning.
        reset: The run is begun anew.
    """
    run, talkers = _talkers_for(stage, video, reset)
    if talkers.get("audio_feature") != audio_feature:
        return {}
    pace = PACE[stage][min(most for most in PACE[stage] if _seconds(video) < most)]
    return {"start_from": run, **{size: talkers[size] for size in SIZES[stage]}, **pace}


def feature_of_beginning(video: VideoDataset, *, reset: bool = False) -> str:
    """Return the speech feature by which a person begins with many talkers; empty where the dataset has none such.

    The least footage gains more by a beginning than by a better feature; with a little more it is the other way round,
    and only who listens to the talkers' feature anyway begins with them.
    """
    if _seconds(video) >= min(PACE[SPEECH]):
        return ""
    feature = str(_talkers_for(SPEECH, video, reset)[1].get("audio_feature", ""))
    return feature if feature in video.meta.audio_features else ""


def feature_so_far(video: VideoDataset) -> str:
    """Return the speech feature that a person's networks listen to since they were begun; empty where none was."""
    runs = (_recipe(f"{video.meta.id}/{stage}") for stage in (SPEECH, SYNCNET))
    found = (str(recipe.get("audio_feature", "")) for recipe in runs)
    return next((feature for feature in found if feature in video.meta.audio_features), "")


def _talkers_for(stage: str, video: VideoDataset, reset: bool) -> tuple[str, dict[str, Any]]:
    """Return the run of many talkers and its recipe; empty for much footage, and for who was begun otherwise."""
    run = talkers_run(stage)
    talkers = _recipe(run)
    if talkers.get("centred") is not True or _seconds(video) >= max(PACE[stage]):
        return run, {}
    if reset:
        return run, talkers
    if begun := _recipe(f"{video.meta.id}/{stage}"):
        return run, talkers if begun.get("start_from") == run else {}
    listens = _recipe(f"{video.meta.id}/{SYNCNET}").get("audio_feature", talkers["audio_feature"])
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
        run = talkers_run(SPEECH)
        if _recipe(run).get("centred") is True:
            return work_dir_of(run)
        raise


def talkers_run(stage: str) -> str:
    """Return the run of many talkers: the one that was trained here, else the one that comes with the program."""
    if checkpoint_files(work_dir_of(f"{TALKERS}/{stage}")):
        return f"{TALKERS}/{stage}"
    shipped = f"{SHIPPED}/{stage}"
    return shipped if work_dir_of(shipped).is_dir() else str(ROOT / shipped)


def _recipe(run: str) -> dict[str, Any]:
    """Return the saved recipe of a run that has a checkpoint; empty when it has none."""
    folder = work_dir_of(run)
    try:
        return read_yaml_file(folder / "config.yaml") if checkpoint_files(folder) else {}
    except UserError:
        return {}
