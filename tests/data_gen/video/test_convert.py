from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from data_gen.video import convert
from data_gen.video.convert import (
    check_room,
    colours_beside,
    convert_settings,
    probe_settings,
    probe_stage,
    read_sound,
)
from data_gen.video.job import VideoJob
from data_gen.video.stage import Bench
from tests.data_gen.video.scripted import Scripted, face_at
from tests.utils.sound.made_room import syllables
from utils.errors import DataError
from utils.media.ffmpeg import input_arguments, run
from utils.media.picture_file import open_pictures
from utils.media.video import VideoWriter
from utils.media.wav import write_wav


def test_what_lies_beside_an_upright_picture_is_still():
    """A head that touches the edge now and then leaves no streak."""
    rng = np.random.default_rng(0)
    seen = (rng.integers(0, 3, (20, 32, 16, 3)) + np.array([60, 90, 120])).astype(np.uint8)
    seen[5:9, 10:20, 12:] = 250
    for edge in (0, -1):
        beside = colours_beside(seen, edge)
        assert beside.shape == (32, 1, 3)
        assert np.abs(beside.astype(int) - (61, 91, 121)).max() <= 2


def test_what_lies_beyond_the_picture_has_the_colour_of_its_edge(tmp_path):
    hum = (0.3 * np.sin(np.arange(40_000) / 20)).astype(np.float32)
    with VideoWriter(tmp_path / "a.mp4", 128, 64, audio=hum, crf=4) as writer:
        for index in range(60):
            writer.write(np.full((128, 64, 3), 120 + 40 * (index in (20, 40)), np.uint8))

    class Wide(Scripted):
        def detect(self, frame):
            return [face_at(32, 64, 40)]

    said = convert.convert(tmp_path / "a.mp4", tmp_path, lambda *_: None, size=64, detector=Wide([]), lossless=True)
    frames = np.asarray(open_pictures(tmp_path, "frames", "")).astype(int)
    assert 0 < said["filled"] < 0.6
    assert len(frames) == 60
    assert np.abs(frames[:, :, :2] - 120).max() <= 3
    assert np.ptp(frames[:, :, [0, -1]], axis=0).max() == 0  # although the picture flashed
    assert frames[20, :, 32].min() > 150


def test_the_sound_of_a_part_starts_with_its_first_frame(tmp_path):
    click = np.zeros(48_000, np.float32)
    click[640 * 30] = 0.9
    write_wav(tmp_path / "a.wav", click)
    for start_s in (1.0, 1.015, 0.985):  # all of them are nearest to frame 25
        assert np.argmax(read_sound(tmp_path / "a.wav", start_s, None)) == 640 * 5
    with pytest.raises(DataError, match=r"the sound ends at 3\.0 s, before --start_s 5"):
        read_sound(tmp_path / "a.wav", 5.0, None)


def test_the_track_with_speech_is_heard_and_said_and_another_can_be_asked_for(tmp_path):
    write_wav(tmp_path / "voice.wav", syllables(3.0))
    silence = ["-f", "lavfi", "-t", "3", "-i", "anullsrc=r=16000:cl=mono", *input_arguments(tmp_path / "voice.wav")]
    picture = ["-f", "lavfi", "-t", "3", "-i", "color=c=gray:s=64x64:r=25"]
    video = tmp_path / "two.mkv"
    tracks = ["-map", "2:v", "-map", "0:a", "-map", "1:a", "-c:a", "pcm_s16le"]
    run([*silence, *picture, *tracks, str(video)], 60, "making")
    assert np.abs(read_sound(video, 0.0, None)).max() > 0.1
    assert np.abs(read_sound(video, 0.0, None, track=2)).max() > 0.1
    with pytest.raises(DataError, match="is silent"):
        read_sound(video, 0.0, None, track=1)
    for track, heard in ((None, "track 2 of 2 is heard, the loudest"), (1, "track 1 of 2 is heard, as asked")):
        job = VideoJob("anna", video, audio_track=track)
        assert probe_stage(Bench(job, {}, (0, 0, 0)), tmp_path, lambda *_: None)["heard"] == heard
        assert ("audio_track" in probe_settings(job)) == (track is not None)


def test_an_offset_alone_is_silence(tmp_path):
    write_wav(tmp_path / "a.wav", np.full(48_000, 0.05, np.float32))
    with pytest.raises(DataError, match="is silent"):
        read_sound(tmp_path / "a.wav", 0.0, None)


def test_a_disk_too_small_is_told_before_it_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(convert.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
    check_room(tmp_path, 1000, 512)
    with pytest.raises(DataError, match=r"About 1\.1 GB are needed .* 1\.0 GB are free"):
        check_room(tmp_path, 4000, 512)
    with pytest.raises(DataError, match=r"are needed"):
        check_room(tmp_path, 2000, 512, lossless=True)


def test_bars_are_cut_off_and_what_was_seen_is_said(tmp_path):
    hum = (0.3 * np.sin(np.arange(40_000) / 20)).astype(np.float32)
    with VideoWriter(tmp_path / "a.mp4", 200, 120, audio=hum, crf=4) as writer:
        for index in range(60):
            picture = np.zeros((200, 120, 3), np.uint8)
            picture[40:160] = 120 + 20 * (index % 2)
            writer.write(picture)

    class Still(Scripted):
        def detect(self, frame):
            return [face_at(60, 90, 20)] if frame.shape[0] == 200 else []

    (tmp_path / "out").mkdir()
    said = convert.convert(tmp_path / "a.mp4", tmp_path / "out", lambda *_: None, size=64, detector=Still([]))
    left, top, right, bottom = said["crop_px"]
    assert said["content_px"] == [0, 40, 120, 160]
    assert top >= 40
    assert bottom <= 160
    assert (right - left, said["filled"], said["sizes"], said["treatment"]) == (bottom - top, 0, [], "")
    assert np.asarray(open_pictures(tmp_path / "out", "frames", ""))[..., 0].min() > 100


def test_only_pictures_that_were_shown_otherwise_before_are_cut_out_anew(tmp_path):
    for name, (height, width) in (("wide", (48, 64)), ("upright", (64, 48))):
        with VideoWriter(tmp_path / f"{name}.mp4", height, width) as writer:
            for _ in range(6):
                writer.write(np.zeros((height, width, 3), np.uint8))
    fields = ["-vf", "interlace", "-flags", "+ilme+ildct", "-c:v", "mpeg2video", str(tmp_path / "fields.mpg")]
    run(["-y", "-i", str(tmp_path / "wide.mp4"), *fields], 30, "encoding")
    names = ("wide.mp4", "upright.mp4", "fields.mpg")
    settings = [convert_settings(VideoJob("a", tmp_path / name, 64)) for name in names]
    assert settings[:2] == [{"size": 64}, {"size": 64, "upright": 1}]
    assert settings[2] == {"size": 64, "form": "interlaced, brought to whole pictures (bwdif)"}


def test_a_video_thousands_of_times_as_wide_as_high_is_refused_in_words(tmp_path):
    hum = (0.3 * np.sin(np.arange(40_000) / 20)).astype(np.float32)
    with VideoWriter(tmp_path / "a.mp4", 2, 6000, audio=hum) as writer:
        for _ in range(55):
            writer.write(np.zeros((2, 6000, 3), np.uint8))
    with pytest.raises(DataError, match=r"a\.mp4: no face in any of \d+ frames looked at"):
        convert.convert(tmp_path / "a.mp4", tmp_path, lambda *_: None, size=64, detector=Scripted([]))
