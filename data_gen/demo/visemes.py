"""From phonemes to the movement of the lips, 25 times a second, with co-articulation.

Each phoneme has a target for six parameters of the mouth and says, by its dominance, how much it insists on it.
Dominance falls off with time, and a frame is the dominance-weighted mean of the targets around it (Cohen and
Massaro 1993). What must be seen is then enforced: p, b and m close the lips in at least one frame; a pause closes
the mouth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_gen.demo.speech import PAUSE, Speech
from utils.rates import FPS

PARAMETERS = ("opening", "width", "rounding", "tuck", "tongue", "jaw")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Viseme:
    """What a phoneme wants of the mouth.

    Attributes:
        opening: Gap between the lips, 0 closed to 1 wide open.
        width: -1 pursed to +1 spread.
        rounding: 0 to 1, lips thickened and pushed out.
        tuck: 0 to 1, lower lip under the upper teeth.
        tongue: 0 to 1, tip of the tongue raised to the upper teeth.
        dominance: How much it insists, 1 being an ordinary vowel.
        reach_s: How far before and after itself it is felt, in seconds.
    """

    opening: float
    width: float = 0.0
    rounding: float = 0.0
    tuck: float = 0.0
    tongue: float = 0.0
    dominance: float = 1.0
    reach_s: float = 0.07

    @property
    def target(self) -> tuple[float, ...]:
        """Return the targets in the order of `PARAMETERS`; the jaw follows the opening."""
        return (self.opening, self.width, self.rounding, self.tuck, self.tongue, max(0.0, 0.12 + 0.88 * self.opening))


_REST = Viseme(0.0, dominance=1.2, reach_s=0.06)
_OPEN = Viseme(0.95, 0.05)
_FRONT_OPEN = Viseme(0.85, 0.35)
_MID = Viseme(0.65, 0.1)
_MID_FRONT = Viseme(0.6, 0.45)
_SCHWA = Viseme(0.42, 0.0, dominance=0.6)
_BACK = Viseme(0.62, -0.6, 0.6)
_CLOSE_FRONT = Viseme(0.34, 0.75)
_LAX_FRONT = Viseme(0.4, 0.45, dominance=0.8)
_CLOSE_BACK = Viseme(0.24, -0.9, 1.0, dominance=1.3)
_LAX_BACK = Viseme(0.32, -0.6, 0.7)
_ER = Viseme(0.38, -0.3, 0.4)
_BILABIAL = Viseme(0.0, dominance=2.0, reach_s=0.045)
_LABIODENTAL = Viseme(0.16, 0.1, 0.0, 1.0, dominance=2.2, reach_s=0.05)
_GLIDE_W = Viseme(0.14, -1.0, 1.0, dominance=1.6)
_GLIDE_R = Viseme(0.26, -0.5, 0.6, dominance=1.0)
_HUSH = Viseme(0.24, -0.45, 0.8, dominance=1.4, reach_s=0.06)
_HISS = Viseme(0.17, 0.4, dominance=1.3, reach_s=0.05)
_ALVEOLAR = Viseme(0.24, 0.15, tongue=0.9, dominance=0.9, reach_s=0.045)
_LATERAL = Viseme(0.38, 0.1, tongue=1.0, dominance=0.9, reach_s=0.05)
_DENTAL = Viseme(0.28, 0.15, tongue=1.0, dominance=1.2, reach_s=0.05)
_VELAR = Viseme(0.36, 0.0, dominance=0.45, reach_s=0.05)
_BREATH = Viseme(0.4, 0.0, dominance=0.25, reach_s=0.04)
_GLIDE_J = Viseme(0.26, 0.55, dominance=0.8)

# Longest name first; two visemes are a diphthong: the first holds the first half of the span.
_TABLE: dict[str, tuple[Viseme, ...]] = {
    **dict.fromkeys(("p", "b", "m"), (_BILABIAL,)),
    **dict.fromkeys(("f", "v"), (_LABIODENTAL,)),
    **dict.fromkeys(("tS", "dZ", "S", "Z"), (_HUSH,)),
    **dict.fromkeys(("s", "z", "ts"), (_HISS,)),
    **dict.fromkeys(("T", "D"), (_DENTAL,)),
    **dict.fromkeys(("t", "d", "n", "*"), (_ALVEOLAR,)),
    **dict.fromkeys(("l", "L", "l^"), (_LATERAL,)),
    **dict.fromkeys(("k", "g", "N", "x", "C"), (_VELAR,)),
    **dict.fromkeys(("h", "?"), (_BREATH,)),
    "w": (_GLIDE_W,),
    "r": (_GLIDE_R,),
    "R": (_GLIDE_R,),
    "j": (_GLIDE_J,),
    **dict.fromkeys(("A", "A:", "aa", "A~"), (_OPEN,)),
    "A@": (_OPEN, _ER),
    "a": (_FRONT_OPEN,),
    "a#": (_SCHWA,),
    "V": (_MID,),
    "E": (_MID_FRONT,),
    "e": (_MID_FRONT,),
    "e@": (_MID_FRONT, _ER),
    "eI": (_MID_FRONT, _CLOSE_FRONT),
    "aI": (_OPEN, _CLOSE_FRONT),
    "aI@": (_OPEN, _CLOSE_FRONT, _ER),
    "aI3": (_OPEN, _CLOSE_FRONT, _ER),
    "aU": (_OPEN, _CLOSE_BACK),
    "aU@": (_OPEN, _LAX_BACK, _ER),
    "OI": (_BACK, _CLOSE_FRONT),
    "oU": (_BACK, _CLOSE_BACK),
    **dict.fromkeys(("O", "O:", "O2", "0", "o", "o:", "0#"), (_BACK,)),
    "O@": (_BACK, _ER),
    "o@": (_BACK, _ER),
    "i": (_CLOSE_FRONT,),
    "i:": (_CLOSE_FRONT,),
    "i@": (_CLOSE_FRONT, _ER),
    "i@3": (_CLOSE_FRONT, _ER),
    **dict.fromkeys(("I", "I2", "I#"), (_LAX_FRONT,)),
    **dict.fromkeys(("u", "u:"), (_CLOSE_BACK,)),
    "U": (_LAX_BACK,),
    "U@": (_LAX_BACK, _ER),
    **dict.fromkeys(("3", "3:"), (_ER,)),
    "@": (_SCHWA,),
    "@L": (_SCHWA, _LATERAL),
    PAUSE: (_REST,),
}
_NAMES = sorted(_TABLE, key=len, reverse=True)
_MARKS = re.compile(r"^[',%=|_!]+(?=.)")


@dataclass(frozen=True)
class MouthTrack:
    """The mouth over time.

    Attributes:
        values: (T, 6) in the order of `PARAMETERS`, 25 frames/s, frame t at (t + 0.5) / 25 seconds.
        closed_frames: (T,) bool, True where a bilabial or a pause holds the lips together.
    """

    values: Floats
    closed_frames: npt.NDArray[np.bool_]

    def __getitem__(self, name: str) -> Floats:
        """Return one parameter, (T,)."""
        return self.values[:, PARAMETERS.index(name)]

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.values)


def visemes_of(phoneme: str) -> tuple[Viseme, ...]:
    """Return the viseme(s) of an espeak mnemonic; stress and length marks are ignored, an unknown one is a schwa."""
    name = _MARKS.sub("", phoneme)
    for mnemonic in _NAMES:
        if name.startswith(mnemonic):
            return _TABLE[mnemonic]
    return (_SCHWA,)


def is_bilabial(phoneme: str) -> bool:
    """Return whether the phoneme closes the lips."""
    return visemes_of(phoneme) == (_BILABIAL,)


def frame_count(seconds: float) -> int:
    """Return how many whole 25 fps frames cover `seconds`."""
    return int(np.ceil(round(seconds * FPS, 6)))


def mouth_track(speech: Speech, frames: int | None = None) -> MouthTrack:
    """Move the mouth through `speech`; beyond its end the mouth is closed."""
    total = frame_count(speech.seconds) if frames is None else frames
    times = (np.arange(total) + 0.5) / FPS
    blended = _blend(speech, times)
    closure = np.maximum(_bilabial_closure(speech, times), _pause_closure(speech, times))
    opening, jaw = PARAMETERS.index("opening"), PARAMETERS.index("jaw")
    blended[:, opening] *= 1 - closure
    still = _pause_closure(speech, times)
    blended[:, jaw] = np.maximum(blended[:, opening], blended[:, jaw] * (1 - 0.55 * closure) * (1 - still))
    blended[:, PARAMETERS.index("tuck")] *= 1 - closure
    for name in ("width", "rounding", "tongue"):
        blended[:, PARAMETERS.index(name)] *= 1 - 0.8 * still
    return MouthTrack(blended, closure >= 1.0)


def _blend(speech: Speech, times: Floats) -> Floats:
    """Return the dominance-weighted mean of the targets, (T, 6)."""
    weight_sum = np.full(len(times), 1e-6)
    value_sum = np.zeros((len(times), len(PARAMETERS)))
    for name, start_s, end_s in speech.phonemes:
        parts = visemes_of(name)
        edges = np.linspace(start_s, end_s, len(parts) + 1)
        for viseme, begin_s, finish_s in zip(parts, edges[:-1], edges[1:], strict=True):
            away = np.maximum(0.0, np.maximum(begin_s - times, times - finish_s))
            weight = viseme.dominance * np.exp(-((away / (0.55 * viseme.reach_s)) ** 1.2))
            weight_sum += weight
            value_sum += weight[:, None] * np.asarray(viseme.target)
    return value_sum / weight_sum[:, None]


def _bilabial_closure(speech: Speech, times: Floats) -> Floats:
    """Return 1 in the frame nearest each bilabial's middle and wherever one lasts, falling to 0 within 70 ms."""
    closure = np.zeros(len(times))
    for name, start_s, end_s in speech.phonemes:
        if len(times) and is_bilabial(name):
            nearest = times[np.argmin(abs(times - 0.5 * (start_s + end_s)))]
            away = np.minimum(
                abs(times - nearest),
                np.maximum(0.0, np.maximum(start_s + 0.01 - times, times - end_s + 0.015)),
            )
            closure = np.maximum(closure, _ramp(away, 0.07))
    return closure


def _pause_closure(speech: Speech, times: Floats) -> Floats:
    """Return 1 inside every pause of 0.15 s or more, reached 0.1 s after it starts and left 0.06 s before it ends."""
    closure = np.zeros(len(times))
    last_end = speech.phonemes[-1][2] if speech.phonemes else 0.0
    pauses = [(a, b) for name, a, b in speech.phonemes if name == PAUSE and b - a >= 0.15]
    for start_s, end_s in [*pauses, (last_end, float("inf"))]:
        begin = start_s - 0.05 if start_s == 0 else start_s + 0.1
        finish = end_s if end_s >= last_end else max(begin + 0.02, end_s - 0.06)
        away = np.maximum(0.0, np.maximum(begin - times, times - finish))
        closure = np.maximum(closure, _ramp(away, 0.1))
    return closure


def _ramp(away: Floats, width: float) -> Floats:
    """Fall smoothly from 1 at zero distance to 0 at `width`."""
    x = np.clip(1 - away / width, 0, 1)
    return x * x * (3 - 2 * x)
