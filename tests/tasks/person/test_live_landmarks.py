"""Landmarks of a speech that is still being heard: bounded memory, soft pauses, no seams."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from data_gen.speech_features import audio_features
from tasks.person import live
from tasks.person.live_landmarks import PAST, FileLandmarks, LiveLandmarks
from tasks.speaking.mend import post_process
from tasks.speaking.resting_face import Person
from tasks.speaking.settings import InferSettings
from tasks.speaking.sound import Sound
from tasks.speaking.windows import sound_to_landmarks
from tests.made import write_tone
from tests.tasks.speaking.made_speech import LoudnessPostnet
from tests.utils.sound.made_room import room
from utils.faces.landmarks import mouth_opening
from utils.sound.features import rms


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


def test_a_sound_on_the_disk_is_played_as_it_would_be_written(video, tmp_path):
    """Over the seams of its windows, and without keeping more than one of them."""
    t = np.arange(16000 * 50) / 16000
    tone = 0.3 * np.sin(2 * np.pi * 150 * t) * (0.6 + 0.4 * np.sin(2 * np.pi * 1.3 * t))
    write_tone(tmp_path / "long.wav", np.where((t > 20) & (t < 22), 0, tone) + room(50.0, 0.002))  # with one pause
    settings = InferSettings(infer_temperature=0.5)
    with Sound(tmp_path / "long.wav") as sound:
        landmarks = FileLandmarks(LoudnessPostnet(), video, settings, sound, 5)
        played = move(landmarks, sound.read(0, sound.frames))
        raw = sound_to_landmarks(LoudnessPostnet(), sound, temperature=0.5, seed=5)
        ids = landmarks.motion.frames(0, sound.frames).eye_ids
        whole = post_process(raw, landmarks.person, ids, sound.rms(), settings, 5)
    assert len(landmarks._ahead) < 900
    closed = mouth_opening(landmarks.person.closed[None])[0]
    np.testing.assert_allclose(mouth_opening(whole)[510:540], closed, atol=1e-3)
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
