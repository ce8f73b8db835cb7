"""Read and write sound."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from utils.errors import DataError
from utils.files.aside import write_aside
from utils.media.ffmpeg import Stream
from utils.media.plain_wav import plain_wav, read_plain_wav
from utils.media.sound_source import refuse_too_long, sound_arguments
from utils.paths import existing_file
from utils.rates import RATE


def read_wav(
    path: str | Path,
    rate: int = RATE,
    *,
    start_s: float = 0.0,
    seconds: float | None = None,
    track: int | None = None,
) -> np.ndarray:
    """Read the sound of any file that ffmpeg reads as (S,) float32 mono at `rate`, from time 0 of the file.

    Args:
        path: A sound or a video.
        rate: Samples a second.
        start_s: Begin there; what comes before is jumped over, not decoded.
        seconds: Give exactly so much, lengthened by silence where the file ends; None gives the rest.
        track: Which track of sound, from 0; None takes the loudest (see `choose_sound`).

    Raises:
        DataError: the file is missing, empty, holds no sound, or lasts longer than it can.
    """
    file = existing_file(path)
    count = None if seconds is None else round(seconds * rate)
    form = plain_wav(file) if track in (None, 0) else None
    if form is not None and (form.rate, form.width) == (rate, 2):
        if count is None:
            refuse_too_long(file, form.samples, rate)
        wav = read_plain_wav(file, round(start_s * rate), count)
    else:
        wav = _decoded(file, rate, start_s, count, track)
    if not len(wav):
        where = f" after {start_s:g} s" if start_s else ""
        raise DataError(f"{path} holds no sound{where} (0 samples).")
    wav = np.nan_to_num(wav, copy=False).clip(-1, 1)
    return wav if count is None else fit_length(wav, count)


def _decoded(file: Path, rate: int, start_s: float, count: int | None, track: int | None) -> np.ndarray:
    """Let ffmpeg read (S,) float32 mono from `start_s` on: the rest, or about `count` samples and a few more."""
    skipped_s = max(0, int(start_s) - 1)  # a decoder needs a moment before its sound is right
    first = round((start_s - skipped_s) * rate)
    arguments = sound_arguments(file, rate, skipped_s=skipped_s, track=track, whole=count is None)
    if count is not None:
        arguments[arguments.index("-t") + 1] = f"{(first + count) / rate + 0.1:.6f}"
    blocks = []
    with Stream(arguments) as stream:
        while True:
            block = np.empty(1 << 20, np.float32)
            filled = stream.read_into(block.data.cast("B"))
            blocks.append(block[: filled // 4])
            if filled < block.nbytes:
                break
        if stream.finish() != 0:
            raise no_sound(file, stream)
    wav = np.concatenate(blocks)
    if count is None:
        refuse_too_long(file, len(wav), rate)
    return wav[first:]


def no_sound(path: str | Path, stream: Stream) -> DataError:
    """Return the error for a file from which ffmpeg got no sound."""
    said = stream.messages()
    if "matches no streams" in said or "not contain any stream" in said:
        return DataError(f"{path} has no sound.")
    return DataError(f"{path} could not be read as sound: {stream.last_message()}")


def write_wav(path: str | Path, wav: np.ndarray, rate: int = RATE) -> None:
    """Write (S,) float32 as 16-bit mono, aside and renamed; values beyond [-1, 1] are clipped."""
    # opened here: `wave` would print a traceback of its own when it cannot be
    with write_aside(path) as aside, aside.open("wb") as opened, wave.open(opened, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        for start in range(0, len(wav), 1 << 20):
            block = np.clip(wav[start : start + (1 << 20)], -1, 1)
            file.writeframes(np.round(block * 32767).astype("<i2").tobytes())


def fit_length(wav: np.ndarray, samples: int) -> np.ndarray:
    """Cut a sound (S,), or lengthen it by silence, to exactly (samples,)."""
    wav = wav[:samples]
    return wav if len(wav) == samples else np.pad(wav, (0, samples - len(wav)))  # a pad by nothing is a copy, too
