"""Speaking while the sound is heard: the same frames however it is cut, soon, and like those of the whole sound."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from modules.motion.lm3d_vae import SpeechToLandmarks
from tasks.motion.windows import EDGE, imagine
from tasks.person import live
from tasks.person.head import TalkingHead
from tasks.person.hearing import Loudness
from tasks.person.live_landmarks import PAST, FileLandmarks, LiveLandmarks
from tasks.speaking.mend import post_process
from tasks.speaking.resting_face import Person
from tasks.speaking.settings import InferSettings
from tasks.speaking.sound import Sound
from tasks.speaking.windows import sound_to_landmarks
from tests.made import make_video_dataset, write_tone
from tests.made_heads import make_house
from tests.tasks.speaking.test_frames import LoudnessPostnet
from utils.errors import ConfigError
from utils.faces.landmarks import mouth_opening
from utils.media.wav import read_wav
from utils.sound.features import audio_features, rms


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def head(house, monkeypatch):
    monkeypatch.chdir(house)
    return TalkingHead.load("made", device="cpu")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video_dataset(tmp_path_factory.mktemp("data") / "made", frames=40, size=32)


def say(head, wav: np.ndarray, piece: int, **settings) -> list[np.ndarray]:
    speaking = head.speak_live(**settings)
    parts = [wav[start : start + piece] for start in range(0, len(wav), piece)]
    return [*itertools.chain.from_iterable(speaking.push(part) for part in parts), *speaking.finish()]


def move(landmarks: LiveLandmarks, wav: np.ndarray) -> np.ndarray:
    """Say a sound frame by frame and return all mended landmarks."""
    out = []
    for start in range(0, len(wav), 640):
        landmarks.hearing.add(wav[start : start + 640])
        while count := landmarks.ready(False):
            values, known = landmarks.advance(count, False)
            out.append(values[known : known + count])
    while (count := landmarks.ready(True)) > 0:
        values, known = landmarks.advance(count, True)
        out.append(values[known : known + count])
    return np.concatenate(out)


def test_how_the_sound_is_cut_changes_nothing_and_every_frame_comes(head):
    wav = read_wav("voice.wav")
    frames = say(head, wav, 640)
    assert len(frames) == 38  # 1.5 s, the last frame begun included
    assert frames[0].shape == (*head.speak_live().size, 3)
    for piece in (777, 5000, len(wav)):
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


def test_memory_does_not_grow_and_networks_see_only_the_last_seconds(video):
    postnet = LoudnessPostnet()
    landmarks = LiveLandmarks(postnet, video, InferSettings(infer_inject_eye_blink_mode="period"), 8, 4, 0)
    wav = (0.1 * np.sin(np.arange(16000 * 40) / 25)).astype(np.float32)
    assert len(move(landmarks, wav)) == 1000
    assert postnet.longest <= PAST + 8 + 4 + 4
    assert len(landmarks.hearing._kept) < 8 * 16000
    assert len(landmarks._raw) < 100
    assert len(landmarks.rest) < 100


def test_a_pause_closes_the_mouth_softly_though_its_length_is_not_known(video):
    wav = (0.3 * np.sin(np.arange(16000 * 4) / 25)).astype(np.float32)
    wav[24000:40000] = 0  # frames 37.5 to 62.5
    landmarks = LiveLandmarks(LoudnessPostnet(), video, InferSettings(), 8, 4, 0)
    opening = mouth_opening(move(landmarks, wav))
    closed = mouth_opening(landmarks.person.closed[None])[0]
    np.testing.assert_allclose(opening[46:57], closed, atol=1e-3)
    assert np.abs(opening[8:36] - closed).min() > 0.5
    assert np.abs(opening[68:90] - closed).min() > 0.5
    ids = landmarks.motion.frames(0, 100).eye_ids
    raw = LoudnessPostnet().predict(torch.from_numpy(audio_features(wav, "mel", 100))).numpy()
    whole = post_process(raw, Person.of(video), ids, audio_features(wav, "rms", 100), InferSettings())
    assert np.abs(opening - mouth_opening(whole))[:36].max() < 0.05
    assert np.abs(opening - mouth_opening(whole)).mean() < 0.3


def test_a_mouth_at_rest_before_anything_is_said(video):
    landmarks = LiveLandmarks(LoudnessPostnet(), video, InferSettings(), 8, 4, 0)
    opening = mouth_opening(move(landmarks, np.zeros(16000, np.float32)))
    np.testing.assert_allclose(opening, mouth_opening(landmarks.person.closed[None])[0], atol=1e-3)


def test_how_loud_speech_is_follows_the_loudest_twentieth():
    loudness = Loudness()
    assert loudness.speech() == 0
    heard = np.random.default_rng(0).uniform(0.01, 0.2, 5000).astype(np.float32)
    for part in np.split(heard, 50):
        loudness.add(part)
    assert loudness.speech() == pytest.approx(np.quantile(heard, 0.95), rel=0.05)


def test_a_stretch_of_speech_has_the_noise_of_the_whole():
    torch.manual_seed(0)
    model = SpeechToLandmarks(6, hidden=16, condition=8, layers=(2, 2)).eval()
    audio = torch.randn(800, 6)
    whole = imagine(model, audio, None, seed=3, temperature=1.0)
    part = imagine(model, audio[2 * 120 :], None, seed=3, temperature=1.0, first=120)
    inner = model.reach + EDGE
    assert inner < 250
    torch.testing.assert_close(part[inner:], whole[120 + inner :], atol=1e-4, rtol=1e-4)
    other = imagine(model, audio[2 * 120 :], None, seed=3, temperature=1.0)
    assert (other[inner:] - whole[120 + inner :]).abs().max() > 1e-3


def test_a_sound_on_the_disk_is_played_as_it_would_be_written(video, tmp_path):
    """Over the seams of its windows, and without keeping more than one of them."""
    t = np.arange(16000 * 50) / 16000
    write_tone(tmp_path / "long.wav", 0.3 * np.sin(2 * np.pi * 150 * t) * (0.6 + 0.4 * np.sin(2 * np.pi * 1.3 * t)))
    settings = InferSettings(infer_temperature=0.5)
    with Sound(tmp_path / "long.wav") as sound:
        landmarks = FileLandmarks(LoudnessPostnet(), video, settings, sound, 5)
        played = move(landmarks, sound.read(0, sound.frames))
        raw = sound_to_landmarks(LoudnessPostnet(), sound, temperature=0.5, seed=5)
        ids = landmarks.motion.frames(0, sound.frames).eye_ids
        whole = post_process(raw, landmarks.person, ids, sound.rms(), settings, 5)
    assert len(landmarks._ahead) < 900
    np.testing.assert_allclose(played, whole, atol=1e-4)


def test_whisper_hears_five_seconds_at_most(monkeypatch, video):
    """Its network is asked about few rows, often; here it says how loud they are."""
    asked = []

    def blocks(wav, feature, window=None):
        asked.append((len(wav), window))
        yield np.repeat(rms(wav)[:, None], 512, axis=1)

    monkeypatch.setattr("tasks.person.hearing.content_blocks", blocks)
    postnet = LoudnessPostnet()
    postnet.cfg = SimpleNamespace(audio_feature="whisper", pitch=False)
    landmarks = LiveLandmarks(postnet, video, InferSettings(), live.WHISPER_LOOKAHEAD, live.WHISPER_STEP, 0)
    assert len(move(landmarks, np.zeros(16000 * 12, np.float32))) == 300
    assert max(size for size, _ in asked) <= 250 * 320
    assert {window for _, window in asked} == {250}
