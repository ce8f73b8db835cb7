"""Turn sound into what a trained speech model hears in it: the encoders of Whisper and HuBERT, 50 rows a second.

A feature's name says which: `whisper`, `hubert`, `whisper:3-6` (the mean of layers 3 to 6 instead of the last), and
after an @ which model, from the Hugging Face hub or a folder: `hubert:12@facebook/hubert-xlarge-ll60k`,
`whisper@models/mine`. The name goes with the data and the recipe, so that training and inference hear the same.

Sound is heard in overlapping windows of which the middle is kept: an hour of it needs no more memory than a minute.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from utils.errors import AssetError, DataError, first_line
from utils.offline import is_offline
from utils.rates import RATE, SAMPLES_A_ROW
from utils.windows import overlapping_windows

if TYPE_CHECKING:
    import torch


WIDTHS = {"whisper": 512, "hubert": 1024}
ASSETS = {"whisper": "whisper_base_encoder", "hubert": "hubert_large"}
BEST_WHISPER = "whisper:3-5"
"""The layers of Whisper's base encoder from which lips are predicted best: see docs/audio2motion.md."""
WINDOW_ROWS = {"whisper": 1500, "hubert": 1000}
MARGIN_ROWS = {"whisper": 250, "hubert": 125}
"""Rows at either end of a window that the next one hears better."""


class ContentFeature(NamedTuple):
    """Which encoder, which of its layers (first, last; None is its output), and whence (empty: the usual model)."""

    kind: str
    layers: tuple[int, int] | None = None
    model: str = ""


def parse_content_feature(name: str) -> ContentFeature | None:
    """Read a feature's name; None when it is not one of a speech model.

    Raises:
        DataError: It begins like one, but the rest makes no sense.
    """
    kind = re.split("[:@]", name, maxsplit=1)[0]
    if kind not in WIDTHS:
        return None
    match = re.fullmatch(r"\w+(?::(\d+)(?:-(\d+))?)?(?:@(.+))?", name)
    first, last = (int(match[1] or 0), int(match[2] or match[1] or 0)) if match else (1, 0)
    if match is None or last < first or (match[1] is not None and first < 1):
        raise DataError(
            f"'{name}' is no audio feature. Layers are counted from 1 and the first comes first, a model follows an @: "
            f"{kind}:3-6, {kind}:4, {kind}@folder."
        )
    return ContentFeature(kind, (first, last) if match[1] else None, match[3] or "")


def content_kind(name: str) -> str:
    """Return `whisper` or `hubert`, whatever layers and model a feature's name asks for; empty for another feature."""
    content = parse_content_feature(name)
    return "" if content is None else content.kind


def content_width(feature: ContentFeature) -> int:
    """Return how wide a feature is: what its model's config.json says."""
    if not feature.model:
        return WIDTHS[feature.kind]
    folder = model_folder(feature)
    with _complete(folder, feature):
        config = json.loads((Path(folder) / "config.json").read_text())
        return int(config["d_model" if feature.kind == "whisper" else "hidden_size"])


def content_blocks(wav: np.ndarray, feature: ContentFeature, window: int | None = None) -> Iterator[np.ndarray]:
    """Yield a feature's rows in order, float32 (rows, C), a window at a time; (S,) samples give ceil(S / 320) rows.

    Args:
        wav: (S,) float32 at 16 kHz; a memory-mapped one is read in parts.
        feature: Which.
        window: Rows that the network sees at once. Fewer than usual (`WINDOW_ROWS`, what Whisper was trained with) cost
            less and give somewhat other features.
    """
    rows = window or WINDOW_ROWS[feature.kind]
    margin = MARGIN_ROWS[feature.kind] * rows // WINDOW_ROWS[feature.kind]
    return (_whisper_blocks if feature.kind == "whisper" else _hubert_blocks)(wav, feature, rows, margin)


