"""NaN and drift: a bad number is found when it comes in, or at the update that meets it, and can be looked at again."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from tasks import run
from tasks.core.checkpoints import checkpoint_files, read_checkpoint
from tasks.core.guard import HISTORY, Guard, not_finite_in
from tests.data_gen.video.test_landmarks import Scripted, face_at, frames
from tests.made import make_video_dataset
from tests.tasks.toy import ToySource, ToyTask
from utils.errors import DataError, UserError
from utils.files.arrays import load_arrays, save_arrays


def words(tmp_path, *more):
    recipe = tmp_path / "toy.yaml"
    if not recipe.exists():
        recipe.write_text("task_cls: toy\nmax_updates: 8\nval_check_interval: 4\ntb_log_interval: 100\nlr: 0.01\n")
    return [f"--config={recipe}", f"--exp_name={tmp_path / 'run'}", *more]


def weights(path):
    return {name: value.clone() for name, value in read_checkpoint(path)["state_dict"].items()}


# -- a loss that is not finite -----------------------------------------------------------------------------------------
def test_a_loss_that_is_not_finite_stops_at_once_and_tells_what_it_was_made_of(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(
        ToySource, "names", lambda self: ["data/binary/x: clip a frames 3 to 9 (0.12 s)"], raising=False
    )
    with pytest.raises(UserError) as told:
        run.main(words(tmp_path, "--nan_at=6"))
    line = str(told.value)
    assert len(line.splitlines()) == 1
    assert line.startswith("The loss is nan (error nan) at update 6. The last checkpoint is sound;")
    assert line.endswith("not_finite_6.json; look at it again with --replay.")
    assert list(checkpoint_files(tmp_path / "run")) == [4]
    record = json.loads((tmp_path / "run/not_finite_6.json").read_text())
    assert record["update"] == 6
    assert record["batches"] == [6]
    assert record["seed"] == 9999
    assert record["checkpoint"] == 4
    assert record["made_of"] == ["data/binary/x: clip a frames 3 to 9 (0.12 s)"]
    assert record["losses"]["error"] == "nan"
    assert float(record["losses"]["size"]) > 0
    assert record["not_finite_in_the_batch"] == []


def test_the_weights_are_not_touched_by_it(toy, tmp_path, monkeypatch):
    seen = {}
    losses = ToyTask.losses

    def watched(self, batch):
        if self.updates == self.cfg.nan_at:
            seen.update({name: value.clone() for name, value in self.state_dict().items()})
            seen["task"] = self
        return losses(self, batch)

    monkeypatch.setattr(ToyTask, "losses", watched)
    with pytest.raises(UserError):
        run.main(words(tmp_path, "--nan_at=6"))
    for name, value in seen.pop("task").state_dict().items():
        assert torch.equal(value, seen[name]), name


def test_replay_goes_there_again_and_writes_nothing(toy, tmp_path, capsys):
    with pytest.raises(UserError):
        run.main(words(tmp_path, "--nan_at=6"))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert run.main(words(tmp_path, "--nan_at=6", "--replay")) == 0
    said = capsys.readouterr().out
    assert "update 4: error " in said, "it begins with the last checkpoint"
    assert "update 6: error nan" in said
    assert "It happened again. The loss is nan (error nan) at update 6." in said
    assert run.main(words(tmp_path, "--replay")) == 0
    assert "It did not happen again: update 6 is finite now." in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


def test_replay_meets_the_very_losses_of_the_training(toy, tmp_path, capsys, monkeypatch):
    seen = []
    losses = ToyTask.losses

    def watched(self, batch):
        found = losses(self, batch)
        if self.training:
            seen.append((self.updates, float(found["error"])))
        return found

    monkeypatch.setattr(ToyTask, "losses", watched)
    with pytest.raises(UserError):
        run.main(words(tmp_path, "--nan_at=6"))
    first, seen[:] = dict(seen), []
    run.main(words(tmp_path, "--nan_at=6", "--replay"))
    again = dict(seen)
    assert {n: again[n] for n in (4, 5)} == {n: first[n] for n in (4, 5)}


def test_there_is_nothing_to_replay_in_a_sound_run(toy, tmp_path):
    assert run.main(words(tmp_path, "--max_updates=4")) == 0
    with pytest.raises(UserError, match="nothing to replay"):
        run.main(words(tmp_path, "--replay"))


def test_a_number_that_is_none_in_the_data_is_named(toy, tmp_path, monkeypatch):
    draw = ToySource.batch

    def spoilt(self, rng):
        batch = draw(self, rng)
        entropy = rng.bit_generator.seed_seq.entropy
        if isinstance(entropy, list) and entropy[1] == 5:
            batch.x[2, 1] = float("inf")
        return batch

    monkeypatch.setattr(ToySource, "batch", spoilt)
    with pytest.raises(UserError, match="at update 5"):
        run.main(words(tmp_path))
    assert json.loads((tmp_path / "run/not_finite_5.json").read_text())["not_finite_in_the_batch"] == ["x"]


def test_a_gradient_that_is_not_finite_stops_though_the_loss_is(toy, tmp_path, monkeypatch):
    losses = ToyTask.losses

    def spoilt(self, batch):
        found = losses(self, batch)
        if self.updates == 5 and self.training:
            zero = next(self.parameters()).sum() * 0
            found["error"] = found["error"] + torch.sqrt(zero.abs())  # its slope at 0 is infinite
        return found

    monkeypatch.setattr(ToyTask, "losses", spoilt)
    with pytest.raises(UserError, match=r"A gradient is nan at update 5\."):
        run.main(words(tmp_path))
    assert list(checkpoint_files(tmp_path / "run")) == [4]


def test_what_was_only_noted_on_a_device_is_told_with_its_update():
    """On a GPU nobody asks after every update: the first bad one is kept there until somebody does."""
    task = ToyTask.__new__(ToyTask)
    guard = Guard()
    for update, value in ((3, 1.0), (4, float("nan")), (5, float("inf"))):
        task.__dict__["updates"] = update
        guard._note(task, torch.tensor(value))
    assert int(guard._first_bad) == 4


def test_every_source_of_batches_can_name_them():
    from data_gen.clips.corpus import MotionCorpus
    from tasks.motion import data as motion_data
    from tasks.motion import postnet
    from tasks.renderer.patches import PatchSource
    from tasks.speech_to_face import data as face_voice_data
    from tasks.template_to_face import data as template_data
    from tasks.wav2pix import wav2pix

    for source in (
        MotionCorpus, motion_data.WindowSource, postnet.PostnetSource, PatchSource,
        template_data.TemplateSource, face_voice_data.FaceSource, face_voice_data.VoiceSource, wav2pix.PairSource,
    ):  # fmt: skip
        assert callable(source.names), source


def test_windows_and_patches_are_named_by_frame_and_time(tmp_path):
    from data_gen.clips.corpus import MotionCorpus

    data = make_video_dataset(tmp_path / "made", frames=60, size=32)
    corpus = MotionCorpus([data.path], "mel", "all")
    batch = corpus.batch(np.random.default_rng(3), 2, 25)
    names = corpus.names()
    assert len(names) == 2
    start = int(names[0].split(" frames ")[1].split(" to ")[0])
    assert names[0].startswith(f"{data.path}: frames {start} to {start + 25} ({start / 25:.2f} s)")
    np.testing.assert_array_equal(batch.landmarks[0].numpy(), data.landmarks[start : start + 25])
    batch.landmarks[1, 3] = float("nan")
    assert not_finite_in(batch) == ["landmarks"]


# -- gradient spikes ---------------------------------------------------------------------------------------------------
def test_a_gradient_far_above_the_usual_is_told_once_and_counted(toy, tmp_path, monkeypatch, caplog):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    losses = ToyTask.losses

    def spiked(self, batch):
        found = losses(self, batch)
        if self.updates in (90, 95) and self.training:
            found["error"] = 1000 * found["error"]
        return found

    monkeypatch.setattr(ToyTask, "losses", spiked)
    run.main(words(tmp_path, "--max_updates=120", "--tb_log_interval=10", "--val_check_interval=60", "--lr=0.0001"))
    told = [record.message for record in caplog.records if "Gradient of norm" in record.message]
    assert len(told) == 1
    assert "at update 9" in told[0]
    assert "times the usual" in told[0]
    events = EventAccumulator(str(tmp_path / "run/tb_logs"))
    events.Reload()
    spikes = {event.step: event.value for event in events.Scalars("tr/grad_norm_spikes")}
    assert sum(spikes.values()) == 2
    norms = [event.value for event in events.Scalars("tr/grad_norm")]
    assert max(norms) > 100 * np.median(norms)


def test_the_usual_gradient_moves_with_the_training():
    from collections import deque

    from tasks.core.guard import _Norm

    guard, usual = Guard(), deque(maxlen=HISTORY)
    for update in range(2000):
        value = 10 ** (-update / 500)  # falls by four powers of ten
        assert guard._spikes([_Norm(update, torch.tensor(value))], [value], usual) == 0
        usual.append(value)
    assert guard._spikes([_Norm(2000, torch.tensor(1.0))], [1.0], usual) == 1, "as large as in the beginning"


# -- found at processing -----------------------------------------------------------------------------------------------
def spoilt_script(at, how):
    script = [[face_at(100 + 0.2 * i, 100)] for i in range(100)]
    for frame in at:
        if how == "nan":
            script[frame] = [face_at(100, 100)._replace(points_px=np.full((68, 2), np.nan, np.float32))]
        else:
            script[frame] = [face_at(130, 110, 44)._replace(box=script[frame][0].box)]
    return script


@pytest.mark.parametrize("how", ["nan", "elsewhere"])
@pytest.mark.parametrize("at", [[40], [40, 41], [10, 50, 90]])
def test_landmarks_on_something_else_are_found_and_bridged(at, how):
    from data_gen.video.landmarks import track_landmarks

    track = track_landmarks(frames(100), Scripted(spoilt_script(at, how)))
    assert list(track.excursions) == at
    assert list(np.flatnonzero(~track.found)) == at
    assert np.isfinite(track.points_px).all()
    middles = track.points_px[:, 36:48].mean(axis=1)[:, 0]
    np.testing.assert_allclose(middles, [100 + 0.2 * i for i in range(100)], atol=0.3)


def test_too_many_of_them_are_refused_with_their_frames_and_times():
    from data_gen.video.landmarks import track_landmarks

    with pytest.raises(DataError) as told:
        track_landmarks(frames(100), Scripted(spoilt_script(range(20, 90, 8), "elsewhere")), start_s=60, video="a.mp4")
    assert "in 9 the landmarks leave it: frames 20 (60.80 s), 28 (61.12 s)" in str(told.value)


def test_a_dataset_with_a_number_that_is_none_is_refused_when_written_and_when_read(tmp_path, monkeypatch):
    data = make_video_dataset(tmp_path / "made", frames=60, size=32)
    for file, name, row, told in (
        ("motion", "landmarks", 30, r"landmarks holds .* frame 30 \(1\.20 s\)"),
        ("audio", "mel", 61, r"mel holds .* frame 30 \(1\.20 s\)"),
    ):
        arrays = load_arrays(data.path / f"{file}.safetensors")
        spoilt = {key: array.copy() for key, array in arrays.items()}
        spoilt[name][row] = np.nan
        save_arrays(data.path / f"{file}.safetensors", spoilt)
        with pytest.raises(DataError, match=told):
            type(data)(data.path).landmarks if file == "motion" else type(data)(data.path).audio("mel")
        save_arrays(data.path / f"{file}.safetensors", arrays)
    before = sorted(path.name for path in data.path.iterdir())
    monkeypatch.setattr("tests.made.made_opening", lambda frames, seed: np.full(frames, np.nan, np.float32))
    with pytest.raises(DataError, match="numbers that are none"):
        make_video_dataset(tmp_path / "made", frames=60, size=32)
    assert sorted(path.name for path in data.path.iterdir()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_clips_persons_and_templates_refuse_such_numbers_too(tmp_path):
    from data_gen.clips.shard_writer import ClipShardWriter
    from data_gen.face_voice.writer import FaceVoiceWriter, MadePerson
    from data_gen.templates.writer import TemplateShardWriter
    from utils.faces.recogniser import RecogniserId

    landmarks = np.zeros((30, 68, 3), np.float32)
    landmarks[7, 5] = np.inf
    rows = {"landmarks": landmarks, "mel": np.zeros((60, 80), np.float32), "pitch_hz": np.zeros(60, np.float32)}
    with pytest.raises(DataError, match=r"landmarks .* frame 7 \(0\.28 s\)"):
        ClipShardWriter(tmp_path / "clips", {"mel": 80}).write_part("a", rows)
    face = ("a.png", np.zeros((224, 224, 3), np.uint8), np.full((68, 2), np.nan, np.float32))
    for person in (
        MadePerson("anna", "", "train", [], [face]),
        MadePerson("anna", "", "train", [("a.wav", np.array([0, np.nan], np.float32))], []),
    ):
        with pytest.raises(DataError, match=r"anna: .* numbers that are none"):
            FaceVoiceWriter(tmp_path / "persons").write(0, [person])
    writer = TemplateShardWriter(tmp_path / "faces", RecogniserId(name="made", sha256="0" * 64, width=4))
    with pytest.raises(DataError, match=r"a\.jpg: .* numbers that are none"):
        writer.write(0, [("a.jpg", 0, b"x", np.array([1, 2, np.nan, 3], np.float32))], split="train")
    for folder in ("clips", "persons", "faces"):
        assert not list((tmp_path / folder).rglob("*.safetensors"))
        shutil.rmtree(tmp_path / folder)


def test_a_photo_whose_landmarks_are_no_faces_is_refused(monkeypatch):
    from data_gen.face_voice.faces import find_face

    picture = np.zeros((200, 300, 3), np.uint8)
    assert find_face(picture, Scripted([[face_at(150, 90)]])).landmarks_px.shape == (68, 2)
    scattered = face_at(150, 90)._replace(
        points_px=np.random.default_rng(0).uniform(0, 200, (68, 2)).astype(np.float32)
    )
    for face in (scattered, face_at(150, 90)._replace(points_px=np.full((68, 2), np.nan, np.float32))):
        with pytest.raises(DataError):
            find_face(picture, Scripted([[face]]))
