"""Run the ffmpeg that imageio-ffmpeg brings: list arguments, local files only, nothing that can wait for ever."""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from utils.errors import AssetError, DataError

STALL_S = 120.0
FORMATS = (
    "mov,matroska,avi,mpeg,mpegts,mpegvideo,h264,hevc,m4v,mjpeg,flv,asf,rm,dv,mxf,nut,ivf,obu,gif,yuv4mpegpipe,wtv,"
    "ogg,wav,w64,mp3,flac,aac,ac3,eac3,dts,aiff,au,caf,amr,ape,wv,tta,tak,mpc,mpc8,voc,sox,dsf"
)
"""Containers that hold what they play. Play lists (HLS, DASH, concat, IMF, SDP, ...) name other files or addresses, and
ffmpeg knows them by their content: one called .mp4 would be followed."""


@functools.cache
def executable() -> str:
    """Return the path of the ffmpeg program.

    Raises:
        AssetError: There is none, or what IMAGEIO_FFMPEG_EXE names is no program.
    """
    import imageio_ffmpeg

    try:
        program = str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise AssetError("imageio-ffmpeg has no ffmpeg for this machine. Name one: IMAGEIO_FFMPEG_EXE=FILE") from None
    if shutil.which(program) is None:
        named = " (named by IMAGEIO_FFMPEG_EXE)" if os.environ.get("IMAGEIO_FFMPEG_EXE") else ""
        raise AssetError(f"{program}{named} is no program that can be run, and ffmpeg is needed. Name another one.")
    return program


