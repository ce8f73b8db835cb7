"""Put a video's sound in step with the lips and work out its speech features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data_gen.ear import ears_of
from data_gen.speech_features import audio_features
from data_gen.stages import Tick
from data_gen.video.job import VideoJob
from data_gen.video.stage import Bench
from data_gen.video.sync_offset import corrected_offset, shift_sound
from utils.assets import find_asset
from utils.errors import DataError
from utils.files.arrays import save_arrays
from utils.files.tables import read_json
from utils.media.wav import fit_length, read_wav, write_wav
from utils.rates import FPS, RATE
from utils.sound.content_features import BEST_WHISPER
from utils.sound.speech_level import SOUND_LEVEL, levelled, measure

AUDIO_VERSION = 2
_CONTENT_FEATURES = {
    "whisper": "whisper_base_encoder",
    BEST_WHISPER: "whisper_base_encoder",
    "hubert": "hubert_large",
}
"""Speech feature -> the weights it needs."""


def feature_names(job: VideoJob) -> list[str]:
    """List the speech features to make: those that need no weights, those whose weights are here, those asked for."""
    names = ["mel", "mfcc", "pitch_hz", "rms", *([] if _was_heard_without_ear(job) else ["ear"])]
    names += [name for name, asset in _CONTENT_FEATURES.items() if find_asset(asset) is not None]
    return names + [name for name in job.more_features if name not in names]


def _was_heard_without_ear(job: VideoJob) -> bool:
    """Tell whether the sound was processed before there was an ear: it is kept as it is, and so are the runs on it."""
    try:
        features = read_json(job.processed / "audio" / "stage.json")["summary"]["features"]
    except (DataError, KeyError, TypeError):
        return False
    return "audio" not in job.redo and "ear" not in features


def audio_settings(job: VideoJob) -> dict[str, Any]:
    """Return which features are made, and by which ears."""
    names = feature_names(job)
    return {"features": names, **({"ears": ears} if (ears := ears_of(names)) else {})}


def audio_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Write the sound, shifted where it surely was late or early, its speech at one loudness, and its features.

    Features have 2T rows for T frames. What is said of peaks and clipping is of the recording.
    """
    names = feature_names(bench.job)
    count = bench.summary("convert")["frames"]
    late = corrected_offset(bench.summary("sync"))
    wav = read_wav(bench.done["convert"].folder / "audio.wav")
    level, peak, clipped = measure(wav), float(np.abs(wav).max()), float((np.abs(wav) > 0.999).mean())
    wav = fit_length(shift_sound(levelled(wav, level), late, RATE), count * RATE // FPS)
    write_wav(folder / "audio.wav", wav)
    arrays = {}
    for index, name in enumerate(names):
        arrays[name] = audio_features(wav, name, count)
        tick(index + 1, len(names))
    save_arrays(folder / "arrays.safetensors", arrays)
    return {
        "late_frames": late,
        "features": {name: array.shape[1] for name, array in arrays.items() if array.ndim == 2},
        "ears": ears_of(names),
        "voiced": float((arrays["pitch_hz"] > 0).mean()),
        "peak": peak,
        "clipped": clipped,
        "sound_level": SOUND_LEVEL,
        "dc": level.dc,
        "noise_db": level.noise_db,
        "speech_db": level.speech_db,
        "gain_db": level.gain_db,
    }
