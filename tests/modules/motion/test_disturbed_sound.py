"""What rooms and lines do to speech stays within what is said."""

from __future__ import annotations

import pytest
import torch

from modules.motion.disturbed_sound import by_telephone, chosen, in_a_room, louder, tilted, with_noise


@pytest.fixture
def wav() -> torch.Tensor:
    torch.manual_seed(0)
    return 0.1 * torch.randn(6, 8000)


def test_noise_lies_as_far_below_the_sound_as_is_said(wav):
    noise = with_noise(wav, wav) - wav
    below = 20 * torch.log10(wav.square().mean(1).sqrt() / noise.square().mean(1).sqrt())
    assert bool(((below > 4.9) & (below < 35.1)).all())


def test_an_echo_comes_after_its_sound(wav):
    wav[:, :4000] = 0
    heard = in_a_room(wav)
    assert heard.shape == wav.shape
    assert float(heard[:, :3999].abs().max()) < 1e-5
    assert float((heard - wav)[:, 4100:].abs().max()) > 1e-3


def test_loudness_changes_by_no_more_than_allowed(wav):
    gain = 20 * torch.log10((louder(wav, 8.0) / wav).mean(dim=1))
    assert float(gain.abs().max()) <= 8.01
    assert float(gain.std()) > 0.5


def test_a_telephone_carries_nothing_above_its_band_and_a_tilt_everything(wav):
    spectrum = torch.fft.rfft(by_telephone(wav)).abs()
    assert float(spectrum[:, 1800:].max()) < 1e-3 * float(spectrum.max())
    assert float(torch.fft.rfft(tilted(wav)).abs()[:, 1800:].max()) > 1


def test_sounds_are_chosen_by_their_share():
    assert not bool(chosen(50, 0.0).any())
    assert bool(chosen(50, 1.0).all())