def input_arguments(file: Path, skipped_s: float = 0) -> list[str]:
    """Return the arguments that open a local file `skipped_s` from its start, whatever its name, and nothing else."""
    seek = ["-ss", f"{skipped_s}"] if skipped_s else []
    fences = ["-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS]
    return [*seek, *fences, "-i", f"file:{file.absolute()}"]


def describe(file: Path, timeout_s: float = STALL_S) -> str:
    """Return what `ffmpeg -i` says about a file; ffmpeg ends with an error then, which is expected.

    Raises:
        DataError: ffmpeg does not come to an end.
    """
    command = [executable(), "-nostdin", "-hide_banner", *input_arguments(file)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise DataError(f"{file}: ffmpeg could not read its header in {timeout_s:.0f} s.") from None
    return done.stderr.decode("utf-8", "replace")


def run(arguments: list[str], timeout_s: float, doing: str) -> None:
    """Run ffmpeg to its end; `DataError` with its last line, beginning with `doing`, when it fails or is too slow."""
    command = [executable(), "-nostdin", "-hide_banner", "-loglevel", "error", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise DataError(f"{doing}: ffmpeg did not end within {timeout_s:.0f} s.") from None
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DataError(f"{doing}: {lines[-1] if lines else why_silent(done.returncode)}")


def measured_s(file: Path) -> float:
    """Return for how long a film's packets last, seconds: of a file that does not say it, as a browser's recording.

    Raises:
        DataError: They cannot be read.
    """
    arguments = [*input_arguments(file), "-map", "0:v:0", "-c", "copy", "-progress", "pipe:1", "-f", "null", os.devnull]
    said = b""
    with Stream(arguments) as stream:
        while part := stream.read_some(1 << 12):
            said = (said + part)[-(1 << 13) :]
        if stream.finish() != 0:
            raise DataError(f"{file}: {stream.last_message()}")
    times = re.findall(rb"out_time_us=(\d+)", said)
    return int(times[-1]) / 1e6 if times else 0.0


def why_silent(code: int) -> str:
    """Say why ffmpeg ended without a word, by its exit code: below 0 it is the signal that ended it."""
    if hasattr(signal, "SIGXFSZ") and code == -signal.SIGXFSZ:
        return "a file may not grow so large here: look at `ulimit -f`"
    what = signal.strsignal(-code) if code < 0 else None
    return f"ffmpeg was ended by the system ({what})" if what else "ffmpeg gave no reason"


class Stream:
    """Run ffmpeg and move bytes through its standard output or input or both, killing it when it stalls.

    It stalls when it does nothing of what is waited for: with both ways open, neither takes bytes nor gives any.
    Leaving the `with` block always ends the process. Messages go to a temporary file, so they never block it.

    Args:
        arguments: What follows `ffmpeg -nostdin -hide_banner -loglevel error`.
        writing: Whether its input is fed.
        reading: Whether its output is read; as a rule when it is not fed. Both need a thread each.
        stall_s: Longest wait for one read or write.
    """

    def __init__(
        self, arguments: list[str], *, writing: bool = False, reading: bool | None = None, stall_s: float = STALL_S
    ) -> None:
        reading = not writing if reading is None else reading
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self._stall_s = stall_s
        ways = {"read": reading, "write": writing}
        self._waiting_since: dict[str, float | None] = {way: None for way, is_open in ways.items() if is_open}
        self._ended = threading.Event()
        self.stalled = False
        self._process = subprocess.Popen(
            [executable(), "-nostdin", "-hide_banner", "-loglevel", "error", *arguments],
            stdin=subprocess.PIPE if writing else subprocess.DEVNULL,
            stdout=subprocess.PIPE if reading else subprocess.DEVNULL,
            stderr=self._messages,
            bufsize=0 if reading and writing else -1,  # both ways: a byte that is made is wanted at once
        )
        threading.Thread(target=self._watch, daemon=True).start()

    def read_into(self, buffer: memoryview) -> int:
        """Fill `buffer` and return how many bytes came; fewer than asked only at the end."""
        assert self._process.stdout is not None
        filled = 0
        self._waiting_since["read"] = time.monotonic()
        while filled < len(buffer):
            count = self._process.stdout.readinto(buffer[filled:])  # type: ignore[attr-defined]
            if not count:
                break
            filled += count
        self._waiting_since["read"] = None
        return filled

    def read_some(self, most: int) -> bytes:
        """Return the bytes that are there, at most `most`, waiting for the first; none at the end. Both ways only."""
        assert self._process.stdout is not None
        self._waiting_since["read"] = time.monotonic()
        block = self._process.stdout.read(most)
        self._waiting_since["read"] = None
        return block

    def write(self, data: memoryview | bytes) -> None:
        """Hand bytes to ffmpeg; `BrokenPipeError` when it has died."""
        assert self._process.stdin is not None
        self._waiting_since["write"] = time.monotonic()
        view = memoryview(data).cast("B")
        while len(view):
            view = view[self._process.stdin.write(view) or 0 :]
        self._waiting_since["write"] = None

    def close_input(self) -> None:
        """Say that no more bytes come: from now on ffmpeg has no reason to be silent."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass
        self._waiting_since["write"] = time.monotonic()

    def kill(self) -> None:
        """End ffmpeg if it still runs."""
        if self._process.poll() is None:
            self._process.kill()

    def finish(self) -> int:
        """Close the pipe, wait for ffmpeg and return its exit code."""
        self._waiting_since = dict.fromkeys(self._waiting_since, time.monotonic())
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
        code = self._process.wait()
        self._ended.set()
        return code

    def messages(self) -> str:
        """Return all that ffmpeg said."""
        self._messages.seek(0)
        return self._messages.read().decode("utf-8", "replace").strip()

    def last_message(self) -> str:
        """Return the last line that ffmpeg said, or why it was stopped."""
        if self.stalled:
            return f"ffmpeg gave no sign for {self._stall_s:.0f} s"
        lines = self.messages().splitlines()
        return lines[-1] if lines else why_silent(self._process.poll() or 0)

    def _watch(self) -> None:
        while not self._ended.wait(min(1.0, self._stall_s / 4)):
            waits = list(self._waiting_since.values())
            since = [wait for wait in waits if wait is not None]
            if len(since) == len(waits) and time.monotonic() - max(since) > self._stall_s:
                self.stalled = True
                self._process.kill()
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.finish()
        self._messages.close()
