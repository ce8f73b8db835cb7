"""Frames stream into a file as long as the sound, and nothing is left when they break."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tasks.speaking.frames import need, render_landmarks, write_frames
from tasks.speaking.settings import InferSettings
from tests.made import make_video_dataset
from tests.tasks.speaking.made_speech import voice
from utils.errors import ConfigError, DataError
from utils.media.video import probe, read_frames


class FlatRenderer:
    """Give one grey frame a landmark set; remember what it was asked."""

    def render(self, landmarks, world_from_camera, frame_ids, *, scale=1.0, **how):
        self.ids, self.poses, self.landmarks = frame_ids, world_from_camera, landmarks
        side = round(32 * scale)
        for index in range(len(landmarks)):
            yield np.full((side, side, 3), index % 256, np.uint8)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video_dataset(tmp_path_factory.mktemp("data") / "made", frames=40, size=32)


def test_frames_stream_into_a_file_as_long_as_the_sound(video, tmp_path):
    audio = voice(tmp_path / "voice.wav", 3.0)
    renderer = FlatRenderer()
    landmarks = np.zeros((75, 68, 3), np.float32)
    rms = np.full(150, 0.1, np.float32)
    frames = render_landmarks(renderer, video, landmarks, rms, InferSettings(), 0)
    out = write_frames(frames, tmp_path / "new/out.mp4", audio, 75)
    info = probe(out)
    assert (info.width, info.fps, info.has_audio) == (32, 25.0, True)
    assert len(list(read_frames(out))) == 75
    assert info.duration_s == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("own", [True, False])
def test_imagined_landmarks_go_with_the_footages_poses_as_they_were_put_right(tmp_path, own):
    video = make_video_dataset(tmp_path / "made", frames=40, size=32)
    np.save(tmp_path / "poses.npy", video.world_from_camera[:6, :3])
    settings = InferSettings(infer_c2w_name="" if own else str(tmp_path / "poses.npy"))
    landmarks, seen = np.zeros((6, 68, 3), np.float32), []
    for error in (0.0, 0.05):
        video.put_right(np.full((40, 6), error, np.float32))
        renderer = FlatRenderer()
        list(render_landmarks(renderer, video, landmarks, None, settings, 0))
        seen.append(renderer.landmarks)
    expected = video.carried(seen[0], renderer.ids) if own else seen[0]
    np.testing.assert_allclose(seen[1], expected, atol=1e-4)
    assert (np.abs(seen[1] - seen[0]).max() > 0.1) == own


def test_memory_does_not_grow_with_the_frames(tmp_path):
    def frames(count: int):
        for _ in range(count):
            yield np.zeros((64, 64, 3), np.uint8)

    peaks = []
    for count in (50, 800):
        tracemalloc.start()
        write_frames(frames(count), tmp_path / "out.mp4", None, count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 64 * 64 * 3 * 100


def test_a_renderer_that_breaks_leaves_no_file(tmp_path):
    def frames():
        yield np.zeros((32, 32, 3), np.uint8)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        write_frames(frames(), tmp_path / "out.mp4", None, 10)
    with pytest.raises(DataError, match="there is nothing to render"):
        write_frames(iter(()), tmp_path / "out.mp4", None, 0)
    assert list(tmp_path.iterdir()) == []


def test_infer_without_its_settings_says_which():
    with pytest.raises(ConfigError) as error:
        need(InferSettings(), "infer_cond_name", "infer_out_video_name")
    assert str(error.value) == (
        "--infer needs infer_cond_name and infer_out_video_name; "
        "give --hparams=infer_cond_name=...,infer_out_video_name=..."
    )
