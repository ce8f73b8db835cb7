"""A mono WAV is read without a program, to the same samples; whatever is not plain is left to ffmpeg."""

from __future__ import annotations

import wave

import numpy as np
import pytest

from utils.media import ffmpeg, wav
from utils.media.ffmpeg import input_arguments, run
from utils.media.plain_wav import PlainWav, plain_wav
from utils.media.sound_source import choose_sound
from utils.media.wav import read_wav, write_wav

VOICE = np.random.default_rng(0).uniform(-1, 1, 40_000).astype(np.float32)


@pytest.mark.parametrize("span", [{}, {"start_s": 1.3}, {"start_s": 2.2, "seconds": 1.0}, {"seconds": 0.5, "track": 0}])
def test_no_program_is_started_for_it_and_the_samples_are_those_that_ffmpeg_gives(tmp_path, monkeypatch, span):
    write_wav(tmp_path / "a.wav", VOICE)
    with monkeypatch.context() as patch:
        patch.setattr(wav, "plain_wav", lambda file: None)
        decoded = read_wav(tmp_path / "a.wav", **span)
    monkeypatch.setattr(ffmpeg, "executable", lambda: pytest.fail("a program is started"))
    np.testing.assert_array_equal(read_wav(tmp_path / "a.wav", **span), decoded)
    assert choose_sound(tmp_path / "a.wav").lasts_s == 2.5


def made(tmp_path, name: str, *how: str):
    write_wav(tmp_path / "voice.wav", VOICE)
    run([*input_arguments(tmp_path / "voice.wav"), *how, "-y", str(tmp_path / name)], 60, "making it")
    return tmp_path / name


def test_of_another_rate_or_width_only_the_header_is_believed(tmp_path):
    assert plain_wav(made(tmp_path, "slow.wav", "-ar", "8000")) == PlainWav(8000, 2, 20_000)
    assert len(read_wav(tmp_path / "slow.wav")) == 40_000
    with wave.open(str(tmp_path / "24.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(3)
        sound.setframerate(16_000)
        sound.writeframes(b"".join(int(8_388_607 * x).to_bytes(3, "little", signed=True) for x in VOICE[:800]))
    assert plain_wav(tmp_path / "24.wav") == PlainWav(16_000, 3, 800)
    np.testing.assert_allclose(read_wav(tmp_path / "24.wav"), VOICE[:800], atol=1e-5)


def test_what_is_not_plain_is_left_to_ffmpeg(tmp_path):
    stereo, floats = made(tmp_path, "stereo.wav", "-ac", "2"), made(tmp_path, "floats.wav", "-c:a", "pcm_f32le")
    for file in (stereo, floats, made(tmp_path, "voice.flac")):
        assert plain_wav(file) is None
        np.testing.assert_allclose(read_wav(file), VOICE, atol=1e-3)
    assert plain_wav(tmp_path / "gone.wav") is None


def test_a_header_that_promises_more_than_the_file_holds_is_not_believed(tmp_path):
    write_wav(tmp_path / "tts.wav", VOICE)
    data = bytearray((tmp_path / "tts.wav").read_bytes())
    data[4:8] = data[40:44] = b"\xff" * 4
    (tmp_path / "tts.wav").write_bytes(data)
    assert plain_wav(tmp_path / "tts.wav") is None
    np.testing.assert_allclose(read_wav(tmp_path / "tts.wav"), VOICE, atol=1e-4)
