"""Hold any sound on the disk and read pieces of it."""

from __future__ import annotations

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
from utils.rates import RATE, SAMPLES_A_FRAME
from utils.sound.features import audio_features


class Sound:
    """Hold any sound as 16 kHz mono on the disk and read pieces of it; memory does not grow with its length.

    Use it in a `with` block; the copy is deleted at the end, nothing is written beside the user's file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.samples = 0
        self._kept = ExitStack()
        self._file: Path | None = None

    def __enter__(self) -> Self:
        with ExitStack() as kept:
            self._convert(kept.enter_context(scratch_folder()) / "sound.f32")
            self._kept = kept.pop_all()
        return self

    def _convert(self, target: Path) -> None:
        file = existing_file(self.path)
        block = bytearray(1 << 20)
        # As `read_wav` hears it, so that what is heard is what was trained on.
        with Stream(sound_arguments(file, RATE)) as stream, target.open("wb") as out:
            while filled := stream.read_into(memoryview(block)):
                out.write(memoryview(block)[:filled])
            if stream.finish() != 0:
                raise no_sound(self.path, stream)
        self.samples = target.stat().st_size // 4
        refuse_too_long(file, self.samples, RATE)
        if not self.samples:
            raise DataError(f"{self.path} holds no sound (0 samples).")
        self._file = target

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file = None
        self._kept.close()

    @property
    def frames(self) -> int:
        """Count the video frames that the sound lasts, the last one begun included."""
        return -(-self.samples // SAMPLES_A_FRAME)

    def read(self, start: int, stop: int) -> Floats:
        """Return the samples (S,), 640 a frame, of video frames [start, stop), in [-1, 1]; silence beyond the end."""
        assert self._file is not None, "read inside the with block"
        # Not mapped: what was read of a mapped file counts as memory until the end.
        whole = np.fromfile(
            self._file, np.float32, count=(stop - start) * SAMPLES_A_FRAME,
            offset=4 * start * SAMPLES_A_FRAME,
        )
        piece = np.nan_to_num(whole).clip(-1, 1)
        return np.pad(piece, (0, (stop - start) * SAMPLES_A_FRAME - len(piece)))

    def rms(self) -> Floats:
        """Return the loudness of the whole sound, (2T,), 50 rows a second."""
        spans = [(start, min(start + 2000, self.frames)) for start in range(0, self.frames, 2000)]
        parts = [audio_features(self.read(a, b), "rms", b - a) for a, b in spans]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)
