from __future__ import annotations

import numpy as np
import pytest

from utils.sound import features as audio
from utils.sound.features import mel, mfcc, pitch_hz, rms


def tone(seconds: float, hz: float = 200.0) -> np.ndarray:
    time = np.arange(int(seconds * 16_000)) / 16_000
    return (0.3 * np.sin(2 * np.pi * hz * time) + 0.1 * np.sin(4 * np.pi * hz * time)).astype(np.float32)


@pytest.mark.parametrize("feature", [mel, lambda wav: mfcc(wav)[:, :1], rms])
@pytest.mark.parametrize("row", [0, 37, 61])
def test_a_row_is_centred_on_its_own_20_ms(feature, row):
    click = np.zeros(20_000, np.float32)
    click[row * 320 + 160] = 1
    values = feature(click).reshape(63, -1).sum(axis=1)
    assert values.argmax() == row


def test_blocks_do_not_show(monkeypatch):
    wav = np.random.default_rng(0).normal(0, 0.1, 30_000).astype(np.float32)
    whole = [mel(wav), mfcc(wav), pitch_hz(wav)]
    monkeypatch.setattr(audio, "_BLOCK_ROWS", 17)
    for one, other in zip(whole, [mel(wav), mfcc(wav), pitch_hz(wav)], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
