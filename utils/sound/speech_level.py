"""How loud somebody speaks in a sound, over what noise, and the one loudness that speech is brought to.

A sound is measured in pieces as it comes, in rows of 20 ms: the root mean square between 120 and 4000 Hz, where a voice
is and a room's rumble, a hum or an offset (a microphone's direct current) is not. The quiet rows tell the noise, the
loud ones the speech; where these lie close together, nobody speaks.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from utils.arrays import Floats
from utils.errors import DataError
from utils.rates import RATE, SAMPLES_A_ROW

SOUND_LEVEL = "speech-24dB/1"
"""What a dataset and a run say whose sound was levelled as `levelled` does it now; empty: as it was recorded."""
TARGET_DB = -24.0
"""Loudness of speech in a levelled sound, relative to full scale: what is usual, so that little changes for most."""
_MOST_GAIN_DB = 30.0
_BAND_HZ = (120, 4000)
_LOWEST_DB, _BINS_A_DB = -120.0, 4
_LEAST_LEAD_DB = 12.0
"""Speech is at least so much louder than the noise. Noise itself strays by 3."""
_LEAST_ROWS = 5
_ABOVE_NOISE_DB = 9.0
_GATE_DB, _SPEECH_DB = 10.0, 20.0
"""Rows the first far below the mean power are no loud ones (ITU-R BS.1770's gate); those within the second are speech,
of which the middle one counts: it moves least when the loudest are clipped or the softest drown in noise."""
_PRIOR_DB, _PRIOR_ROWS = -75.0, 10
"""A quiet room of 0.2 s, heard before anything else: what begins with a word has no noise to compare it with."""


class SpeechLevel(NamedTuple):
    """What is known of a sound: its offset `dc`, how loud the noise and the speech in it are, in dB of full scale."""

    dc: float
    noise_db: float
    speech_db: float

    @property
    def somebody_speaks(self) -> bool:
        """Tell whether anything stands out of the noise."""
        return self.speech_db - self.noise_db >= _LEAST_LEAD_DB

    @property
    def gain_db(self) -> float:
        """Return the gain that brings the speech to `TARGET_DB`, 30 dB at most; 0 where nobody speaks."""
        wanted_db = TARGET_DB - self.speech_db if self.somebody_speaks else 0.0
        return float(np.clip(wanted_db, -_MOST_GAIN_DB, _MOST_GAIN_DB))

    @property
    def begins_db(self) -> float:
        """Return the loudness from which on somebody speaks: a third of the way up, 35 dB below speech at least."""
        lead = self.speech_db - self.noise_db
        return max(self.noise_db + max(7.0, 0.3 * lead), self.speech_db - 35.0)

    @property
    def ends_db(self) -> float:
        """Return the loudness below which the speaker has paused: a little less, so that the two do not flicker."""
        return self.begins_db - 3.0


class VoiceBand:
    """Turn a sound that comes in pieces into its rows; how it is cut into pieces changes nothing."""

    def __init__(self) -> None:
        self._state: np.ndarray | None = None
        self._rest = np.zeros(0, np.float32)

    def add(self, wav: np.ndarray) -> tuple[Floats, Floats]:
        """Hear (S,) float32 more; return loudness (R,) and mean sample (R,) of the rows that are full now."""
        from scipy.signal import sosfilt, sosfilt_zi  # over a second, for which what only draws need not wait

        wav = np.concatenate([self._rest, wav])
        count = len(wav) // SAMPLES_A_ROW * SAMPLES_A_ROW
        self._rest = wav[count:].copy()
        if not count:
            return np.zeros(0, np.float32), np.zeros(0, np.float32)
        whole = wav[:count].astype(np.float64)
        if self._state is None:  # an offset is there from the first sample on, and is no thump
            self._state = sosfilt_zi(_band()) * whole[:SAMPLES_A_ROW].mean()
        voice, self._state = sosfilt(_band(), whole, zi=self._state)
        power = np.square(voice).reshape(-1, SAMPLES_A_ROW).mean(axis=1)
        means = whole.reshape(-1, SAMPLES_A_ROW).mean(axis=1)
        return np.sqrt(power).astype(np.float32), means.astype(np.float32)

    def finish(self) -> tuple[Floats, Floats]:
        """Return the last row, if one was begun, as `add` does; the rest of it is taken to be silent."""
        begun = len(self._rest)
        if not begun:
            return self.add(self._rest)
        fill = self._rest.mean(dtype=np.float64)
        return self.add(np.full(SAMPLES_A_ROW - begun, fill, np.float32))


class SpeechMeter:
    """Know what was heard so far, of any length, from a histogram of its rows' loudness."""

    def __init__(self) -> None:
        self._counts = np.zeros(round(-_LOWEST_DB * _BINS_A_DB) + 1, np.int64)
        self._rows = 0
        self._sum = 0.0

    def add(self, loudness: np.ndarray, means: np.ndarray) -> None:
        """Count rows (R,) as `VoiceBand.add` returns them."""
        places = (decibels(loudness) - _LOWEST_DB) * _BINS_A_DB
        np.add.at(self._counts, np.clip(np.rint(places), 0, len(self._counts) - 1).astype(np.int64), 1)
        self._rows += len(loudness)
        self._sum += float(np.sum(means, dtype=np.float64))

    def level(self) -> SpeechLevel:
        """Return what is known by now."""
        levels = _LOWEST_DB + np.arange(len(self._counts)) / _BINS_A_DB
        counts = self._counts.copy()
        counts[round((_PRIOR_DB - _LOWEST_DB) * _BINS_A_DB)] += _PRIOR_ROWS
        noise = float(levels[np.searchsorted(np.cumsum(counts), 0.1 * counts.sum())])
        speech = _middle(levels, np.where(levels >= noise + _ABOVE_NOISE_DB, self._counts, 0), noise)
        return SpeechLevel(self._sum / max(self._rows, 1), max(noise, speech - 60.0), speech)


def _middle(levels: np.ndarray, counts: np.ndarray, noise: float) -> float:
    """Return the middle loudness in dB of speech, of `counts` rows that are `levels` dB loud; `noise` for too few."""
    if counts.sum() < _LEAST_ROWS:
        return noise
    power, loud, mean_db = 10 ** (levels / 10), counts, 0.0
    for _ in range(2):
        mean_db = 10 * np.log10((loud * power).sum() / loud.sum())
        loud = np.where(levels >= mean_db - _GATE_DB, counts, 0)
    spoken = np.cumsum(np.where(levels >= mean_db - _SPEECH_DB, counts, 0))
    return float(levels[np.searchsorted(spoken, 0.5 * spoken[-1])])


def decibels(loudness: np.ndarray) -> np.ndarray:
    """Return root mean squares in dB of full scale, -120 at least."""
    return 20 * np.log10(np.maximum(np.asarray(loudness, np.float64), 1e-6))


def measure(wav: np.ndarray) -> SpeechLevel:
    """Measure a whole sound, (S,) float32 at 16 kHz."""
    band, meter = VoiceBand(), SpeechMeter()
    for start in range(0, len(wav), 1 << 20):
        meter.add(*band.add(wav[start : start + (1 << 20)]))
    meter.add(*band.finish())
    return meter.level()


def levelled(
    wav: np.ndarray, level: SpeechLevel, sound_level: str = SOUND_LEVEL, *, gain_db: float | None = None
) -> Floats:
    """Return a sound (S,), or a piece of it, without its offset and with its speech at `TARGET_DB`, within [-1, 1].

    Args:
        level: Of the whole sound.
        sound_level: What the data or the run says of itself; with an empty one the sound is returned as it is.
        gain_db: As `level` says when None.

    Raises:
        DataError: It is levelled in a way that this version does not know.
    """
    if not sound_level:
        return wav
    if sound_level != SOUND_LEVEL:
        raise DataError(f"This was trained with sound levelled as '{sound_level}'; known here: '{SOUND_LEVEL}'.")
    gain = 10 ** ((level.gain_db if gain_db is None else gain_db) / 20)
    return np.clip((wav - np.float32(level.dc)) * np.float32(gain), -1, 1).astype(np.float32, copy=False)


def voice_rms(wav: np.ndarray) -> Floats:
    """Return the loudness of each 20 ms of a sound (S,) between 120 and 4000 Hz, (ceil(S / 320),)."""
    band = VoiceBand()
    return np.concatenate([band.add(wav)[0], band.finish()[0]])


@functools.cache
def _band() -> np.ndarray:
    from scipy.signal import butter  # as above

    return np.asarray(butter(2, _BAND_HZ, "bandpass", fs=RATE, output="sos"))
