"""Frames and a sound to one stream that a browser plays while it is still being made: fragmented mp4."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils.errors import DataError
from utils.media.ffmpeg import STALL_S, Stream, input_arguments
from utils.media.marks.marks import Marks
from utils.media.marks.tags import film_arguments
from utils.media.sound_source import choose_sound

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
        track: Which track of the sound is heard, from 0; None is the loudest.
        marks: What it says of itself; a stream cannot be signed.
    """

    def __init__(
        self, frames: Iterable[NDArray[np.uint8]], size: tuple[int, int], sound: Path, count: int, *, fps: int = 25,
        track: int | None = None, marks: Marks | None = None
    ) -> None:
        self.frames, self.fps, self.count, self.sound, self.track = frames, fps, count, sound, track
        self.marks = marks or Marks(None)
        self.even = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        self.error: BaseException | None = None
        self._over = threading.Event()

    def _arguments(self) -> list[str]:
        height, width = self.even
        arguments = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
        arguments += ["-framerate", str(self.fps), "-i", "pipe:0", *input_arguments(self.sound)]
        source = choose_sound(self.sound, self.track, say=False)
        arguments += ["-map", "0:v:0", "-map", f"1:a:{source.track}", "-t", f"{self.count / self.fps:.6f}"]
        arguments += ["-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"]
        arguments += ["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-crf", "18", "-g", "25"]
        arguments += ["-x264-params", "threads=1", "-colorspace", "bt709", "-color_primaries", "bt709"]
        arguments += ["-color_trc", "bt709", "-color_range", "tv"]
        arguments += ["-af", f"{source.filters}aresample=48000:async=1:first_pts=0,apad"]
        arguments += ["-ac", "2", "-c:a", "aac", "-b:a", "128k"]
        arguments += film_arguments(self.marks.tags())
        arguments += ["-movflags", "+empty_moov+default_base_moof", "-frag_duration", str(int(1e6 * FRAGMENT_S))]
        return [*arguments, "-flush_packets", "1", "-f", "mp4", "pipe:1"]

    def __enter__(self) -> Mp4Stream:
        self._stream = Stream(self._arguments(), writing=True, reading=True, stall_s=STALL_S)
        self._feeder = threading.Thread(target=self._feed, name="frames")
        self._feeder.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._stream.kill()
        self._feeder.join(STALL_S)
        self._stream.__exit__(None, None, None)

    def _feed(self) -> None:
        """Hand frames to the encoder until they end, it ends, or nobody wants them any more."""
        try:
            for frame in self.frames:
                if self._over.is_set():
                    break
                frame = self.marks.on(frame)
                high, wide = self.even[0] - frame.shape[0], self.even[1] - frame.shape[1]
                if high or wide:
                    frame = np.pad(frame, ((0, high), (0, wide), (0, 0)), mode="edge")
                self._stream.write(np.ascontiguousarray(frame).data)
        except (BrokenPipeError, ValueError) as error:
            if not self._over.is_set():
                self.error = self.error or error
        except BaseException as error:  # it is raised again where the bytes are read
            self.error = error
        finally:
            close = getattr(self.frames, "close", None)
            if close is not None:
                close()
            self._stream.close_input()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes of the mp4 as they are made.

        Raises:
            DataError: The encoder failed.
        """
        while block := self._stream.read_some(BLOCK):
            yield block
        self._feeder.join(STALL_S)
        if self.error is not None and not isinstance(self.error, BrokenPipeError):
            raise self.error
        if self._stream.finish() != 0:
            end = "." if self._stream.stalled else ""
            raise DataError(f"The stream could not be encoded: {self._stream.last_message()}{end}")


def watched(
    frames: Iterable[NDArray[np.uint8]], live: Path, sound: Path, count: int, *, track: int | None = None,
    marks: Marks | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Yield frames (H, W, 3) uint8 as they come, and write them into a film that may be watched while it grows.

    Whoever watches may be unlucky: where that film cannot be written, the frames go on without it.

    Args:
        live: Its mp4, written anew.
        sound: What is heard.
        count: How many frames there will be.
        marks: What that film says of itself.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        return
    waiting: queue.Queue[NDArray[np.uint8] | None] = queue.Queue(maxsize=4)
    over = threading.Event()
    size = (first.shape[0], first.shape[1])

    def handed_on() -> Iterator[NDArray[np.uint8]]:
        while (frame := waiting.get()) is not None:
            yield frame

    def encode() -> None:
        try:
            live.unlink(missing_ok=True)  # whoever reads the last one goes on with that
            film = Mp4Stream(handed_on(), size, sound, count, track=track, marks=marks)
            with live.open("xb", buffering=0) as file, film:
                for block in film:
                    file.write(block)
        except Exception as error:  # whatever it is, the film itself goes on
            log.warning("%s could not be written: %s", live, error)
        finally:
            over.set()

    writer = threading.Thread(target=encode, name="live film")
    writer.start()

    def hand_on(frame: NDArray[np.uint8] | None) -> None:
        while not over.is_set():
            try:
                waiting.put(frame, timeout=0.1)
                return
            except queue.Full:
                continue

    try:
        hand_on(first)
        yield first
        for frame in stream:
            hand_on(frame)
            yield frame
    finally:
        hand_on(None)
        writer.join(STALL_S)
