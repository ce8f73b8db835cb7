"""An ear is Whisper's beginning in a byte a weight; what is none is refused; the one that ships hears speech."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from data_gen import ear as module
from data_gen.ear import (
    STEP,
    ears_of,
    from_eight_bits,
    heard_by_ear,
    in_eight_bits,
    of_whisper,
    open_ear,
    refuse_other_ear,
)
from data_gen.run import main
from data_gen.speech_features import audio_features, feature_width, hears_words
from modules.motion.ear import Ear
from tests.utils.sound.made_room import syllables
from tests.utils.sound.test_features import tone
from utils.errors import AssetError, ConfigError, DataError
from utils.files.arrays import save_arrays
from utils.media.wav import write_wav

SIZES = {"width": 512, "blocks": 1, "heads": 2, "hidden": 8, "back": 4, "ahead": 2}


def written(file, sizes=SIZES, **more):
    torch.manual_seed(0)
    state = {name: value.numpy() for name, value in Ear(**SIZES).state_dict().items()}
    save_arrays(file, in_eight_bits(state) | more, {"ear": json.dumps(sizes)})
    return f"ear@{file}"


def test_an_ear_of_ones_own_is_heard_whole_whatever_the_blocks(tmp_path, monkeypatch):
    name = written(tmp_path / "mine.safetensors")
    assert feature_width(name) == 512
    assert hears_words(name)
    wav = tone(1.0)
    whole = audio_features(wav, name)
    assert whole.shape == (50, 512)
    monkeypatch.setattr(module, "_BLOCK", 3200)
    np.testing.assert_allclose(heard_by_ear(wav, name), whole, atol=1e-4)
    assert not open_ear(name).training


def test_what_goes_with_another_ear_is_refused(tmp_path):
    file = tmp_path / "mine.safetensors"
    name = written(file)
    heard_by = ears_of(["mel", name])
    assert set(heard_by) == {name}
    assert re.fullmatch("[0-9a-f]{16}", heard_by[name])
    refuse_other_ear(name, heard_by[name], "data/anna", "Do it again.")
    written(file, {**SIZES, "back": 3})
    assert ears_of([name]) != heard_by
    with pytest.raises(
        ConfigError, match=rf"^a goes with another ear \({heard_by[name]}\) than .* is \(\w+\)\. Again\.$"
    ):
        refuse_other_ear(name, heard_by[name], "a", "Again.")
    refuse_other_ear(name, "", "what does not say", "")
    refuse_other_ear("mel", "0" * 16, "what needs none", "")
    file.unlink()
    refuse_other_ear(name, heard_by[name], "what may do without", "")
    with pytest.raises(AssetError, match="does not exist"):
        ears_of([name])


def test_a_byte_a_weight_is_half_a_step_off_at_most():
    arrays = {"a": np.random.default_rng(0).normal(size=(5, 7, 3)).astype(np.float32), "b": np.float32([1, 2])}
    kept = in_eight_bits(arrays)
    assert kept["a"].dtype == np.int8
    back = from_eight_bits(kept)
    assert (np.abs(back["a"] - arrays["a"]) <= 0.52 * kept["a" + STEP].astype(np.float32)[:, None, None]).all()
    np.testing.assert_array_equal(back["b"], arrays["b"])
    assert not from_eight_bits(in_eight_bits({"a": np.zeros((2, 2), np.float32)}))["a"].any()


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda file: None, "does not exist"),
        (lambda file: file.write_bytes(b"PK" * 50), "is no ear"),
        (lambda file: save_arrays(file, {"a": np.ones(3)}), "is no ear"),
        (lambda file: written(file, {**SIZES, "hidden": 9}), "is no ear"),
        (lambda file: written(file, {**SIZES, "heads": 3}), "is no ear"),
        (lambda file: written(file, {**SIZES, "hidden": 10**9}), "is no ear"),
        (lambda file: written(file, {**SIZES, "back": "x"}), "is no ear"),
        (lambda file: written(file, more=np.ones(1, np.float32)), "is no ear"),
        (lambda file: written(file, **{f"none{STEP}": np.ones(1, np.float16)}), "is no ear"),
    ],
)
def test_what_is_no_ear_is_refused_in_one_line(tmp_path, break_it, why):
    file = tmp_path / "ear.safetensors"
    break_it(file)
    with pytest.raises(AssetError, match=why) as refused:
        audio_features(tone(0.1), f"ear@{file}")
    assert "\n" not in str(refused.value)


@pytest.fixture
def whisper(tmp_path, monkeypatch):
    """Lay a small encoder where Whisper's is looked for, and its decoder in the same file."""
    from transformers import WhisperConfig, WhisperModel

    torch.manual_seed(0)
    config = WhisperConfig(
        d_model=512, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=16, decoder_layers=1,
        decoder_attention_heads=2, decoder_ffn_dim=8, vocab_size=20, pad_token_id=0, bos_token_id=0, eos_token_id=0,
        decoder_start_token_id=0,
    )  # fmt: skip
    model = WhisperModel(config)
    model.save_pretrained(tmp_path / "whisper")
    monkeypatch.setattr(module, "asset_path", lambda name: tmp_path / "whisper")
    return model


