"""Speech features by name, 50 rows a second: spectra, what large speech models hear, and what a small ear hears.

`ear@FILE` is an ear that was trained by `egs/datasets/speech/ear.yaml` and written by
`python tasks/export_checkpoint.py`. The rest of the names: `utils.sound.content_features`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.arrays import Floats
from utils.errors import AssetError, DataError
from utils.media.wav import fit_length
from utils.rates import RATE, SAMPLES_A_FRAME, SAMPLES_A_ROW
from utils.sound.content_features import WIDTHS, content_blocks, content_kind, content_width, parse_content_feature
from utils.sound.features import SPECTRUM_WIDTHS, mel, mfcc, pitch_hz, rms

if TYPE_CHECKING:
    from modules.motion.ear import Ear

EAR_WIDTH = 512
_BLOCK = 60 * RATE


def feature_width(name: str) -> int:
    """Return how wide a speech feature is: mel, mfcc, ear@FILE, or one of `utils.sound.content_features`.

    Raises:
        DataError: No feature is called so.
    """
    if is_ear(name):
        return EAR_WIDTH
    content = parse_content_feature(name)
    if content is not None:
        return content_width(content)
    if name not in SPECTRUM_WIDTHS:
        raise DataError(
            f"No speech feature is called '{name}'. Known: {', '.join([*SPECTRUM_WIDTHS, 'ear@FILE', *WIDTHS])}."
        )
    return SPECTRUM_WIDTHS[name]


def is_ear(name: str) -> bool:
    """Tell whether a feature is what an ear hears."""
    return name.startswith("ear@")


def hears_words(name: str) -> bool:
    """Tell whether a feature comes from a network that heard much speech, and says everything in many channels."""
    return is_ear(name) or bool(content_kind(name))


def audio_features(wav: np.ndarray, name: str, frames: int | None = None) -> np.ndarray:
    """Return a feature by name, exactly two rows a video frame: (2T, C), or (2T,) for `pitch_hz` and `rms`.

    Args:
        wav: (S,) float32 at 16 kHz.
        name: mel, mfcc, pitch_hz, rms, ear@FILE, whisper or hubert; the last two may name layers and a model.
        frames: T, the number of video frames; None takes as many as the sound fills. The sound is cut or
            lengthened by silence to them.

    Raises:
        DataError: No feature is called so, or the sound is empty.
    """
    makers: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "mel": mel,
        "mfcc": mfcc,
        "pitch_hz": pitch_hz,
        "rms": rms,
    }
    if name not in makers:
        feature_width(name)  # which refuses a name that is none
    count = -(-len(wav) // SAMPLES_A_FRAME) if frames is None else frames
    if count < 1:
        raise DataError("The sound holds no video frame (0 samples).")
    wav = fit_length(wav, count * SAMPLES_A_FRAME)
    if name in makers:
        return makers[name](wav)
    content = parse_content_feature(name)
    return heard_by_ear(wav, name) if content is None else np.concatenate(list(content_blocks(wav, content)))


def heard_by_ear(wav: Floats, name: str) -> Floats:
    """Return what an ear hears in samples (320 T,), (T, 512) float32, a minute at a time."""
    import torch  # and the ear itself, which is a network: names are checked without either

    from modules.motion.ear import EarStream

    stream = EarStream(open_ear(name))
    sound = torch.from_numpy(np.ascontiguousarray(wav, np.float32))
    rows = [stream.add(sound[start : start + _BLOCK]) for start in range(0, len(sound), _BLOCK)]
    heard: Floats = torch.cat([*rows, stream.finish()]).numpy()
    assert len(heard) == len(wav) // SAMPLES_A_ROW
    return heard


@functools.lru_cache(maxsize=2)
def open_ear(name: str) -> Ear:
    """Return the ear that a feature names, in eval mode, on the CPU.

    Raises:
        AssetError: Its file is missing, or is none.
    """
    from modules.motion.ear import Ear

    file = Path(name.partition("@")[2]).expanduser()
    again = "Write it with: python tasks/export_checkpoint.py RUN --out EAR.safetensors, of a run of the task ear."
    if not file.is_file():
        raise AssetError(f"{name}: {file} does not exist. {again}")
    try:
        recipe, tensors = _read_export(file)
        ear = Ear(
            int(recipe["channels"]), kernel=int(recipe["kernel"]), ahead=[int(rows) for rows in recipe["rows_ahead"]],
            expansion=int(recipe["expansion"]),
        )  # fmt: skip
        ear.load_state_dict(tensors)
    except (DataError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise AssetError(f"{file} is no ear ({reason}). {again}") from None
    return ear.eval()


def _read_export(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the recipe and the network's tensors of a run that was exported."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            facts = json.loads((opened.metadata() or {}).get("vizeme", "{}"))
            names = [name for name in opened.keys() if name.startswith("model.")]  # noqa: SIM118
            tensors = {name.removeprefix("model."): opened.get_tensor(name).float() for name in names}
    except (OSError, SafetensorError, RecursionError) as error:
        raise DataError(str(error)) from None
    if not isinstance(facts, dict) or facts.get("task") != "ear":
        raise DataError("it does not say that it is one")
    return facts["recipe"], tensors
