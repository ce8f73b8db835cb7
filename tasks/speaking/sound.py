"""Hold any sound on the disk and read pieces of it."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from utils.arrays import Floats
from utils.errors import DataError
from utils.files.scratch import scratch_folder
from utils.media.ffmpeg import Stream
from utils.media.sound_source import refuse_too_long, sound_arguments
from utils.media.wav import no_sound
from utils.paths import existing_file
from utils.processes.manner import note_reading
from utils.rates import RATE, SAMPLES_A_FRAME
from utils.sound.speech_level import SpeechLevel, SpeechMeter, VoiceBand, levelled

log = logging.getLogger(__name__)


class Sound:
    """Hold any sound as 16 kHz mono on the disk and read pieces of it; memory does not grow with its length.

    Use it in a `with` block; the copy is deleted at the end, nothing is written beside the user's file. `track`, from
    0, says which track of a file is heard; None is the loudest.
    """

    def __init__(self, path: str | Path, track: int | None = None) -> None:
        self.path, self._track = Path(path), track
        self.samples = 0
        self.level = SpeechLevel(0.0, 0.0, 0.0)
        self._rms = np.zeros(0, np.float32)
        self._kept = ExitStack()
        self._file: Path | None = None

    def __enter__(self) -> Self:
        with ExitStack() as kept:
            self._convert(kept.enter_context(scratch_folder()) / "sound.f32")
            self._kept = kept.pop_all()
        return self

    def _convert(self, target: Path) -> None:
        file = existing_file(self.path)
        note_reading(file)
        block = bytearray(1 << 20)
        band, meter = VoiceBand(), SpeechMeter()
        loudness: list[Floats] = []
        # As `read_wav` hears it, so that what is heard is what was trained on.
        with Stream(sound_arguments(file, RATE, track=self._track)) as stream, target.open("wb") as out:
            while filled := stream.read_into(memoryview(block)):
                out.write(memoryview(block)[:filled])
                rows, means = band.add(_mended(np.frombuffer(block, np.float32, filled // 4)))
                meter.add(rows, means)
                loudness.append(rows)
            if stream.finish() != 0:
                raise no_sound(self.path, stream)
        self.samples = target.stat().st_size // 4
        refuse_too_long(file, self.samples, RATE)
        if not self.samples:
            raise DataError(f"{self.path} holds no sound (0 samples).")
        rows, means = band.finish()
        meter.add(rows, means)
        self._rms, self.level = np.concatenate([*loudness, rows]), meter.level()
        self._file = target
        if not self.level.somebody_speaks:
            log.warning("%s: nobody is heard to speak in it, so the mouth stays closed.", file.name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file = None
        self._kept.close()

    @property
    def frames(self) -> int:
        """Count the video frames that the sound lasts, the last one begun included."""
        return -(-self.samples // SAMPLES_A_FRAME)

    def read(self, start: int, stop: int, sound_level: str = "") -> Floats:
        """Return the samples (S,), 640 a frame, of video frames [start, stop), in [-1, 1]; silence beyond the end.

        Args:
            sound_level: How the networks are used to hear it (`utils.sound.speech_level`): empty as it was recorded.
        """
        assert self._file is not None, "read inside the with block"
        # Not mapped: what was read of a mapped file counts as memory until the end.
        whole = np.fromfile(
            self._file, np.float32, count=(stop - start) * SAMPLES_A_FRAME,
            offset=4 * start * SAMPLES_A_FRAME,
        )
        piece = levelled(_mended(whole), self.level, sound_level)
        return np.pad(piece, (0, (stop - start) * SAMPLES_A_FRAME - len(piece)))

    def rms(self) -> Floats:
        """Return the loudness of the whole sound's voice (`voice_rms`), (2T,), 50 rows a second."""
        return np.pad(self._rms, (0, 2 * self.frames - len(self._rms)))


def _mended(samples: Floats) -> Floats:
    return np.nan_to_num(samples).clip(-1, 1)
