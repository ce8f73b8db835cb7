from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from data_gen.video import convert
from data_gen.video.convert import check_room, crop_square, probe_settings, probe_stage, read_sound
from data_gen.video.job import VideoJob
from data_gen.video.stage import Bench
from tests.utils.sound.made_room import syllables
from utils.errors import DataError
from utils.media.ffmpeg import input_arguments, run
from utils.media.wav import write_wav


def test_a_square_of_nearly_the_right_size_is_not_scaled():
    assert crop_square((0, 2, 510), 512, 512, 512) == (0, 0, 512, 512)
    assert crop_square((100.4, 10, 250), 720, 1280, 256) == (97, 7, 353, 263)


def test_other_squares_are_kept_inside_the_picture():
    assert crop_square((40, 12, 200), 288, 360, 512) == (40, 12, 240, 212)
    assert crop_square((300, -20, 240), 288, 360, 512) == (120, 0, 360, 240)
    assert crop_square((-270, 0, 900), 288, 360, 512) == (36, 0, 324, 288)


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
    check_room(tmp_path, 1000, 256)
    with pytest.raises(DataError, match=r"2\.4 GB are needed .* 1\.0 GB are free"):
        check_room(tmp_path, 1000, 512)
