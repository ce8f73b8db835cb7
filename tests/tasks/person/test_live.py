"""Speaking while the sound is heard: the same frames however it is cut, soon, and like those of the whole sound."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tasks.person import live
from tasks.person.head import TalkingHead
from tasks.speaking.sound import Sound
from tests.made_heads import make_house
from utils.errors import ConfigError
from utils.media.wav import read_wav


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def head(house, monkeypatch):
    monkeypatch.chdir(house)
    return TalkingHead.load("made", device="cpu")


def say(head, wav: np.ndarray, piece: int, **settings) -> list[np.ndarray]:
    speaking = head.speak_live(**settings)
    parts = [wav[start : start + piece] for start in range(0, len(wav), piece)]
    return [*itertools.chain.from_iterable(speaking.push(part) for part in parts), *speaking.finish()]


def test_how_the_sound_is_cut_changes_nothing_and_every_frame_comes(head):
    wav = read_wav("voice.wav")
    frames = say(head, wav, 640)
    assert len(frames) == 38  # 1.5 s, the last frame begun included
    assert frames[0].shape == (*head.speak_live().size, 3)
    for piece in (777, len(wav)):
        np.testing.assert_array_equal(say(head, wav, piece), frames)


def test_the_first_frame_comes_within_half_a_second_of_sound(head):
    speaking = head.speak_live()
    assert speaking.delay_s <= 0.5
    wav = np.zeros(8000, np.float32)
    assert not list(speaking.push(wav[:7000]))
    assert list(speaking.push(wav[7000:]))
    assert speaking.landmarks.done == 4


def test_with_all_of_the_sound_ahead_the_frames_are_those_of_the_whole(head):
    whole = np.stack(list(head.speak("voice.wav"))).astype(int)
    wav = read_wav("voice.wav")
    ahead = np.stack(say(head, wav, 640, lookahead=40)).astype(int)
    assert np.abs(ahead - whole).max() <= 2
    with Sound("voice.wav") as sound:
        played = np.stack(list(live.play_sound(head, sound))).astype(int)
    assert np.abs(played - whole).max() <= 2
    soon = np.stack(say(head, wav, 640)).astype(int)
    assert len(soon) == len(whole)
    assert np.abs(soon - whole).mean() < 2


def test_an_ended_speech_takes_no_more_and_nonsense_is_refused(head):
    speaking = head.speak_live()
    assert list(speaking.finish()) == []
    with pytest.raises(ValueError, match="the speech is finished"):
        list(speaking.push(np.zeros(10, np.float32)))
    with pytest.raises(ConfigError, match="lookahead = -1, step = 4: at least 0 and 1 frames"):
        head.speak_live(lookahead=-1)
