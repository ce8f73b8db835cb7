"""An ear hears the same piece by piece as at once, as Whisper does, and no further ahead than it says."""

from __future__ import annotations

import pytest
import torch

from data_gen.ear import of_whisper
from modules.motion import ear as module
from modules.motion.ear import Ear, EarStream, mel_bank


@pytest.fixture(scope="module")
def ear() -> Ear:
    torch.manual_seed(0)
    ear = Ear(24, blocks=2, heads=2, hidden=16, back=4, ahead=3).eval()
    for name, value in ear.named_parameters():
        if name == "place" or name.endswith("nearness"):
            torch.nn.init.normal_(value)
    return ear


@pytest.fixture(scope="module")
def wav() -> torch.Tensor:
    return 0.1 * torch.randn(32_000 + 77, generator=torch.Generator().manual_seed(1))


def at_once(ear: Ear, wav: torch.Tensor) -> torch.Tensor:
    """Hear a sound whole: plainly, without a stream."""
    sound = torch.nn.functional.pad(wav[: len(wav) // 320 * 320], (360, 360 + ear.rows_ahead * 320))
    with torch.inference_mode():
        return ear(sound[None])[0]


@pytest.mark.parametrize("pieces", [[32_077], [1] * 5 + [640] * 50, [7, 5000, 20_000]])
def test_pieces_do_not_show(ear, wav, pieces, monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 9)
    stream, rows, place = EarStream(ear), [], 0
    for size in [*pieces, len(wav)]:
        rows.append(stream.add(wav[place : place + size]))
        place += size
    rows.append(stream.finish())
    assert len(torch.cat(rows)) == 100
    torch.testing.assert_close(torch.cat(rows), at_once(ear, wav), atol=3e-4, rtol=0)


def test_what_has_been_said_does_not_change_and_comes_as_soon_as_promised(ear, wav):
    whole = at_once(ear, wav)
    stream = EarStream(ear)
    rows = stream.add(wav[:16_000])
    assert len(rows) == int((16_000 - ear.look_ahead * 16_000) // 320)
    torch.testing.assert_close(rows, whole[: len(rows)], atol=3e-4, rtol=0)


@pytest.mark.parametrize("piece", [640, 2560, 9000])
def test_a_guess_is_what_would_be_said_if_silence_followed_and_changes_nothing(ear, wav, piece, monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 9)
    stream, rows = EarStream(ear), []
    for stop in range(piece, len(wav) + 1, piece):
        said, guess = stream.guess(wav[stop - piece : stop])
        rows.append(said)
        known = torch.cat([*rows, guess])
        assert len(known) == stop // 320
        torch.testing.assert_close(known, at_once(ear, wav[:stop]), atol=3e-4, rtol=0)
    torch.testing.assert_close(torch.cat([*rows, stream.finish()]), known, atol=1e-5, rtol=0)


def test_a_row_hears_as_far_as_is_said(ear, wav):
    sound = wav[None, :32_000].clone().requires_grad_()
    ear(sound)[0, 40].sum().backward()
    assert sound.grad is not None
    heard = sound.grad[0].abs().nonzero()[:, 0] - 360
    assert int(heard[-1]) < 41 * 320 + ear.look_ahead * 16_000
    assert int(heard[0]) >= 40 * 320 - ear.rows_before * 320 - 360


def test_where_in_time_a_sound_is_does_not_matter(ear, wav):
    later = torch.cat([torch.zeros(40 * 320), wav])
    torch.testing.assert_close(at_once(ear, later)[40 + ear.rows_before :], at_once(ear, wav)[ear.rows_before :])


def test_how_far_off_others_are_counts(ear):
    block = ear.blocks[0]
    offset = torch.arange(-5, 5)[None]
    scores = block.scores(offset)[:, 0]
    assert scores.isinf().tolist() == 2 * [[True, *[False] * 8, True]]
    assert scores[1, 1:9].tolist() == block.nearness[8:].tolist()
    rows = torch.randn(1, 12, 24, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        own = torch.arange(12)
        looked = block.whole(rows, block.scores(own - own[:, None]))
        torch.testing.assert_close(block(rows), looked[:, :-3])
        assert float((block.whole(rows) - looked).abs().max()) > 0.01


def test_the_usual_size_hears_little_more_than_a_quarter_second_ahead():
    ear = Ear()
    assert sum(parameter.numel() for parameter in ear.parameters()) <= 8e6
    assert ear.look_ahead <= 0.3


def test_front_and_blocks_are_whisper_s_own(monkeypatch):
    from transformers import WhisperConfig, WhisperFeatureExtractor
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    torch.manual_seed(0)
    config = WhisperConfig(d_model=32, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=48)
    whisper = WhisperEncoder(config).eval()
    ear = Ear(32, blocks=2, heads=2, hidden=48, back=5, ahead=3).eval()
    weights = of_whisper({name: value.numpy() for name, value in whisper.state_dict().items()}, 2)
    ear.load_state_dict(ear.state_dict() | {name: torch.from_numpy(value) for name, value in weights.items()})
    hear = WhisperFeatureExtractor()
    torch.testing.assert_close(ear.bank, torch.from_numpy(hear.mel_filters).float(), atol=1e-6, rtol=0)

    wav = 0.1 * torch.randn(30 * 16_000, generator=torch.Generator().manual_seed(2))
    spectrum = hear(wav.numpy(), sampling_rate=16_000, return_tensors="pt").input_features
    monkeypatch.setattr(module, "LOUDEST", 4 * float(spectrum.max()) - 4)
    offset = torch.arange(1500) - torch.arange(1500)[:, None]
    near = torch.zeros(1, 1, 1500, 1500).masked_fill((offset < -5) | (offset > 3), float("-inf"))
    with torch.inference_mode():
        theirs = torch.nn.functional.gelu(whisper.conv2(torch.nn.functional.gelu(whisper.conv1(spectrum)))).mT
        ours = ear.front(torch.nn.functional.pad(wav[None], (520, 200)))  # where Whisper hears its row 0
        torch.testing.assert_close(ours[:, 3:-3], theirs[:, 3:-3], atol=1e-4, rtol=0)
        for layer, block in zip(whisper.layers, ear.blocks, strict=True):
            out = layer(theirs, near)
            torch.testing.assert_close(
                block(theirs), (out[0] if isinstance(out, tuple) else out)[:, :-3], atol=1e-5, rtol=0
            )
            out = layer(theirs, None)
            torch.testing.assert_close(
                block.whole(theirs), out[0] if isinstance(out, tuple) else out, atol=1e-5, rtol=0
            )


def test_bands_cover_all_frequencies_in_between():
    bank = mel_bank()
    assert bank.shape == (201, 80)
    assert bool((bank[2:198].sum(dim=1) > 0).all())
