"""Frames and a sound to one stream that a browser plays while it is still being made: fragmented mp4."""

from __future__ import annotations

import logging
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from utils.errors import DataError
from utils.media.ffmpeg import STALL_S, executable, input_arguments

log = logging.getLogger(__name__)
FRAGMENT_S = 0.2
"""Length of a fragment: what a player must at least receive before it shows anything."""
BLOCK = 1 << 16


class Mp4Stream:
    """Encode frames as they come and yield the bytes of an mp4 with its sound; use it in a `with` block.

    The encoder reads frames no faster than the player takes its bytes, so nothing piles up. Leaving the block, early or
    not, ends the encoder and the source of the frames.

    Args:
        frames: (H, W, 3) uint8 RGB, 25 a second, all of one size. Closed at the end if it is a generator.
        size: H and W.
        sound: The file that is heard; silence is added, or the rest cut, to the length of the picture.
        count: How many frames there will be.
    """

    def __init__(
        self, frames: Iterable[NDArray[np.uint8]], size: tuple[int, int], sound: Path, count: int, *, fps: int = 25
    ) -> None:
        self.frames, self.fps, self.count, self.sound = frames, fps, count, sound
        self.even = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        self.error: BaseException | None = None
        self._over = threading.Event()
        self._writing_since: float | None = None
        self._reading_since: float | None = None

    def _arguments(self) -> list[str]:
        height, width = self.even
        arguments = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
        arguments += ["-framerate", str(self.fps), "-i", "pipe:0", *input_arguments(self.sound)]
        arguments += ["-map", "0:v:0", "-map", "1:a:0", "-t", f"{self.count / self.fps:.6f}"]
        arguments += ["-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"]
        arguments += ["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-crf", "18", "-g", "25"]
        arguments += ["-x264-params", "threads=1", "-colorspace", "bt709", "-color_primaries", "bt709"]
        arguments += ["-color_trc", "bt709", "-color_range", "tv"]
        arguments += ["-af", "aresample=48000:async=1:first_pts=0,apad", "-ac", "2", "-c:a", "aac", "-b:a", "128k"]
        arguments += ["-movflags", "+empty_moov+default_base_moof", "-frag_duration", str(int(1e6 * FRAGMENT_S))]
        return [*arguments, "-flush_packets", "1", "-f", "mp4", "pipe:1"]

    def __enter__(self) -> Mp4Stream:
        self._messages = tempfile.TemporaryFile()
        command = [executable(), "-nostdin", "-hide_banner", "-loglevel", "error", *self._arguments()]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._messages, bufsize=0
        )
        self._feeder = threading.Thread(target=self._feed, name="frames")
        self._feeder.start()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if self._process.poll() is None:
            self._process.kill()
        self._feeder.join(STALL_S)
        self._process.wait(STALL_S)
        for pipe in (self._process.stdout, self._messages):
            if pipe is not None:
                pipe.close()

    def _watch(self) -> None:
        """Kill an encoder that for long neither takes a frame nor gives a byte, though both are wanted."""
        while not self._over.wait(min(1.0, STALL_S / 4)):
            since = [self._writing_since, self._reading_since]
            if all(since) and time.monotonic() - max(filter(None, since)) > STALL_S:
                self.error = DataError(f"The stream could not be encoded: ffmpeg gave no sign for {STALL_S:.0f} s.")
                self._process.kill()
                return

    def _feed(self) -> None:
        """Hand frames to the encoder until they end, it ends, or nobody wants them any more."""
        pipe = self._process.stdin
        assert pipe is not None
        try:
            for frame in self.frames:
                if self._over.is_set():
                    break
                high, wide = self.even[0] - frame.shape[0], self.even[1] - frame.shape[1]
                if high or wide:
                    frame = np.pad(frame, ((0, high), (0, wide), (0, 0)), mode="edge")
                view = np.ascontiguousarray(frame).data.cast("B")
                self._writing_since = time.monotonic()
                while len(view):
                    view = view[pipe.write(view) or 0 :]
                self._writing_since = None
        except (BrokenPipeError, ValueError) as error:
            if not self._over.is_set():
                self.error = self.error or error
        except BaseException as error:  # it is raised again where the bytes are read
            self.error = error
        finally:
            close = getattr(self.frames, "close", None)
            if close is not None:
                close()
            try:
                pipe.close()
            except OSError:
                pass
            self._writing_since = time.monotonic()  # all is given: from now on the encoder has no reason to be silent

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes of the mp4 as they are made.

        Raises:
            DataError: The encoder failed.
        """
        assert self._process.stdout is not None
        while block := self._read(self._process.stdout):
            yield block
        self._feeder.join(STALL_S)
        if self.error is not None and not isinstance(self.error, BrokenPipeError):
            raise self.error
        if self._process.wait(STALL_S) != 0:
            self._messages.seek(0)
            lines = self._messages.read().decode("utf-8", "replace").strip().splitlines()
            raise DataError(f"The stream could not be encoded: {lines[-1] if lines else 'ffmpeg gave no reason'}")

    def _read(self, pipe: IO[bytes]) -> bytes:
        self._reading_since = time.monotonic()
        block = pipe.read(BLOCK)
        self._reading_since = None
        return block
