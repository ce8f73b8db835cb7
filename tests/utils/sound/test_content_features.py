"""Whisper's and HuBERT's features: every row once, in place, in bounded memory; tiny models with random weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from data_gen.speech_features import audio_features, feature_width
from tests.patience import HANG_S
from utils.errors import AssetError, DataError
from utils.sound import content_features
from utils.sound.content_features import ContentFeature, content_blocks, parse_content_feature

ROOT = Path(__file__).resolve().parents[3]


def noise(seconds: float) -> np.ndarray:
    """Make sound whose loudness comes and goes."""
    rng = np.random.default_rng(0)
    samples = int(seconds * 16_000)
    return (rng.normal(0, 0.1, samples) * (1 + np.sin(np.arange(samples) / 3000))).astype(np.float32)


@pytest.fixture(scope="module")
def hubert_folder(tmp_path_factory) -> Path:
    """Save a tiny HuBERT as transformers does, layers arranged as in the large one."""
    from transformers import HubertConfig, HubertModel

    config = HubertConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16, conv_dim=(8,) * 7,
        num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, feat_extract_norm="layer",
        do_stable_layer_norm=True,
    )  # fmt: skip
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("hubert")
    HubertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def whisper_folder(tmp_path_factory) -> Path:
    """Save a tiny Whisper encoder as transformers does."""
    from safetensors.torch import save_file
    from transformers import WhisperConfig, WhisperFeatureExtractor
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    config = WhisperConfig(d_model=16, encoder_layers=3, encoder_attention_heads=2, encoder_ffn_dim=16)
    folder = tmp_path_factory.mktemp("whisper")
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    WhisperFeatureExtractor().save_pretrained(folder)
    torch.manual_seed(0)
    weights = {f"model.encoder.{name}": value for name, value in WhisperEncoder(config).state_dict().items()}
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / "model.safetensors")
    return folder


def test_names_say_layers_and_model():
    assert parse_content_feature("mel") is None
    assert parse_content_feature("whisper") == ("whisper", None, "")
    assert parse_content_feature("hubert:12") == ("hubert", (12, 12), "")
    assert parse_content_feature("whisper:3-6@a/b") == ("whisper", (3, 6), "a/b")
    for wrong in ("whisper:", "whisper:0", "whisper:6-3", "hubert:a", "hubert@"):
        with pytest.raises(DataError, match="Layers are counted from 1"):
            parse_content_feature(wrong)
    assert [feature_width(name) for name in ("mel", "mfcc", "whisper", "hubert:3")] == [80, 39, 512, 1024]
    with pytest.raises(DataError, match="No speech feature is called 'mell'"):
        feature_width("mell")


@pytest.mark.parametrize("kind", ["whisper", "hubert"])
def test_a_model_in_a_folder_gives_every_row_and_its_own_width(kind, whisper_folder, hubert_folder):
    name = f"{kind}@{whisper_folder if kind == 'whisper' else hubert_folder}"
    assert feature_width(name) == 16
    rows = audio_features(noise(33.03), name)
    assert rows.shape == (2 * 826, 16)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert audio_features(noise(1), name, frames=7).shape == (14, 16)


@pytest.mark.parametrize("kind", ["whisper", "hubert"])
def test_layers_are_averaged(kind, whisper_folder, hubert_folder):
    folder = whisper_folder if kind == "whisper" else hubert_folder
    wav = noise(2)
    each = [audio_features(wav, f"{kind}:{layer}@{folder}") for layer in (1, 2, 3)]
    np.testing.assert_allclose(audio_features(wav, f"{kind}:2-3@{folder}"), (each[1] + each[2]) / 2, atol=1e-5)
    assert np.abs(each[0] - each[1]).max() > 1e-3
    last = torch.nn.functional.layer_norm(torch.from_numpy(each[2]), (16,))
    np.testing.assert_allclose(audio_features(wav, f"{kind}@{folder}"), last, atol=1e-4)
    with pytest.raises(DataError, match="that model has layers 1 to 3"):
        audio_features(wav, f"{kind}:2-4@{folder}")


def test_hubert_hears_what_transformers_own_processor_gives_it(hubert_folder):
    from transformers import HubertModel, Wav2Vec2FeatureExtractor

    wav = noise(3)
    processor = Wav2Vec2FeatureExtractor(do_normalize=True)
    given = processor(np.pad(wav, 40), sampling_rate=16_000, return_tensors="pt").input_values
    with torch.inference_mode():
        wanted = HubertModel.from_pretrained(hubert_folder).eval()(given).last_hidden_state[0]
    rows = audio_features(wav, f"hubert@{hubert_folder}")
    np.testing.assert_allclose(rows[3:-3], wanted[3:-3], atol=0.02)  # at the ends the silence differs a little


def test_windows_do_not_show_away_from_the_edges(hubert_folder, monkeypatch):
    wav = noise(21)
    feature = ContentFeature("hubert", None, str(hubert_folder))
    monkeypatch.setitem(content_features.WINDOW_ROWS, "hubert", 2000)
    whole = np.concatenate(list(content_blocks(wav, feature)))
    monkeypatch.setitem(content_features.WINDOW_ROWS, "hubert", 500)
    parts = np.concatenate(list(content_blocks(wav, feature)))
    spread = whole.std(axis=0).mean()
    error = np.abs(parts - whole).mean(axis=1) / spread
    assert error.mean() < 0.05
    assert error.max() < 0.3
    monkeypatch.setitem(content_features.MARGIN_ROWS, "hubert", 0)
    bare = np.concatenate(list(content_blocks(wav, feature)))
    assert np.abs(bare - whole).mean(axis=1).max() / spread > error.max(), "the overlap is what it takes"


def test_whisper_hears_the_same_in_every_window(whisper_folder, monkeypatch):
    wav = noise(45)
    feature = ContentFeature("whisper", None, str(whisper_folder))
    rows = np.concatenate(list(content_blocks(wav, feature)))
    monkeypatch.setitem(content_features.MARGIN_ROWS, "whisper", 400)
    other = np.concatenate(list(content_blocks(wav, feature)))
    assert rows.shape == other.shape == (2250, 16)
    assert rows[: 1500 - 400] == pytest.approx(other[: 1500 - 400])


MEMORY = """
import os, resource, sys
import numpy as np
import torch
from utils.sound.content_features import ContentFeature, content_blocks
def peak(seconds):
    # a sound that takes no memory itself, so that what is measured is the work
    wav = np.broadcast_to(np.float32(0.1), (seconds * 16_000,))
    rows = sum(len(block) for block in content_blocks(wav, ContentFeature(kind, None, folder)))
    assert rows == seconds * 50
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
# What both import is imported once, by a second of each; one is then measured in a copy of this process.
torch.set_num_threads(1)
for kind, folder in zip(("hubert", "whisper"), sys.argv[1:]):
    peak(1)
