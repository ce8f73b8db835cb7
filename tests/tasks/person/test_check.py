"""The check says of every stage whether it is sound, whatever is or is not trained."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from data_gen.video.sync_offset import SyncOffset
from tasks import talking_head
from tasks.person.check import Chain
from tests.made import make_video_dataset
from utils.errors import DataError


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video_dataset(tmp_path_factory.mktemp("data") / "videos/made", frames=800, size=16)


def check(video, tmp_path, *more):
    words = ["check", "made", "--binary_dir", str(video.path.parent), "--out", str(tmp_path / "check.json")]
    assert talking_head.main([*words, "--checkpoints", str(tmp_path / "runs"), *more]) == 0
    return {stage["name"]: stage for stage in json.loads((tmp_path / "check.json").read_text())["stages"]}


class Speech:
    """Stands for a trained network that knows the recorded landmarks, and moves them by `offset`, `gain` or `late`."""

    cfg = SimpleNamespace(audio_feature="mel")
    source = {"path": "model.ckpt"}

    def __init__(self, video, *, offset=0.0, gain=1.0, late=0):
        self.video, self.offset, self.gain, self.late = video, offset, gain, late

    def predict(self, audio, pitch_hz, *, temperature):
        rows = self.video.audio("mel")
        at = next(i for i in range(0, len(rows), 2) if np.array_equal(rows[i : i + len(audio)], audio.numpy())) // 2
        true = self.video.landmarks[np.arange(at, at + len(audio) // 2) - self.late]
        mean = self.video.landmarks_mean
        return torch.from_numpy(mean + self.gain * (true - mean) + self.offset)


class Sync:
    """Stands for a SyncNet: how far the mouth is from the recorded one says how sure it is."""

    cfg = SimpleNamespace(audio_feature="mel")
    source = {"path": "syncnet.ckpt"}

    def __init__(self, video):
        self.own = torch.from_numpy(video.landmarks)

    def metrics(self, batch):
        first = batch.landmarks[0][batch.mask[0]]
        near = min(float((first[0] - one).abs().mean()) for one in self.own)
        within = 0.95 if near < 0.05 else 0.2
        return {"offset_within_1": torch.tensor(within), "confidence": torch.tensor(within / 3)}


def with_runs(monkeypatch, **runs):
    def load(self, names):
        return next(((runs[n], "") for n in names if n in runs), (None, "python train"))

    monkeypatch.setattr(Chain, "load", load)


def test_a_chain_without_any_run_says_what_to_train(video, tmp_path, capsys):
    stages = check(video, tmp_path)
    assert [stage["verdict"] for stage in stages.values()][1:] == ["not trained"] * 4
    out = capsys.readouterr().out
    for name in ("syncnet", "lm3d_vae_sync", "postnet", "lm3d_nerf"):
        assert f"{tmp_path}/runs/{name}" in out
    assert "Traceback" not in out


def test_json_is_the_only_thing_on_standard_output(video, tmp_path, capsys):
    check(video, tmp_path, "--json")
    said = capsys.readouterr()
    assert json.loads(said.out) == json.loads((tmp_path / "check.json").read_text())
    assert "picture and sound: " in said.err


def test_a_sound_chain_is_good(video, tmp_path, monkeypatch):
    with_runs(monkeypatch, syncnet=Sync(video), lm3d_vae_sync=Speech(video), postnet=Speech(video))
    stages = check(video, tmp_path)
    verdicts = {name: stage["verdict"] for name, stage in stages.items() if name != "picture and sound"}
    assert verdicts == {
        "SyncNet on the recorded lips": "good",
        "lips imagined from the sound": "good",
        "range of lips imagined from the sound": "good",
        "lips after postnet": "good",
        "range of lips after postnet": "good",
        "rendered face": "not trained",
    }
    lips = stages["lips after postnet"]["figures"]
    assert lips["lip_correlation"] == pytest.approx(1)
    assert lips["lip_error"] == pytest.approx(0, abs=1e-6)


def test_each_fault_is_found_where_it_is(video, tmp_path, monkeypatch, capsys):
    sync = Sync(video)
    with_runs(monkeypatch, syncnet=sync, lm3d_vae_sync=Speech(video, gain=0.3), postnet=Speech(video, offset=5.0))
    stages = check(video, tmp_path)
    assert stages["lips imagined from the sound"]["figures"]["lip_spread"] == pytest.approx(0.3, abs=0.01)
    assert stages["lips imagined from the sound"]["verdict"] == "poor"
    assert stages["range of lips imagined from the sound"]["verdict"] == "good"
    assert stages["lips after postnet"]["figures"]["lip_error_ratio"] > 2
    assert stages["lips after postnet"]["verdict"] == "poor"
    assert stages["range of lips after postnet"]["figures"]["outside"] > 0.5
    out = capsys.readouterr().out
    assert "mumbling" in out
    assert "lower infer_lm3d_clamp_std" in out


@pytest.mark.parametrize(
    ("late", "measurable", "verdict"), [(0.4, True, "good"), (-2.4, True, "poor"), (0.0, False, "fair")]
)
def test_sound_that_is_late_is_said(video, monkeypatch, late, measurable, verdict):
    found = SyncOffset(late, measurable, 0.4, 0.5, 0.1, [], [])
    monkeypatch.setattr("tasks.person.check.measure_offset", lambda points, mel, kept: found)
    stage = Chain(video, video.path).picture_and_sound()
    assert stage.verdict == verdict
    assert (f"{late:+.2f} frames late" in stage.said) == measurable


def test_a_run_that_cannot_be_loaded_is_said(video, tmp_path):
    (tmp_path / "runs/syncnet").mkdir(parents=True)
    (tmp_path / "runs/syncnet/model_ckpt_steps_5.ckpt").write_bytes(b"broken")
    stages = check(video, tmp_path)
    stage = stages["SyncNet on the recorded lips"]
    assert (stage["verdict"], stage["remedy"]) == ("not measured", "Train it again.")
    assert "runs/syncnet can be read" in stage["said"]


def test_a_feature_that_the_video_lacks_is_said(video, tmp_path, monkeypatch):
    speech = Speech(video)
    speech.cfg = SimpleNamespace(audio_feature="hubert")
    with_runs(monkeypatch, lm3d_vae_sync=speech)
    stage = check(video, tmp_path)["lips imagined from the sound"]
    assert stage["verdict"] == "not measured"
    assert "has no audio feature 'hubert'" in stage["said"]


def test_the_rendered_face_is_compared_with_held_out_frames(video, tmp_path, monkeypatch):
    asked = []

    class Renderer:
        source = {"path": "renderer.ckpt"}

        def render_frames(self, ids):
            asked.extend(ids.tolist())
            return iter(range(len(ids)))

        def judge(self, frame, picture):
            return {"face_psnr": 30.0, "mouth_psnr": 20.0 + picture}

    with_runs(monkeypatch, lm3d_nerf=Renderer())
    monkeypatch.setattr(Chain, "_with_footage", lambda self, renderer: renderer)
    stage = check(video, tmp_path, "--frames", "3")["rendered face"]
    assert (stage["verdict"], stage["figures"]) == ("good", {"face_psnr": 30.0, "mouth_psnr": 21.0})
    assert len(asked) == 3
    assert min(asked) >= video.meta.val_start
    assert "rendered face" not in check(video, tmp_path, "--frames", "0")


def test_a_person_without_a_video_is_named_with_the_command_that_makes_it():
    with pytest.raises(DataError, match=r"data_gen/run\.py video --id nobody"):
        talking_head.main(["check", "nobody"])
