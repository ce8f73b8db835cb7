"""From a sound to landmarks, window by window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from data_gen.speech_features import audio_features
from tasks.speaking.sound import Sound
from utils.arrays import Floats
from utils.windows import overlapping_windows

WINDOW, MARGIN, FADE = 748, 124, 10
"""Frames that audio-to-landmarks hears at once (30 s), those of them before and after what is kept, the cross-fade.

Multiples of 4, the stride of the VAE; margins longer than it hears, so that seams hardly show."""


def spans(frames: int, window: int = WINDOW, margin: int = MARGIN) -> Iterator[tuple[int, int, int]]:
    """Yield (start, stop, first): windows that overlap by two margins, and the first frame that is new in each.

    The frames of a window before `first` overlap with what the window before it gave. The last window reaches back
    rather than being short. Starts are multiples of 4.
    """
    for start, first, until in overlapping_windows(frames, window, margin):
        if until == frames:
            start = -(-max(0, frames - window) // 4) * 4
        yield start, min(start + window, frames), first


def sound_to_landmarks(task: Any, sound: Sound, *, temperature: float | None = None, seed: int = 0) -> Floats:
    """Let a `postnet` task turn a sound into landmarks (T, 68, 3), block by block."""
    out = np.zeros((sound.frames, 68, 3), np.float32)
    begin = 0
    for block in landmark_blocks(task, sound, temperature=temperature, seed=seed):
        out[begin : begin + len(block)] = block
        begin += len(block)
    return out


def landmark_blocks(task: Any, sound: Sound, *, temperature: float | None = None, seed: int = 0) -> Iterator[Floats]:
    """Yield the landmarks of a sound in blocks (n, 68, 3) that follow one another.

    Windows are half a minute and overlap by ten seconds: each gives its middle, and the seams are cross-faded over
    0.4 s, so that a long speech has the same landmarks as its pieces.
    """
    windows = list(spans(sound.frames))
    tail = np.zeros((0, 68, 3), np.float32)
    for number, (start, stop, first) in enumerate(windows):
        wav = sound.read(start, stop, task.sound_level)
        values = predict_window(task, wav, stop - start, temperature=temperature, seed=seed, first=start)
        fade = len(tail)
        share = ((np.arange(fade, dtype=np.float32) + 1) / (fade + 1))[:, None, None]
        seam = (1 - share) * tail + share * values[first - fade - start : first - start]
        last = number == len(windows) - 1
        until = stop if last else windows[number + 1][2]
        block = np.concatenate([seam, values[first - start : until - start]])
        keep = len(block) if last else len(block) - FADE
        tail = block[keep:]
        yield block[:keep]


def predict_window(
    task: Any, wav: Floats, frames: int, *, temperature: float | None, seed: int, first: int = 0
) -> Floats:
    """Make the features a `postnet` task wants of one piece of sound and predict its landmarks (frames, 68, 3).

    `first`, a multiple of 4, says which frame of the whole sound its first one is.
    """
    import torch

    audio = torch.from_numpy(audio_features(wav, task.cfg.audio_feature, frames))
    listens = task.cfg.pitch or task.load_speech().cfg.pitch
    pitch = torch.from_numpy(audio_features(wav, "pitch_hz", frames)) if listens else None
    values = task.predict(audio, pitch, seed=seed, temperature=temperature, first=first)
    return np.asarray(values.cpu(), np.float32).reshape(frames, 68, 3)
