"""When nobody speaks is known in silence, in a room's noise, with an offset; the mouth rests when that lasts."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.speaking import silence
from tasks.speaking.settings import PostSettings
from tests.utils.sound.made_room import room, syllables
from utils.sound.speech_level import SpeechLevel, voice_rms

PAUSE = np.concatenate([syllables(2.0), np.zeros(32_000, np.float32), syllables(2.0)])
"""Frames 50 to 99 are a pause."""


def weigh(wav: np.ndarray, **settings) -> np.ndarray:
    frames = -(-len(wav) // 640)
    return silence.silence_weight(voice_rms(wav), frames, PostSettings(**settings))


def rest(wav: np.ndarray, **settings) -> np.ndarray:
    frames = -(-len(wav) // 640)
    return silence.rest_weight(voice_rms(wav), frames, PostSettings(**settings))


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.01])
@pytest.mark.parametrize("offset", [0.0, 0.05])
def test_the_mouth_rests_in_the_pause_of_a_room_and_nowhere_else(noise, offset):
    wav = PAUSE + room(6.0, noise) + offset
    for weight in (weigh(wav), rest(wav)):
        assert (weight[60:87] == 1).all()
        assert not weight[:48].any()
        assert not weight[102:].any()


def test_a_short_pause_of_a_room_is_left_to_the_networks_and_a_silence_is_not():
    short = np.concatenate([syllables(2.0), np.zeros(12_800, np.float32), syllables(2.0)])  # frames 50 to 69
    assert not rest(short + room(4.8, 0.001)).any()
    assert weigh(short + room(4.8, 0.001))[57:66].min() == 1
    assert rest(short)[57:66].min() == 1
    assert rest(short + room(4.8, 0.001), infer_pause_seconds=0.5)[57:59].min() > 0.7


def test_the_mouth_takes_breath_before_it_goes_on():
    rms = np.full(200, 0.1, np.float32)
    rms[:100] = 0.002  # a room, from frame 50 on somebody speaks
    rms[160:] = 0.002
    weight = silence.rest_weight(rms, 100, PostSettings())
    assert (weight[:38] == 1).all()
    np.testing.assert_allclose(weight[38:46], 0.5 + 0.5 * np.cos(np.pi * np.arange(1, 9) / 9), atol=1e-6)
    assert not weight[46:].any()  # its last pause has 20 frames: too short
    assert silence.rest_weight(np.concatenate([rms, rms[:40]]), 120, PostSettings())[90:].min() == 1  # it may go on


def test_nobody_speaks_and_no_mouth_moves():
    assert weigh(np.zeros(64_000, np.float32)).min() == 1
    assert weigh(room(4.0, 0.002)).min() == 1
    assert rest(room(4.0, 0.002)).min() == 1
    assert weigh(room(4.0, 0.02) + 0.05).min() == 1
    assert len(silence.silence_weight(np.zeros(0), 0, PostSettings())) == 0


def test_a_listener_says_one_word():
    wav = room(20.0, 0.002)
    wav[160_000:176_000] += syllables(1.0)
    weight = weigh(wav)
    assert (weight[:245] == 1).all()
    assert (weight[281:] == 1).all()
    assert weight[252:272].max() == 0


def test_a_knock_is_no_speech():
    wav = PAUSE + room(6.0, 0.001)
    wav[48_000:48_200] += 0.3
    assert (weigh(wav)[57:95] == 1).all()
    assert (rest(wav)[60:87] == 1).all()


def test_a_room_may_be_left_to_the_networks_and_softer_speech_counted_as_silence():
    wav = PAUSE + room(6.0, 0.01)
    assert not weigh(wav, infer_close_mouth_in_pauses=False).any()
    assert not rest(wav, infer_close_mouth_in_pauses=False).any()
    assert weigh(wav, infer_close_mouth_in_pauses=False, infer_sil_db=-15)[57:95].min() == 1


def test_only_long_pauses_rest_and_their_edges_are_soft():
    rms = np.full(200, 0.1, np.float32)
    rms[80:140] = 1e-4  # frames 40 to 69
    rms[180:184] = 1e-4  # two frames: too short
    weight = silence.silence_weight(rms, 100, PostSettings())
    assert (weight[45:65] == 1).all()
    assert not weight[:40].any()
    assert not weight[70:].any()
    np.testing.assert_allclose(weight[40:44], 0.5 - 0.5 * np.cos(np.pi * np.arange(1, 5) / 5), atol=1e-6)
    np.testing.assert_allclose(weight[40:70], weight[69:39:-1], atol=1e-6)


def test_soft_ends_of_speech_belong_to_it_and_straying_noise_begins_none():
    level = SpeechLevel(dc=0.0, noise_db=-60.0, speech_db=-20.0)
    assert (level.begins_db, level.ends_db) == (-48, -51)
    loud_db = np.array([-60, -50, -50, -60, -50, -40, -20, -50, -60, -40, -60])
    assert silence.speaking(loud_db, level).tolist() == [False] * 4 + [True] * 4 + [False] * 3


def test_a_frame_is_as_loud_as_the_louder_of_its_two_rows():
    assert silence.frame_rms(np.array([1.0, 3.0, 2.0]), 3).tolist() == [3, 2, 0]
