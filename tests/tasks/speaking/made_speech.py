"""Stand-ins for what speaks: a network that opens the mouth with the loudness, a voice, a person who blinks."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from tasks.speaking.mend import post_process
from tasks.speaking.resting_face import Person, find_closed_mouth
from tasks.speaking.settings import PostSettings
from tests.made import write_tone
from utils.faces.landmarks import eye_opening, mouth_opening


class LoudnessPostnet:
    """Open the mouth as far as the first mel band says; see nothing beyond the row itself."""

    cfg = SimpleNamespace(audio_feature="mel", pitch=False)
    sound_level = ""

    def load_speech(self):
        return self

    def __init__(self) -> None:
        self.longest = 0

    def predict(self, audio, pitch_hz=None, *, seed=0, temperature=0.0, first=0):
        self.longest = max(self.longest, len(audio) // 2)
        out = torch.zeros(len(audio) // 2, 68, 3)
        out[:, 65:68, 1] = -audio[0::2].mean(dim=1, keepdim=True)
        return out + (temperature or 0) * torch.randn(out.shape, generator=torch.Generator().manual_seed(seed))


def voice(path, seconds: float, rate: int = 16000):
    t = np.arange(int(seconds * rate)) / rate
    return write_tone(path, 0.3 * np.sin(2 * np.pi * 150 * t) * (0.6 + 0.4 * np.sin(2 * np.pi * 1.3 * t)), rate)


OFF = PostSettings(
    infer_lm3d_clamp_std=0,
    infer_meet_lips=0,
    infer_inject_eye_blink_mode="none",
    infer_close_mouth_when_sil=False,
    infer_mouth_smooth_sigma=0,
)


def make_person(frames: int = 200, *, blink_at: int = 60) -> Person:
    rng = np.random.default_rng(0)
    database = 0.1 * rng.normal(size=(frames, 68, 3)).astype(np.float32)
    speech = np.clip(np.sin(np.arange(frames) / 5), 0, None)
    database[:, 65:68, 1] -= 2.5 * speech[:, None]
    lids = np.exp(-0.5 * ((np.arange(frames) - blink_at) / 1.5) ** 2)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        database[:, upper, 1] -= 0.45 * lids
        database[:, lower, 1] += 0.45 * lids
    std = database.std(0) + 1e-3
    closed = find_closed_mouth(database, mouth_opening(database), speech.astype(np.float32))
    return Person(database, database.mean(0), std, closed, eye_opening(database), [(0, frames)])


PERSON = make_person()


def run(landmarks: np.ndarray, settings: PostSettings, rms: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    loud = np.full(2 * len(landmarks), 0.1, np.float32) if rms is None else rms
    ids = np.arange(len(landmarks)) % len(PERSON.database)
    return post_process(landmarks, PERSON, ids, loud, settings, seed)
