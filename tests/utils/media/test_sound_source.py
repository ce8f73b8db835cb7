"""The voice is heard whatever the tracks, channels and time stamps of a recording are like."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.speaking.sound import Sound
from tests.patience import HANG_S
from utils.errors import DataError
from utils.media.ffmpeg import executable, input_arguments, run
from utils.media.sound_source import SoundSource, choose_sound
from utils.media.video import VideoWriter
from utils.media.wav import read_wav, write_wav
from utils.sound.speech_level import measure

VOICE = (0.3 * np.sin(2 * np.pi * 200 * np.arange(48_000) / 16_000)).astype(np.float32)


def make(out: Path, *arguments: str) -> Path:
    run([*arguments, "-y", f"file:{out}"], HANG_S, f"making {out} with {executable()}")
    return out


@pytest.fixture
def voice(tmp_path) -> Path:
    write_wav(tmp_path / "voice.wav", VOICE)
    return tmp_path / "voice.wav"


def loudness(file: Path) -> float:
    return float(np.sqrt(np.mean(np.square(read_wav(file)))))


def test_a_plain_sound_is_heard_as_it_is(voice, tmp_path):
    assert replace(choose_sound(voice), lasts_s=0) == SoundSource()
    assert np.abs(read_wav(voice) - VOICE).max() < 1e-4
    stereo = make(tmp_path / "stereo.wav", *input_arguments(voice), "-ac", "2")
    assert replace(choose_sound(stereo), lasts_s=0) == SoundSource()
    assert choose_sound(stereo).lasts_s == pytest.approx(3, abs=0.01)
    assert np.abs(read_wav(stereo) - VOICE).max() < 1e-3


@pytest.mark.parametrize(("right", "channel"), [("-1*c0", 0), ("-0.8*c0", 0), ("0*c0", None), ("c0", None)])
def test_channels_that_cancel_are_not_mixed(voice, tmp_path, right, channel):
    file = make(tmp_path / "phase.wav", *input_arguments(voice), "-af", f"pan=stereo|c0=c0|c1={right}")
    assert choose_sound(file).channel == channel
    assert loudness(file) >= 0.49 * loudness(voice)
    with Sound(file) as sound:
        heard = float(np.sqrt(np.mean(np.square(sound.read(0, sound.frames)))))
    assert heard == pytest.approx(loudness(file), rel=1e-3)


def test_speech_in_5_1_is_heard(voice, tmp_path):
    file = make(tmp_path / "film.wav", *input_arguments(voice), "-af", "pan=5.1|FC=c0")
    assert choose_sound(file).channel is None
    assert loudness(file) > 0.1 * loudness(voice)


def test_the_track_that_speaks_is_heard_and_another_can_be_named(voice, tmp_path):
    silence = ["-f", "lavfi", "-t", "3", "-i", "anullsrc=r=16000:cl=mono", *input_arguments(voice)]
    file = make(tmp_path / "two.mkv", *silence, "-map", "0:a", "-map", "1:a", "-c:a", "pcm_s16le")
    assert choose_sound(file).track == 1
    assert "track 2 of 2" in choose_sound(file).reason
    assert loudness(file) == pytest.approx(loudness(voice), rel=0.01)
    assert not read_wav(file, track=0).any()
    assert "track 1 of 2 is heard, as asked" in choose_sound(file, 0).reason
    with pytest.raises(DataError, match=r"2 track\(s\) of sound; there is no track 3"):
        read_wav(file, track=2)


def test_a_named_track_whose_channels_cancel_is_not_mixed_either(voice, tmp_path):
    phase = make(tmp_path / "phase.wav", *input_arguments(voice), "-af", "pan=stereo|c0=c0|c1=-1*c0")
    both = [*input_arguments(voice), *input_arguments(phase), "-map", "0:a", "-map", "1:a", "-c:a", "pcm_s16le"]
    assert choose_sound(make(tmp_path / "two.mkv", *both), 1).channel == 0
    with Sound(tmp_path / "two.mkv", 1) as sound:
        assert np.abs(sound.read(10, 20)).max() > 0.2


def test_a_film_has_the_sound_that_its_lips_say(voice, tmp_path):
    silence = ["-f", "lavfi", "-t", "3", "-i", "anullsrc=r=16000:cl=mono", *input_arguments(voice)]
    file = make(tmp_path / "two.mkv", *silence, "-map", "0:a", "-map", "1:a", "-c:a", "pcm_s16le")
    phase = make(tmp_path / "phase.wav", *input_arguments(voice), "-af", "pan=stereo|c0=c0|c1=-1*c0")
    for sound, track, is_heard in ((file, None, True), (file, 0, False), (phase, None, True)):
        with VideoWriter(tmp_path / "film.mp4", 32, 32, audio=sound, audio_track=track) as film:
            for _ in range(25):
                film.write(np.zeros((32, 32, 3), np.uint8))
        assert (loudness(tmp_path / "film.mp4") > 0.1) == is_heard


def test_what_was_right_stays_right(voice, tmp_path):
    """A telephone, two equal channels, floats, 24 bits, surround, and Chinese names."""
    for name, how in (
        ("电话.wav", ["-ar", "8000", "-c:a", "pcm_mulaw"]), ("双声道.wav", ["-ac", "2"]),
        ("浮点.wav", ["-c:a", "pcm_f32le"]), ("录音室.wav", ["-c:a", "pcm_s24le"]),
        ("环绕.wav", ["-af", "pan=5.1|FC=c0"]),
    ):  # fmt: skip
        heard = read_wav(make(tmp_path / name, *input_arguments(voice), *how))
        assert len(heard) == pytest.approx(48_000, abs=2)
        assert measure(heard).speech_db == pytest.approx(measure(read_wav(voice)).speech_db, abs=4.5)
        assert np.corrcoef(heard[800:47_000], VOICE[800:47_000])[0, 1] > 0.99


def test_a_gap_in_time_stamps_takes_neither_memory_nor_disk(voice, tmp_path):
    late = "asetpts=PTS+gte(N\\,20)*3600*16000*10"
    file = make(tmp_path / "gap.mka", *input_arguments(voice), "-af", late, "-c:a", "aac")
    assert file.stat().st_size < 60_000
    with pytest.raises(DataError, match="its time stamps have a gap"):
        read_wav(file)
    with pytest.raises(DataError, match="its time stamps have a gap"), Sound(file):
        pass


def test_hours_of_silence_in_a_small_file_are_refused_before_they_are_decoded(tmp_path):
    silence = ["-f", "lavfi", "-t", "15000", "-i", "anullsrc=r=1000:cl=mono"]
    file = make(tmp_path / "long.flac", *silence, "-c:a", "flac")
    began = time.process_time()
    with pytest.raises(DataError, match=r"lasts more than 4 hours|its time stamps have a gap"):
        read_wav(file)
    assert time.process_time() - began < 5
