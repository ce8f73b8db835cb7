"""Speech with the times of its phonemes, from espeak-ng in a child process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from utils.errors import DataError
from utils.rates import RATE

PAUSE = "_"
_WORKER = Path(__file__).with_name("espeak_worker.py")
_TIMEOUT_S = 120


@dataclass(frozen=True)
class Voice:
    """How someone sounds.

    Attributes:
        voice: espeak-ng language, such as `en-us`.
        variant: espeak-ng variant (its formants and timbre), such as `f2`; empty for the plain voice.
        pitch: 0 to 99, 50 being the variant's own.
        pitch_range: 0 to 99, how lively the melody is.
        rate: Words per minute.
        formant_scale: Above 1 every formant (and the pitch) moves up, as with a shorter vocal tract.
    """

    voice: str = "en-us"
    variant: str = ""
    pitch: int = 50
    pitch_range: int = 50
    rate: int = 150
    formant_scale: float = 1.0


@dataclass(frozen=True)
class Speech:
    """A spoken text.

    Attributes:
        wav: (S,) float32 at 16 000/s, within -1..1.
        phonemes: (espeak mnemonic, start_s, end_s) covering 0 to the end without a gap; `_` is silence.
        words: (word, start_s, end_s).
    """

    wav: npt.NDArray[np.float32]
    phonemes: tuple[tuple[str, float, float], ...]
    words: tuple[tuple[str, float, float], ...]

    @property
    def seconds(self) -> float:
        """Return how long the sound is."""
        return len(self.wav) / RATE


def speak(
    text: str,
    voice: str = "en-us",
    pitch: int = 50,
    rate: int = 150,
    *,
    variant: str = "",
    pitch_range: int = 50,
    formant_scale: float = 1.0,
) -> Speech:
    """Speak `text`; the same arguments always give the same samples.

    A formant scale s asks espeak for a speech slower by s and plays it faster by s: formants and pitch move
    by s (pitch is asked lower in turn by the caller if it should stay), the tempo stays.

    Raises:
        DataError: There is nothing to say, or espeak-ng fails or does not end.
    """
    if not text.strip():
        raise DataError("There is nothing to say: the text is empty.")
    request = {
        "text": text,
        "voice": voice,
        "variant": variant,
        "rate": max(80, round(rate / formant_scale)),
        "pitch": pitch,
        "range": pitch_range,
    }
    command = [sys.executable, "-I", str(_WORKER)]
    try:
        done = subprocess.run(
            command, input=json.dumps(request).encode(), capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"espeak-ng did not finish {text[:40]!r} in {_TIMEOUT_S} s. Give it shorter texts.") from None
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise DataError(f"espeak-ng could not speak {text[:40]!r} ({reason[0]}). pip install espeakng-loader?")
    line, _, sound = done.stdout.partition(b"\n")
    header = json.loads(line)
    native = np.frombuffer(sound, dtype="<i2").astype(np.float64) / 32768.0
    rate_played = header["sample_rate"] * formant_scale
    wav = _resample(native, rate_played)
    return Speech(
        wav,
        _spans(header["phonemes"], rate_played, len(wav) / RATE),
        _word_spans(header["words"], text, rate_played, len(wav) / RATE),
    )


def speak_as(voice: Voice, text: str) -> Speech:
    """Speak `text` in a `Voice`."""
    return speak(
        text,
        voice.voice,
        voice.pitch,
        voice.rate,
        variant=voice.variant,
        pitch_range=voice.pitch_range,
        formant_scale=voice.formant_scale,
    )


def join(parts: list[Speech], pauses_s: list[float]) -> Speech:
    """Put a pause before each part, one more at the end, and shift the times; `pauses_s` has one more entry."""
    if len(pauses_s) != len(parts) + 1:
        raise ValueError(f"{len(parts)} parts need {len(parts) + 1} pauses, not {len(pauses_s)}")
    wavs: list[npt.NDArray[np.float32]] = []
    phonemes: list[tuple[str, float, float]] = []
    words: list[tuple[str, float, float]] = []
    samples = 0
    for part, pause_s in zip([*parts, None], pauses_s, strict=True):
        silence = round(pause_s * RATE)
        phonemes.append((PAUSE, samples / RATE, (samples + silence) / RATE))
        wavs.append(np.zeros(silence, np.float32))
        samples += silence
        if part is not None:
            start_s = samples / RATE
            phonemes += [(name, start_s + a, start_s + b) for name, a, b in part.phonemes]
            words += [(name, start_s + a, start_s + b) for name, a, b in part.words]
            wavs.append(part.wav)
            samples += len(part.wav)
    return Speech(np.concatenate(wavs), tuple(_merge_pauses(phonemes)), tuple(words))


def _resample(wav: npt.NDArray[np.float64], rate: float) -> npt.NDArray[np.float32]:
    from fractions import Fraction

    from scipy.signal import resample_poly

    ratio = Fraction(RATE / rate).limit_denominator(1000)
    return np.clip(resample_poly(wav, ratio.numerator, ratio.denominator), -1, 1).astype(np.float32)


def _spans(events: list[tuple[str, int]], rate: float, seconds: float) -> tuple[tuple[str, float, float], ...]:
    """Turn phoneme starts into spans that cover the sound; an unnamed event is silence."""
    names = [PAUSE if not name.strip("_:! ") else name.strip("'") for name, _ in events]
    starts = [min(sample / rate, seconds) for _, sample in events]
    if not starts or starts[0] > 0:
        names, starts = [PAUSE, *names], [0.0, *starts]
    ends = [*starts[1:], seconds]
    spans = [(n, a, b) for n, a, b in zip(names, starts, ends, strict=True) if b > a]
    return tuple(_merge_pauses(spans))


def _merge_pauses(spans: list[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    merged: list[tuple[str, float, float]] = []
    for name, start, end in spans:
        if end <= start:
            continue
        if merged and name == PAUSE and merged[-1][0] == PAUSE:
            merged[-1] = (PAUSE, merged[-1][1], end)
        else:
            merged.append((name, start, end))
    return merged


def _word_spans(
    events: list[tuple[int, int, int]], text: str, rate: float, seconds: float
) -> tuple[tuple[str, float, float], ...]:
    starts = [min(sample / rate, seconds) for _, _, sample in events]
    ends = [*starts, seconds][1:]  # none where there is no word, as in "."
    return tuple(
        (text[at : at + length], start, end) for (at, length, _), start, end in zip(events, starts, ends, strict=True)
    )
