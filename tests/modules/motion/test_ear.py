"""An ear hears the same piece by piece as at once, and no further ahead than it says."""

from __future__ import annotations

import pytest
import torch

from modules.motion.ear import Ear, EarStream, mel_bank


@pytest.fixture(scope="module")
def ear() -> Ear:
    torch.manual_seed(0)
    return Ear(16, 24, kernel=5, ahead=[2, 1], expansion=2).eval()


@pytest.fixture(scope="module")
def wav() -> torch.Tensor:
    return 0.1 * torch.randn(32_000 + 77, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("pieces", [[32_077], [1] * 5 + [640] * 50, [7, 5000, 20_000]])
def test_pieces_do_not_show(ear, wav, pieces):
    with torch.inference_mode():
        whole = ear(wav[None])[0]
    stream, rows, place = EarStream(ear), [], 0
    for size in [*pieces, len(wav)]:
        rows.append(stream.add(wav[place : place + size]))
        place += size
    rows.append(stream.finish())
    torch.testing.assert_close(torch.cat(rows), whole, atol=1e-5, rtol=0)
    assert len(whole) == 100


def test_what_has_been_said_does_not_change_and_comes_as_soon_as_promised(ear, wav):
    with torch.inference_mode():
        whole = ear(wav[None])[0]
    stream = EarStream(ear)
    rows = stream.add(wav[:16_000])
    assert len(rows) == int((16_000 - ear.look_ahead * 16_000) // 320)
    torch.testing.assert_close(rows, whole[: len(rows)], atol=1e-5, rtol=0)


def test_a_copy_goes_its_own_way(ear, wav):
    stream = EarStream(ear)
    rows = [stream.add(wav[:8000])]
    rows_left = stream.copy().finish()
    assert len(rows[0]) + len(rows_left) == 25
    rows += [stream.add(wav[8000:16_000]), stream.finish()]
    with torch.inference_mode():
        whole = ear(wav[None, :16_000])[0]
    torch.testing.assert_close(torch.cat(rows), whole, atol=1e-5, rtol=0)


def test_a_row_hears_as_far_as_is_said(ear, wav):
    sound = wav[None, :32_000].clone().requires_grad_()
    ear(sound)[0, 40].sum().backward()
    assert sound.grad is not None
    heard = sound.grad[0].abs().nonzero()[:, 0]
    assert int(heard[-1]) < 41 * 320 + ear.look_ahead * 16_000
    assert int(heard[0]) >= 40 * 320 - ear.rows_before * 320 - 440


def test_the_usual_size_hears_little_more_than_a_quarter_second_ahead():
    ear = Ear()
    assert sum(parameter.numel() for parameter in ear.parameters()) <= 4e6
    assert ear.look_ahead <= 0.3


def test_bands_cover_all_frequencies_in_between():
    bank = mel_bank()
    assert bank.shape == (257, 80)
    assert bool((bank[2:240].sum(dim=1) > 0.5).all())
