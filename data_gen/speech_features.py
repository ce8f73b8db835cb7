"""Speech features by name, 50 rows a second: spectra, what large speech models hear, and what a small ear hears.

`ear` comes with the program (`checkpoints/shipped/ear.md` tells of it); `ear@FILE` is another (`data_gen/ear.py`). The
rest of the names: `utils.sound.content_features`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data_gen.ear import EAR_WIDTH, heard_by_ear, is_ear
from utils.errors import DataError
from utils.media.wav import fit_length
from utils.rates import SAMPLES_A_FRAME
from utils.sound.content_features import WIDTHS, content_blocks, content_kind, content_width, parse_content_feature
from utils.sound.features import SPECTRUM_WIDTHS, mel, mfcc, pitch_hz, rms


def feature_width(name: str) -> int:
    """Return how wide a speech feature is: mel, mfcc, ear, ear@FILE, or one of `utils.sound.content_features`.

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
            f"No speech feature is called '{name}'. Known: {', '.join([*SPECTRUM_WIDTHS, 'ear', 'ear@FILE', *WIDTHS])}."
        )
    return SPECTRUM_WIDTHS[name]


def hears_words(name: str) -> bool:
    """Tell whether a feature comes from a network that heard much speech, and says everything in many channels."""
    return is_ear(name) or bool(content_kind(name))


def audio_features(wav: np.ndarray, name: str, frames: int | None = None) -> np.ndarray:
    """Return a feature by name, exactly two rows a video frame: (2T, C), or (2T,) for `pitch_hz` and `rms`.

    Args:
        wav: (S,) float32 at 16 kHz.
        name: mel, mfcc, pitch_hz, rms, ear, ear@FILE, whisper or hubert; the last two may name layers and a model.
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
