"""A clip is tracked as a stream, and its digest tells what it was made of."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.clips.plan import ClipJob, find_videos, plan_clips
from data_gen.clips.process import ClipRecipe
from tests.data_gen.clips.toy import make_videos
from utils.errors import DataError


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
    from data_gen.clips.process import ClipRecipe, make_clip, process_clip
    from utils.faces.detector import Face, LandmarkDetector
    from utils.faces.landmarks import MEAN_FACE
    from utils.media.video import VideoWriter

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
