from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from data_gen.stages import Done
from data_gen.video.job import VideoJob
from data_gen.video.sound import audio_settings, audio_stage, feature_names
from data_gen.video.stage import Bench
from utils import assets
from utils.files.arrays import load_arrays
from utils.files.tables import write_json
from utils.media.wav import read_wav, write_wav


@pytest.fixture(autouse=True)
def no_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "roots", lambda: [tmp_path / "no_assets"])


def test_features_that_need_no_weights_are_always_made_and_others_when_asked():
    assert feature_names(VideoJob("anna", Path("a.mp4"))) == ["mel", "mfcc", "pitch_hz", "rms", "ear"]
    asked = VideoJob("anna", Path("a.mp4"), audio_features="whisper:3-6, mel")
    assert feature_names(asked) == ["mel", "mfcc", "pitch_hz", "rms", "ear", "whisper:3-6"]


def test_a_sound_that_was_processed_before_there_was_an_ear_is_kept_as_it_is(tmp_path):
    job = VideoJob("anna", Path("a.mp4"), data_dir=tmp_path)
    (job.processed / "audio").mkdir(parents=True)
    write_json(job.processed / "audio" / "stage.json", {"summary": {"features": {"mel": 80, "mfcc": 39}}})
    assert feature_names(job) == ["mel", "mfcc", "pitch_hz", "rms"]
    assert feature_names(dataclasses.replace(job, audio_features="ear"))[-1] == "ear"
    assert feature_names(dataclasses.replace(job, redo=("audio",)))[-1] == "ear"


def test_an_ear_that_changed_hears_the_sound_again_and_other_features_are_kept(monkeypatch):
    job = VideoJob("anna", Path("a.mp4"))
    before = audio_settings(job)
    assert audio_settings(job) == before
    monkeypatch.setattr("data_gen.ear._digest", lambda *_: "another")
    assert audio_settings(job) == {**before, "ears": {"ear": "another"}} != before
    monkeypatch.setattr("data_gen.video.sound._was_heard_without_ear", lambda _: True)
    assert set(audio_settings(job)) == {"features"}


@pytest.mark.parametrize(("late", "first"), [(0.0, 6400), (5.0, 3200)])
def test_a_late_sound_is_brought_forward_and_has_two_rows_a_frame(tmp_path, late, first):
    wav = np.zeros(32_000, np.float32)
    wav[6400:] = 0.5 * np.sin(np.arange(25_600) * 2 * np.pi * 150 / 16_000)  # silent for 10 frames, then a tone
    write_wav(tmp_path / "audio.wav", wav)
    (tmp_path / "out").mkdir()
    sync = {"measurable": True, "frames": late, "uncertainty": 0.4}
    done = {
        name: Done(name, tmp_path, summary, "x", 0.0)
        for name, summary in (("convert", {"frames": 50}), ("sync", sync))
    }
    steps: list[tuple[int, int]] = []
    summary = audio_stage(
        Bench(VideoJob("anna", Path("a.mp4")), done, (0, 0, 0)), tmp_path / "out", lambda *step: steps.append(step)
    )
    arrays = load_arrays(tmp_path / "out" / "arrays.safetensors")
    lengths = {name: len(array) for name, array in arrays.items()}
    assert lengths == dict.fromkeys(("mel", "mfcc", "pitch_hz", "rms", "ear"), 100)
    assert steps == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    sound = read_wav(tmp_path / "out" / "audio.wav")
    assert len(sound) == 32_000
    assert np.flatnonzero(np.abs(sound) > 0.01)[0] == pytest.approx(first, abs=3)
    assert (summary["late_frames"], summary["features"]) == (late, {"mel": 80, "mfcc": 39, "ear": 512})
    assert summary["peak"] == pytest.approx(0.5, abs=0.01)
    assert summary["clipped"] == 0