def model_folder(feature: ContentFeature) -> str:
    """Return the folder of a feature's model; one of the hub is downloaded first.

    Raises:
        AssetError: It is not here and cannot be fetched.
    """
    from utils.assets import asset_path

    if not feature.model:
        return str(asset_path(ASSETS[feature.kind]))
    folder = Path(feature.model).expanduser()
    if folder.is_dir():
        return str(folder.resolve())
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        files = ["config.json", "preprocessor_config.json", "model.safetensors", "pytorch_model.bin"]
        return snapshot_download(feature.model, allow_patterns=files, local_files_only=is_offline())
    except (OSError, ValueError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        raise AssetError(
            f"'{feature.model}' is no folder here, and the Hugging Face hub does not give it ({first_line(error)}). "
            "Name a folder with config.json and model.safetensors, or connect this machine (without VIZEME_OFFLINE)."
        ) from None


def _whisper_blocks(wav: np.ndarray, feature: ContentFeature, window: int, margin: int) -> Iterator[np.ndarray]:
    model, hear = _whisper_model(model_folder(feature), feature, window)
    for start, first, stop in overlapping_windows(-(-len(wav) // SAMPLES_A_ROW), window, margin):
        # The encoder centres row k on 20 k ms; half a row later is where ours is.
        begin = start * SAMPLES_A_ROW + SAMPLES_A_ROW // 2
        sound = np.zeros(window * SAMPLES_A_ROW, np.float32)
        part = wav[begin : begin + len(sound)]
        sound[: len(part)] = part
        spectrum = hear(sound, sampling_rate=RATE, return_tensors="pt").input_features
        yield _rows(model, spectrum, feature)[first - start : stop - start]


def _hubert_blocks(wav: np.ndarray, feature: ContentFeature, window: int, margin: int) -> Iterator[np.ndarray]:
    model = _hubert_model(model_folder(feature), feature)
    mean, scale = _loudness(wav)
    rows = -(-len(wav) // SAMPLES_A_ROW)
    for start, first, stop in overlapping_windows(rows, window, margin):
        # The convolutions see 400 samples each 320: 40 more on either side centre a row on its own 20 ms.
        begin, end = start * SAMPLES_A_ROW - 40, min(start + window, rows) * SAMPLES_A_ROW + 40
        sound = np.zeros(end - begin, np.float32)
        part = wav[max(0, begin) : end]
        sound[max(0, -begin) :][: len(part)] = (part - mean) / scale
        yield _rows(model, _tensor(sound), feature)[first - start : stop - start]


def _tensor(sound: np.ndarray) -> torch.Tensor:
    import torch

    return torch.from_numpy(sound)[None]


def _loudness(wav: np.ndarray, block: int = 1 << 20) -> tuple[np.float32, np.float32]:
    """Return mean and spread of a sound, as HuBERT's processor has it, without a copy of the whole."""
    total, square = 0.0, 0.0
    for start in range(0, len(wav), block):
        part = wav[start : start + block].astype(np.float64)
        total += float(part.sum())
        square += float((part * part).sum())
    mean = total / len(wav)
    return np.float32(mean), np.float32(np.sqrt(max(0.0, square / len(wav) - mean * mean) + 1e-7))


def _rows(model: Any, given: torch.Tensor, feature: ContentFeature) -> np.ndarray:
    """Run the encoder on one window: its output, or the mean of what its layers `feature.layers` say; (rows, C)."""
    import torch

    layers = model.layers if feature.kind == "whisper" else model.encoder.layers
    heard: list[torch.Tensor] = []
    hooks = []
    if feature.layers is not None:
        first, last = feature.layers
        if last > len(layers):
            raise DataError(f"{feature.kind}:{first}-{last}: that model has layers 1 to {len(layers)}.")
        hooks = [
            layer.register_forward_hook(lambda _m, _i, out: heard.append(out[0] if isinstance(out, tuple) else out))
            for layer in layers[first - 1 : last]
        ]
    try:
        with torch.inference_mode():
            out = model(given.to(next(model.parameters()).dtype)).last_hidden_state
            rows = torch.stack(heard).mean(dim=0) if heard else out
    finally:
        for hook in hooks:
            hook.remove()
    return rows[0].float().numpy()


@functools.lru_cache(maxsize=2)
def _whisper_model(folder: str, feature: ContentFeature, window: int) -> tuple[torch.nn.Module, Callable[..., Any]]:
    from safetensors.torch import load_file
    from transformers import WhisperConfig, WhisperFeatureExtractor
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    with _complete(folder, feature):
        config = WhisperConfig.from_json_file(f"{folder}/config.json")
        config.max_source_positions = window
        model = WhisperEncoder(config).eval()
        weights = load_file(f"{folder}/model.safetensors")
        encoder = {name.split("encoder.", 1)[1]: value.float() for name, value in weights.items() if "encoder." in name}
        encoder["embed_positions.weight"] = encoder["embed_positions.weight"][:window]
        model.load_state_dict({name: value for name, value in encoder.items() if name in model.state_dict()})
        return model, WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True, chunk_length=window // 50)


@functools.lru_cache(maxsize=1)
def _hubert_model(folder: str, feature: ContentFeature) -> torch.nn.Module:
    from transformers import HubertModel

    with _complete(folder, feature):
        return HubertModel.from_pretrained(folder, local_files_only=True).eval()


@contextmanager
def _complete(folder: str, feature: ContentFeature) -> Iterator[None]:
    """Turn what goes wrong while a model is read into one line that names its folder."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        remedy = (
            "Name another folder."
            if feature.model
            else f"Delete it, then: python -m utils.assets download {ASSETS[feature.kind]}"
        )
        raise AssetError(f"{folder} does not hold the whole model ({first_line(error)}). {remedy}") from None