if child := os.fork():
    kind, folder, seconds = "hubert", sys.argv[1], 180
    os.waitpid(child, 0)
else:
    kind, folder, seconds = "whisper", sys.argv[2], 180
print(kind, peak(60), peak(seconds), flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not copied here")
def test_long_sound_needs_no_more_memory_than_a_minute(whisper_folder, hubert_folder):
    command = [sys.executable, "-c", MEMORY, str(hubert_folder), str(whisper_folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_S, check=True)
    peaks = {kind: (float(minute), float(long)) for kind, minute, long in map(str.split, done.stdout.splitlines())}
    assert set(peaks) == {"hubert", "whisper"}, done.stderr
    assert all(long - minute < 7 for minute, long in peaks.values()), f"MB for a minute, and for some: {peaks}"


@pytest.mark.parametrize("kind", ["whisper", "hubert"])
def test_half_a_model_is_named(kind, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(AssetError, match="does not hold the whole model") as error:
        audio_features(noise(0.5), f"{kind}@{tmp_path}")
    assert "\n" not in str(error.value)


def test_a_model_that_is_nowhere_is_named(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError("no connection")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(AssetError, match=r"'some/where' is no folder here, and the Hugging Face hub .*no connection"):
        feature_width("hubert@some/where")


def test_a_model_of_the_hub_is_fetched_by_name(monkeypatch, hubert_folder):
    asked = []
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **_: asked.append(name) or str(hubert_folder))
    assert audio_features(noise(1), "hubert:2@facebook/hubert-large-ls960-ft").shape == (50, 16)
    assert set(asked) == {"facebook/hubert-large-ls960-ft"}
