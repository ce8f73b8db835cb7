from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from data_gen.clips.corpus import MotionCorpus
from data_gen.ear import ears_of
from data_gen.stages import Workshop
from data_gen.video.ahead.costs import by_kind, costs
from data_gen.video.ahead.rehearsal import rehearse
from data_gen.video.dataset import VideoDataset, open_video
from data_gen.video.job import PICTURES_OF, STAGE_NAMES, VideoJob
from data_gen.video.pipeline import do_stages, process_video
from utils import assets
from utils.errors import AssetError, DataError
from utils.files.tables import read_json, write_json
from utils.media.picture_file import open_pictures
from utils.media.video import VideoWriter

ALL_PICTURES = {name for names in PICTURES_OF.values() for name in names}


def test_without_any_weights_a_video_becomes_a_dataset(done):
    job, data = done
    assert len(data) == 60  # 2.4 s at 25 frames a second
    assert (data.meta.landmark_source, data.meta.parsing_source) == ("dlib", "grabcut")
    assert (data.meta.licence, data.meta.val_start) == ("public domain", 48)
    assert data.landmarks.shape == (60, 68, 3)
    assert data.world_from_camera.shape == (60, 4, 4)
    assert data.audio("mel").shape == (120, 80)
    assert data.audio("pitch_hz").shape == (120,)
    assert data.wav().shape == (60 * 640,)
    assert data.frames.shape == data.torso_frames.shape == (60, 128, 128, 3)
    x, y = data.landmarks_px[30, 30].astype(int)
    assert data.head_mask[30, y, x] > 200
    assert data.head_mask[30, 4, 4] < 60
    for split in ("train", "val"):  # what the shortest video is accepted for
        assert MotionCorpus([data.path], "mel", split).runs
    assert open_video("Astro-1", job.data_dir / "binary" / "videos").meta == data.meta


def test_landmarks_fall_on_their_pixels_through_the_camera(done):
    from utils.camera import project
    from utils.faces.landmarks import from_offsets

    _, data = done
    size = data.meta.width
    seen = project(from_offsets(data.landmarks), data.world_from_camera, data.meta.focal_px, size / 2, size / 2)
    assert np.abs(seen - data.landmarks_px).mean() < 0.1


def test_it_costs_what_was_told_and_a_rehearsal_has_nothing_left_to_do(done, monkeypatch):
    job, data = done
    monkeypatch.setattr(assets, "roots", lambda: [job.data_dir / "no_assets"])
    written = {path.stat().st_ino: path.stat().st_size
               for path in job.data_dir.rglob("*") if path.is_file() and "report" not in path.parts}  # fmt: skip
    features = [*data.meta.audio_features, "pitch_hz", "rms"]
    told = costs(len(data), job.size, features)
    pictures = [told[stage].pop(name) for stage, names in PICTURES_OF.items() for name in names]
    packed = sum(path.stat().st_size for names in PICTURES_OF.values() for name in names
                 for path in job.processed.rglob(f"{name}.safetensors"))  # fmt: skip
    assert sum(by_kind(told).values()) == pytest.approx(sum(written.values()) - packed, rel=0.05)
    assert 0.3 * sum(pictures) < packed < 1.5 * sum(pictures)  # small pictures have more of edges than large ones
    said = rehearse(job, []).splitlines()
    assert said[1].startswith("stages to do: none; kept: probe, convert, ")
    assert said[2] == "to be written: about 0.000 GB"
    again = rehearse(dataclasses.replace(job, redo=("parsing",)), [])
    assert "stages to do: parsing, plate, dataset, report; kept: probe, convert" in again


def test_doing_it_again_does_nothing_and_a_lost_dataset_comes_back(done, monkeypatch):
    job, data = done
    monkeypatch.setattr(assets, "roots", lambda: [job.data_dir / "no_assets"])
    stages = {path: path.stat().st_mtime_ns for path in job.processed.glob("*/stage.json")}
    process_video(job)
    assert {path: path.stat().st_mtime_ns for path in stages} == stages
    before = data.meta.fingerprint
    (job.binary / "motion.safetensors").write_bytes(b"half")
    with pytest.raises(DataError, match="Process the video again"):
        _ = VideoDataset(job.binary).landmarks
    np.testing.assert_array_equal(process_video(job).landmarks, data.landmarks)
    shutil.rmtree(job.binary)
    assert process_video(job).meta.fingerprint == before
    kept = {path.parent.name for path, time in stages.items() if path.stat().st_mtime_ns == time}
    assert kept == {"probe", "convert", "cuts", "landmarks", "sync", "camera", "parsing", "plate", "audio"}


EARS = ears_of(["ear"])
KEPT = {
    "probe": (1, (), {"video": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", "start_s": 1.0,
                      "duration_s": 3.0}),
    "convert": (2, ("probe",), {"size": 256, "detector": "dlib"}),
    "cuts": (1, ("convert",), {}),
    "landmarks": (1, ("convert", "cuts"), {"source": "dlib"}),
    "sync": (2, ("convert", "landmarks"), {}),
    "camera": (2, ("convert", "cuts", "landmarks"), {}),
    "parsing": (4, ("convert", "cuts", "landmarks"), {"source": "grabcut"}),
    "plate": (3, ("convert", "parsing"), {}),
    "audio": (2, ("convert", "sync"), {"features": ["mel", "mfcc", "pitch_hz", "rms", "ear", "whisper:3-6"],
                                       "ears": EARS}),
    "dataset": (2, ("convert", "cuts", "landmarks", "sync", "camera", "parsing", "plate", "audio"),
                {"licence": "L", "consent": "C"}),
    "report": (3, ("probe", "convert", "cuts", "landmarks", "sync", "camera", "parsing", "plate", "audio", "dataset"),
               {}),
}  # fmt: skip
"""Version, needs and settings of every stage: with others, what was processed before would be made again."""


