"""A person begins with many talkers where they were trained, and goes on as it began."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from tasks.core.loading import load_task
from tasks.person.beginning import (
    PACE,
    SIZES,
    SPEECH,
    SYNCNET,
    beginning,
    feature_of_beginning,
    feature_so_far,
    moving_run,
)
from tests.made import make_video_dataset
from utils.rates import FPS


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Give a function that makes a trained run of some settings in the folder's `checkpoints`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()

    def make(name: str, **settings) -> None:
        folder = tmp_path / "checkpoints" / name
        folder.mkdir(parents=True)
        (folder / "model_ckpt_steps_1.ckpt").touch()
        (folder / "config.yaml").write_text(yaml.safe_dump(settings))

    return make


def many(stage=SPEECH, **settings):
    return {"audio_feature": "mel", "centred": True, **dict.fromkeys(SIZES[stage], 7), **settings}


@pytest.fixture
def anna(tmp_path):
    return make_video_dataset(tmp_path / "videos/anna", frames=60, size=16)


@pytest.mark.parametrize("stage", [SPEECH, SYNCNET])
def test_little_footage_begins_with_many_talkers_in_their_networks_sizes(runs, anna, monkeypatch, stage):
    assert beginning(stage, anna, "mel") == {}
    runs(f"talkers/{stage}", **many(stage))
    less, more = PACE[stage].values()
    settings = {"start_from": f"checkpoints/talkers/{stage}", **dict.fromkeys(SIZES[stage], 7)}
    assert beginning(stage, anna, "mel") == {**settings, **less}
    assert beginning(stage, anna, "whisper") == {}
    seconds = sum(stop - start for start, stop in anna.shots("train")) / FPS
    monkeypatch.setitem(PACE, stage, {seconds: less, seconds + 1: more})
    assert beginning(stage, anna, "mel") == {**settings, **more}
    monkeypatch.setitem(PACE, stage, {seconds: less})
    assert beginning(stage, anna, "mel") == {}


@pytest.mark.parametrize(("stage", "seconds", "share"), [(SPEECH, 30, 0.5), (SPEECH, 50, 0.25), (SYNCNET, 30, 0.47)])
def test_the_talkers_keep_a_share(stage, seconds, share):
    pace = PACE[stage][seconds]
    assert pace["ema_decay"] ** pace["max_updates"] == pytest.approx(share, abs=0.01)
    assert pace["ema_warmup"] is False


def test_little_footage_listens_as_the_talkers_do(runs, anna, monkeypatch):
    runs("talkers/lm3d_vae_sync", **many())
    assert feature_of_beginning(anna) == "mel"
    with monkeypatch.context() as patch:
        patch.setitem(PACE, SPEECH, {0.1: {}, 50.0: {}})
        assert feature_of_beginning(anna) == "", "that much gains more by a better feature"
        assert beginning(SPEECH, anna, "mel"), "but who listens to it begins so"
    runs(f"{anna.meta.id}/syncnet", audio_feature="whisper")
    assert feature_of_beginning(anna) == "", "a person who was begun otherwise goes on"
    assert feature_of_beginning(anna, reset=True) == "mel"
    runs("other/lm3d_vae_sync")
    assert beginning(SPEECH, anna, "whisper", reset=True) == {}


def test_a_person_who_was_begun_listens_as_before_as_long_as_the_video_has_that_feature(runs, anna):
    assert feature_so_far(anna) == ""
    runs(f"{anna.meta.id}/syncnet", audio_feature="mel")
    assert feature_so_far(anna) == "mel"
    runs(f"{anna.meta.id}/lm3d_vae_sync", audio_feature="whisper:2")
    assert feature_so_far(anna) == "mel", "the video was processed anew, without it"


@pytest.mark.parametrize("stage", [SPEECH, SYNCNET])
def test_the_talkers_that_ship_are_a_beginning_where_none_were_trained(runs, anna, stage):
    shipped = Path(beginning(stage, anna, "ear")["start_from"])
    assert shipped.is_dir()
    assert shipped.parts[-3:] == ("shipped", "talkers", stage)
    assert sum(file.stat().st_size for file in shipped.iterdir()) < 3e6
    task = load_task(shipped, "last")
    if stage == SYNCNET:
        assert task.model.embed_audio(torch.zeros(2, 10, 512)).isfinite().all()
        return
    assert moving_run("anna") == shipped
    frames = task.predict(torch.zeros(20, 512))
    assert frames.shape == (10, 68, 3)
    assert bool(frames.isfinite().all())


def test_talkers_with_faces_of_their_own_are_no_beginning(runs, anna):
    runs("talkers/lm3d_vae_sync", **many(centred=False))
    assert beginning(SPEECH, anna, "mel") == {}


def test_a_run_that_began_otherwise_goes_on_as_it_began(runs, anna):
    runs("talkers/lm3d_vae_sync", **many())
    runs(f"{anna.meta.id}/lm3d_vae_sync", start_from="")
    assert beginning(SPEECH, anna, "mel") == {}
    assert beginning(SPEECH, anna, "mel", reset=True)["direct_size"] == 7
