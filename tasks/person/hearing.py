"""Keep the last seconds of a sound that grows, how loud it is, and how loud its speech has been."""

from __future__ import annotations

import numpy as np

from data_gen.ear import EAR_WIDTH, open_ear
from data_gen.speech_features import audio_features
from utils.arrays import Floats
from utils.media.wav import fit_length
from utils.rates import FPS, SAMPLES_A_FRAME
from utils.sound.content_features import content_blocks, parse_content_feature
from utils.sound.speech_level import SpeechMeter, VoiceBand, levelled

WHISPER_ROWS = 250
"""Rows that the network sees at once (5 s of 30)."""
RISE_DB_A_FRAME = 6 / FPS
"""How fast a sound is made louder when its speech turns out softer than it was so far; softer, at once."""


class Hearing:
    """Keep the last seconds of a sound that grows.

    Args:
        past: Frames to keep before the ones not yet drawn.
    """

    def __init__(self, past: int) -> None:
        self.past = past
        self.samples = 0
        self._first = 0
        self._kept = np.zeros(0, np.float32)
        self._band = VoiceBand()
        self._rows, self._first_row = np.zeros((0, 2), np.float32), 0

    def add(self, wav: Floats) -> None:
        """Hear more: (S,) float32 at 16 kHz."""
        mended = np.nan_to_num(np.asarray(wav, np.float32).reshape(-1)).clip(-1, 1)
        self._kept = np.concatenate([self._kept, mended])
        self._rows = np.concatenate([self._rows, np.stack(self._band.add(mended), axis=1)])
        self.samples += wav.size

    @property
    def frames(self) -> int:
        """Count the frames that what was heard lasts, the last one begun included."""
        return -(-self.samples // SAMPLES_A_FRAME)

    def read(self, start: int, stop: int, extra: int = 0) -> Floats:
        """Return the samples (S,) of frames [start, stop) and `extra` more; silence beyond what was heard."""
        length = (stop - start) * SAMPLES_A_FRAME + extra
        piece = self._kept[start * SAMPLES_A_FRAME - self._first :][:length]
        return np.pad(piece, (0, length - len(piece)))

    def rows(self, start: int, stop: int) -> tuple[Floats, Floats]:
        """Return loudness and mean sample (2T,) of frames [start, stop), `VoiceBand`'s; 0 beyond what was heard."""
        rows = self._rows[2 * start - self._first_row :][: 2 * (stop - start)]
        loudness, means = np.pad(rows, ((0, 2 * (stop - start) - len(rows)), (0, 0))).T
        return loudness, means

    def forget(self, frame: int) -> None:
        """Drop what lies more than `past` before a frame."""
        keep = max(0, frame - self.past) * SAMPLES_A_FRAME
        if keep - self._first > self.past * SAMPLES_A_FRAME:
            self._kept, self._first = self._kept[keep - self._first :].copy(), keep
            first_row = 2 * max(0, frame - self.past)
            self._rows, self._first_row = self._rows[first_row - self._first_row :].copy(), first_row


class LiveLevel:
    """Bring a sound that is still coming to the loudness of speech, by what was heard of it so far.

    Until somebody speaks it stays as it is. From then on its speech has one loudness, as `levelled` gives it: softer at
    once when that turns out to be louder, and louder by 6 dB a second at most, so that no word jumps.
    """

    def __init__(self) -> None:
        self._meter = SpeechMeter()
        self._gain_db: float | None = None
        self.heard = self._meter.level()

    def add(self, loudness: Floats, means: Floats) -> None:
        """Hear rows (2T,) more, as `Hearing.rows` returns them."""
        self._meter.add(loudness, means)
        self.heard = self._meter.level()
        if self.heard.somebody_speaks:
            wanted = self.heard.gain_db
            most = wanted if self._gain_db is None else self._gain_db + RISE_DB_A_FRAME * len(loudness) / 2
            self._gain_db = min(wanted, most)

    def levelled(self, wav: Floats, sound_level: str) -> Floats:
        """Return the samples (S,) as networks hear them that were trained with `sound_level`."""
        return levelled(wav, self.heard, sound_level, gain_db=self._gain_db or 0.0)


class LiveEar:
    """Hear a sound that is still coming with an ear, each of its rows once.

    Args:
        name: The feature.
    """

    def __init__(self, name: str) -> None:
        from modules.motion.ear import EarStream  # which imports torch: slips are told without

        self._stream = EarStream(open_ear(name))
        self._rows = self._guess = np.zeros((0, EAR_WIDTH), np.float32)
        self._first = 0
        self.frames = 0

    def add(self, wav: Floats) -> None:
        """Hear whole frames more, (640 T,) float32, levelled."""
        import torch

        said, guess = self._stream.guess(torch.from_numpy(wav))
        self._rows, self._guess = np.concatenate([self._rows, said.numpy()]), guess.numpy()
        self.frames += len(wav) // SAMPLES_A_FRAME

    def read(self, start: int, stop: int) -> Floats:
        """Return the rows (2T, C) of frames [start, stop), the last as if silence followed; forget what lies before."""
        self._rows, self._first = self._rows[2 * start - self._first :], 2 * start
        return np.concatenate([self._rows, self._guess])[: 2 * (stop - start)]


def live_features(wav: Floats, name: str, frames: int) -> Floats:
    """Return the feature rows (2T, C) of the first T frames of a short sound that may go on a little."""
    more = int(len(wav) > frames * SAMPLES_A_FRAME)
    content = parse_content_feature(name)
    if content is not None and content.kind == "whisper":
        blocks = content_blocks(fit_length(wav, (frames + more) * SAMPLES_A_FRAME), content, WHISPER_ROWS)
        return np.concatenate(list(blocks))[: 2 * frames]
    return np.asarray(audio_features(wav, name, frames + more)[: 2 * frames], np.float32)
