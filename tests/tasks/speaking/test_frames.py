from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tasks.speaking import windows
from tasks.speaking.frames import need, render_landmarks, write_frames
from tasks.speaking.settings import InferSettings
from tasks.speaking.sound import Sound
from tests.made import make_video_dataset, write_tone
from utils.errors import ConfigError, DataError
from utils.media.ffmpeg import Stream
from utils.media.video import probe, read_frames
from utils.media.wav import read_wav
from utils.sound.features import rms


class LoudnessPostnet:
    """Open the mouth as far as the first mel band says; see nothing beyond the row itself."""

    cfg = SimpleNamespace(audio_feature="mel", pitch=False)

    def load_speech(self):
        return self

    def __init__(self) -> None:
        self.longest = 0

    def predict(self, audio, pitch_hz=None, *, seed=0, temperature=0.0, first=0):
        self.longest = max(self.longest, len(audio) // 2)
        out = torch.zeros(len(audio) // 2, 68, 3)
        out[:, 65:68, 1] = -audio[0::2].mean(dim=1, keepdim=True)
        return out + (temperature or 0) * torch.randn(out.shape, generator=torch.Generator().manual_seed(seed))


class FlatRenderer:
    """Give one grey frame a landmark set; remember what it was asked."""

    def render(self, landmarks, world_from_camera, frame_ids, *, own_poses, scale=1.0, compile=False, background=None):
        self.ids, self.poses = frame_ids, world_from_camera
        side = round(32 * scale)
        for index in range(len(landmarks)):
            yield np.full((side, side, 3), index % 256, np.uint8)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video_dataset(tmp_path_factory.mktemp("data") / "made", frames=40, size=32)


def voice(path, seconds: float, rate: int = 16000):
    t = np.arange(int(seconds * rate)) / rate
    return write_tone(path, 0.3 * np.sin(2 * np.pi * 150 * t) * (0.6 + 0.4 * np.sin(2 * np.pi * 1.3 * t)), rate)


@pytest.mark.parametrize("frames", [1, 3, 747, 748, 749, 760, 1248, 1300, 5000])
def test_windows_cover_every_frame_once_and_hear_around_it(frames):
    spans = list(windows.spans(frames))
    edges = [first for _, _, first in spans] + [frames]
    assert edges[0] == 0
    assert edges == sorted(set(edges))
    for (start, stop, first), until in zip(spans, edges[1:], strict=True):
        assert start % 4 == 0
        assert 0 <= start <= first < until <= stop <= frames
        assert stop - start <= windows.WINDOW
        assert first - start >= min(first, windows.MARGIN - 4)
        assert stop - until >= min(frames - until, windows.MARGIN)


def test_a_long_sound_gives_what_one_look_at_it_would(tmp_path):
    postnet = LoudnessPostnet()
    with Sound(voice(tmp_path / "long.wav", 65.3)) as sound:
        assert sound.frames == 1633
        pieces = windows.sound_to_landmarks(postnet, sound)
        whole = windows.predict_window(postnet, sound.read(0, 1633), 1633, temperature=0, seed=0)
        assert postnet.longest == 1633
        postnet.longest = 0
        again = windows.sound_to_landmarks(postnet, sound)
    np.testing.assert_allclose(pieces, whole, atol=1e-4)
    np.testing.assert_array_equal(pieces, again)
    assert postnet.longest <= windows.WINDOW


def test_any_format_is_read_and_nothing_is_left_behind(tmp_path):
    source = voice(tmp_path / "voice.wav", 1.0, rate=44100)
    with Stream(["-y", "-i", str(source), "-ac", "2", "-f", "ogg", str(tmp_path / "voice.ogg")]) as stream:
        stream.finish()
    before = sorted(tmp_path.iterdir())
    for name in ("voice.wav", "voice.ogg"):
        with Sound(tmp_path / name) as sound:
            assert sound.frames in (25, 26)
            assert len(sound.rms()) == 2 * sound.frames
            assert sound.read(20, 30).shape == (6400,)
            np.testing.assert_allclose(sound.rms()[:50], rms(read_wav(tmp_path / name))[:50], atol=1e-4)
            assert sound.rms()[10] == pytest.approx(0.21, abs=0.01)
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_no_sound_is_named(tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.mp3").write_text("not a sound at all")
    for name, reason in (
        ("missing.wav", "does not exist"),
        ("empty.wav", "is empty"),
        ("text.mp3", "could not be read"),
    ):
        with pytest.raises(DataError, match=f"{name} {reason}"), Sound(tmp_path / name):
            pass


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