class Noting(Workshop):
    """Do nothing and note what would be asked for."""

    def run(self, name, work, *, version, needs=(), **settings):
        self.asked = getattr(self, "asked", {}) | {name: (version, needs, settings)}


def test_what_was_processed_before_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "roots", lambda: [tmp_path / "no_assets"])
    video = tmp_path / "a.mp4"
    video.write_bytes(b"x")
    job = VideoJob(
        "a", video, size=256, landmarks="dlib", parsing="grabcut", licence="L", consent="C",
        audio_features="whisper:3-6, mel", start_s=1.0, duration_s=3.0,
    )  # fmt: skip
    workshop = Noting(tmp_path / "w")
    do_stages(job, workshop)
    assert list(workshop.asked.items()) == list(KEPT.items())
    assert tuple(workshop.asked) == STAGE_NAMES
    do_stages(VideoJob("a", video), workshop)
    settings = {name: asked[2] for name, asked in workshop.asked.items()}
    assert settings["convert"] == {"size": 512}
    assert settings["plate"] == {}
    assert settings["landmarks"] == {"source": "auto without face_landmarker"}
    assert settings["parsing"] == {"source": "grabcut"}
    assert settings["audio"] == {"features": ["mel", "mfcc", "pitch_hz", "rms", "ear"], "ears": EARS}
    do_stages(VideoJob("a", video, lossless=True), workshop)
    asked = [name for name, (_, _, settings) in workshop.asked.items() if settings.get("lossless")]
    assert asked == ["convert", "plate"]


def test_arrays_of_an_earlier_version_are_kept_and_go_when_their_stage_is_done_again(done, tmp_path, monkeypatch):
    job, data = done
    monkeypatch.setattr(assets, "roots", lambda: [tmp_path / "no_assets"])
    shutil.copytree(job.data_dir, tmp_path / "data")
    old = dataclasses.replace(job, data_dir=tmp_path / "data")
    for file in [path for path in old.data_dir.rglob("*.safetensors") if path.stem in ALL_PICTURES]:
        np.save(file.with_suffix(".npy"), np.asarray(open_pictures(file.parent, file.stem, "")))
        file.unlink()
    for state in old.processed.glob("*/stage.json"):
        said = read_json(state)
        files = [name if "arrays" in name else name.replace(".safetensors", ".npy") for name in said["files"]]
        write_json(state, said | {"files": files})
    before = VideoDataset(old.binary)
    np.testing.assert_array_equal(before.frames[7], data.frames[7])
    times = {path: path.stat().st_mtime_ns for path in old.processed.glob("*/stage.json")}
    assert process_video(old).meta == before.meta
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    again = process_video(dataclasses.replace(old, redo=("plate",)))
    np.testing.assert_array_equal(again.torso_frames, data.torso_frames)
    pictures = {path.name for path in again.path.iterdir() if path.stem in ALL_PICTURES}
    assert pictures == {"frames.npy", "head_mask.npy", "torso_mask.npy", "torso_frames.safetensors"}
    assert not (old.processed / "plate" / "torso_frames.npy").exists()


def test_a_stage_whose_file_is_gone_is_named_with_the_way_out(done, monkeypatch):
    job, _ = done
    monkeypatch.setattr(assets, "roots", lambda: [job.data_dir / "no_assets"])
    frames = job.processed / "convert" / "frames.safetensors"
    frames.rename(frames.with_name("away"))
    try:
        with pytest.raises(DataError, match=r"frames\.safetensors cannot be read.*--redo convert"):
            process_video(dataclasses.replace(job, redo=("cuts",)))
    finally:
        frames.with_name("away").rename(frames)


def test_weights_that_are_not_here_are_told_before_any_work(portrait_video, tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "roots", lambda: [tmp_path / "no_assets"])
    with pytest.raises(AssetError, match=r"python -m utils\.assets download face_parsing"):
        process_video(VideoJob("x", portrait_video, parsing="bisenet", data_dir=tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_another_run_at_work_is_left_in_peace(portrait_video, tmp_path):
    job = VideoJob("Astro-2", portrait_video, size=128, data_dir=tmp_path)
    with Workshop(job.processed).locked(), pytest.raises(DataError, match="another run"):
        process_video(job)
    assert job.processed.is_dir()


@pytest.mark.parametrize("kind", ["silent", "without sound", "without a face", "short"])
def test_what_cannot_be_learned_from_leaves_nothing(tmp_path, kind):
    path = tmp_path / "a.mp4"
    sound = None if kind == "without sound" else np.full(48_000, 0.0 if kind == "silent" else 0.1, np.float32)
    with VideoWriter(path, 64, 64, audio=sound) as writer:
        for _ in range(20 if kind == "short" else 60):
            writer.write(np.full((64, 64, 3), 90, np.uint8))
    reasons = {"silent": "is silent", "without sound": "has no sound", "without a face": "no face", "short": "lasts"}
    with pytest.raises(DataError, match=reasons[kind]) as error:
        process_video(VideoJob("x", path, size=64, landmarks="dlib", data_dir=tmp_path / "data"))
    assert "\n" not in str(error.value)
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file() and path.stem in ALL_PICTURES]
    assert not (tmp_path / "data" / "processed" / "videos" / "x").exists()