@pytest.fixture
def speech(tmp_path):
    """Write ten seconds of it."""
    folder = tmp_path / "speech"
    folder.mkdir()
    write_wav(folder / "a.wav", syllables(10.0))
    return folder


def cut(out, speech, *more):
    return main(["ear", "--out", str(out), "--speech", str(speech), "--updates", "1", *more])


def test_the_command_cuts_an_ear_out_of_whisper_and_teaches_it(tmp_path, whisper, speech, capsys, caplog):
    out = tmp_path / "mine" / "ear.safetensors"
    (speech / "broken.mp3").write_bytes(b"no sound")
    assert cut(out, speech, "--blocks", "1", "--back", "20") == 0
    assert "million parameters" in capsys.readouterr().out
    assert "left out: " in caplog.text
    assert [file.name for file in out.parent.iterdir()] == ["ear.safetensors"], "what was learnt from is gone"
    ear = open_ear(f"ear@{out}")
    assert (ear.rows_before, ear.rows_ahead) == (20, 6)
    layer = whisper.encoder.layers[0]
    torch.testing.assert_close(ear.blocks[0].up.weight, layer.fc1.weight.detach(), atol=2e-3, rtol=0)
    torch.testing.assert_close(ear.stem.bias, whisper.encoder.conv1.bias.detach(), atol=1e-3, rtol=0)
    assert heard_by_ear(syllables(1.0), f"ear@{out}").std() > 0.01


def test_an_ear_that_cannot_be_made_is_refused(tmp_path, whisper, speech):
    with pytest.raises(ConfigError, match="end in"):
        cut(tmp_path / "ear.pt", speech)
    with pytest.raises(DataError, match="holds no sound"):
        cut(tmp_path / "mine.safetensors", tmp_path / "none")
    with pytest.raises(DataError, match="cannot be made"):
        cut(speech / "a.wav" / "mine.safetensors", speech)
    assert not list(tmp_path.glob("*.safetensors"))


def test_what_is_no_ear_is_not_written_over_and_an_ear_is(tmp_path, whisper, speech):
    out = tmp_path / "mine.safetensors"
    save_arrays(out, {"work": np.ones(3)})
    before = out.read_bytes()
    with pytest.raises(ConfigError, match="is none"):
        cut(out, speech, "--blocks", "1")
    with pytest.raises(ConfigError):
        cut(tmp_path / "whisper/model.safetensors", speech, "--blocks", "1")
    assert out.read_bytes() == before
    written(out)
    assert cut(out, speech, "--blocks", "1") == 0


def test_names_of_whisper_are_known_with_and_without_its_decoder(whisper):
    whole = of_whisper({name: value.detach().numpy() for name, value in whisper.state_dict().items()}, 2)
    alone = of_whisper({name: value.detach().numpy() for name, value in whisper.encoder.state_dict().items()}, 2)
    learnt = {"place", "blocks.0.nearness", "blocks.1.nearness"}
    assert whole.keys() == alone.keys() == Ear(**{**SIZES, "blocks": 2}).state_dict().keys() - learnt


def test_the_ear_that_ships_hears_speech_and_how_loud_it_is_matters_little():
    assert feature_width("ear") == 512
    assert module.SHIPPED.stat().st_size < 8e6
    wav = syllables(3.0)
    rows = audio_features(wav, "ear")
    assert rows.shape == (150, 512)
    assert np.isfinite(rows).all()
    spread = rows.std(axis=0)
    again = audio_features(0.8 * wav, "ear")
    assert (np.abs(again - rows).mean(axis=0) < 0.5 * spread).mean() > 0.9
    ear = open_ear("ear")
    assert ear.look_ahead <= 0.3
    assert sum(parameter.numel() for parameter in ear.parameters()) <= 8e6
