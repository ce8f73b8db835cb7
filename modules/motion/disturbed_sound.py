"""Disturb speech as rooms, microphones and lines do, with torch's generator."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

RATE = 16_000
ROOM_SAMPLES = 4000
TELEPHONE_HZ = 3500


def chosen(count: int, share: float) -> Tensor:
    """Choose each of `count` sounds with probability `share`, (count,) bool."""
    return torch.rand(count) < share


def in_a_room(wav: Float[Tensor, "B S"]) -> Float[Tensor, "B S"]:
    """Add an echo that dies away within 0.1 to 0.6 s: noise that decays (Polack's model), each sound's own."""
    shape = len(wav), 1
    dies_s = torch.empty(shape).uniform_(0.1, 0.6)
    echo = torch.randn(len(wav), ROOM_SAMPLES) * torch.exp(-6.9 * torch.arange(ROOM_SAMPLES) / RATE / dies_s)
    echo = echo * torch.empty(shape).uniform_(0.02, 0.12)
    echo[:, 0] = 1
    size = wav.shape[1] + ROOM_SAMPLES
    return torch.fft.irfft(torch.fft.rfft(wav, size) * torch.fft.rfft(echo, size), size)[:, : wav.shape[1]]


def with_noise(wav: Float[Tensor, "B S"], voices: Float[Tensor, "N S"]) -> Float[Tensor, "B S"]:
    """Add noise, white to pink, or (to one of four) one of `voices` played backwards, 5 to 35 dB below the sound."""
    count, samples = wav.shape
    spectrum = torch.fft.rfft(torch.randn(count, samples))
    noise = torch.fft.irfft(
        spectrum * (torch.arange(spectrum.shape[1]) + 20.0) ** -torch.empty(count, 1).uniform_(0, 1), samples
    )
    talk = voices[torch.randint(len(voices), (count,))].flip(1)
    noise = torch.where(chosen(count, 0.25)[:, None], talk, noise)
    below = 10 ** (-torch.empty(count, 1).uniform_(5, 35) / 20)
    return wav + noise * below * _loudness(wav) / _loudness(noise)


def louder(wav: Float[Tensor, "B S"], most_db: float) -> Float[Tensor, "B S"]:
    """Make each sound louder or softer by up to `most_db`."""
    return wav * 10 ** (torch.empty(len(wav), 1).uniform_(-most_db, most_db) / 20)


def tilted(wav: Float[Tensor, "B S"]) -> Float[Tensor, "B S"]:
    """Make each sound darker or brighter: a filter of one tap, -0.6 to 0.6."""
    tap = torch.empty(len(wav), 1).uniform_(-0.6, 0.6)
    return torch.cat([wav[:, :1], wav[:, 1:] - tap * wav[:, :-1]], dim=1)


def by_telephone(wav: Float[Tensor, "B S"]) -> Float[Tensor, "B S"]:
    """Leave out what a telephone does not carry: all above 3.5 kHz."""
    spectrum = torch.fft.rfft(wav)
    spectrum[:, int(spectrum.shape[1] * TELEPHONE_HZ / (RATE / 2)) :] = 0
    return torch.fft.irfft(spectrum, wav.shape[1])


def _loudness(wav: Tensor) -> Tensor:
    return wav.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4)
