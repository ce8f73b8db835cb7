"""A clip is tracked as a stream, and its digest tells what it was made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_gen.clips.plan import ClipJob, find_videos, plan_clips
from data_gen.clips.process import ClipRecipe, process_clip
from data_gen.speech_features import audio_features
from tests.data_gen.clips.toy import make_videos
from tests.utils.sound.made_room import syllables
from utils.errors import DataError
from utils.faces.detector import Face, LandmarkDetector
from utils.faces.landmarks import MEAN_FACE
from utils.media.video import VideoWriter
from utils.media.wav import read_wav
from utils.sound.speech_level import levelled, measure


def test_a_digest_tells_what_changed(tmp_path):
    make_videos(tmp_path, ["a.mp4"])
    job = plan_clips(find_videos(tmp_path), 60)[0][0]
    recipe = ClipRecipe("dlib", ("mel",))
    moved = tmp_path / "elsewhere.mp4"
    (tmp_path / "a.mp4").rename(moved)
    job = job._replace(video=str(moved))
    digests = {
        recipe.digest(job),
        recipe._replace(detector="mediapipe").digest(job),
        recipe._replace(features=("mel", "mfcc")).digest(job),
        recipe.digest(job._replace(first=5)),
    }
    moved.write_bytes(moved.read_bytes() + b" ")
    assert len(digests | {recipe.digest(job)}) == 5


def test_a_video_is_read_as_a_stream_and_its_frames_are_counted(tmp_path):
    from data_gen.clips.process import make_clip

    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 32_000).astype(np.float32)
    with VideoWriter(tmp_path / "a.mp4", 64, 96, audio=noise) as out:
        for index in range(40):
            out.write(np.full((64, 96, 3), 80 + index, np.uint8))

    class Still(LandmarkDetector):
        name, smoothing_frames = "still", 0.0

        def detect(self, frame):
            assert frame.shape == (64, 96, 3)
            points = (MEAN_FACE[:, :2] * [12, -12] + [48, 26] + rng.normal(0, 0.1, (68, 2))).astype(np.float32)
            return [Face(points, (*points.min(0), *points.max(0)))]

    job = ClipJob("a", "a", str(tmp_path / "a.mp4"), 0, 30)
    arrays = process_clip(job, Still(), ("mel",))
    assert {name: len(values) for name, values in arrays.items()} == {"landmarks": 30, "mel": 60, "pitch_hz": 60}
    with pytest.raises(DataError, match="10 frames; at least 12"):
        process_clip(job._replace(frames=10), Still(), ("mel",))
    assert make_clip(job._replace(video=str(tmp_path / "b.mp4")), ClipRecipe("dlib", ("mel",))) == "does not exist."


class Faces(LandmarkDetector):
    """Find a face that moves a little wherever the picture is not black."""

    name, smoothing_frames = "faces", 0.0

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def detect(self, frame):
        points = (MEAN_FACE[:, :2] * [12, -12] + [48, 26] + self.rng.normal(0, 0.1, (68, 2))).astype(np.float32)
        return [Face(points, (*points.min(0), *points.max(0)))] if frame.mean() > 20 else []


def shots(path: Path, *lengths_and_greys: tuple[int, int]) -> ClipJob:
    count = sum(length for length, _ in lengths_and_greys)
    with VideoWriter(path, 64, 96, audio=syllables(count / 25)) as out:
        for length, grey in lengths_and_greys:
            for index in range(length):
                out.write(np.full((64, 96, 3), grey + index % 3, np.uint8))
    return ClipJob("a", "a", str(path))


def test_a_clip_is_split_at_a_cut_and_a_shot_of_a_moment_left_out(tmp_path):
    arrays = process_clip(shots(tmp_path / "a.mp4", (30, 80), (20, 200), (8, 90)), Faces(), ("mel",))
    assert {name: len(arrays[name]) for name in ("landmarks", "mel", "pitch_hz")} == {
        "landmarks": 50, "mel": 100, "pitch_hz": 100,
    }  # fmt: skip
    assert arrays["cuts"].tolist() == [30]
    assert arrays["note"].tobytes().decode() == (
        "a cut at 1.20 s; a cut at 2.00 s; 2.00 to 2.32 s is left out: 8 frames; at least 12 are needed"
    )


def test_a_shot_without_a_face_is_left_out_and_the_rest_kept(tmp_path):
    job = shots(tmp_path / "a.mp4", (20, 80), (20, 0), (20, 160))
    arrays = process_clip(job, Faces(), ("mel",))
    assert arrays["cuts"].tolist() == [20]
    wav = read_wav(job.video, seconds=2.4)
    whole = audio_features(levelled(wav, measure(wav)), "mel", 60)
    np.testing.assert_array_equal(arrays["mel"], np.concatenate([whole[:40], whole[80:]]))
    assert "0.80 to 1.60 s is left out: no face" in arrays["note"].tobytes().decode()
    with pytest.raises(DataError, match=r"a cut at .*no face"):
        process_clip(shots(tmp_path / "b.mp4", (20, 0), (8, 200)), Faces(), ("mel",))
