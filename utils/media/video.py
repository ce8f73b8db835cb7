"""Read and write videos as streams of RGB frames; memory does not grow with their length.

ffmpeg runs as a process of its own, also to tell what a file is: a decoder that a stranger's file brings down (PyAV's
would run in ours) is then an error of one line and not the end of the command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from utils.errors import DataError
from utils.files.aside import write_aside
from utils.files.ownership import refuse_input_as_output
from utils.media.ffmpeg import STALL_S, Stream, input_arguments, run
from utils.media.header import read_header
from utils.media.marks.marks import Marks
from utils.media.marks.tags import film_arguments
from utils.media.picture_form import PictureForm, picture_form
from utils.media.sound_source import choose_sound
from utils.media.unfinished import is_unfinished
from utils.media.wav import read_wav, write_wav
from utils.paths import existing_file
from utils.rates import FPS, RATE

VIDEOS = {".mp4", ".mpg", ".mpeg", ".mov", ".avi", ".mkv", ".webm"}
"""How files are called that are taken for videos in a folder."""
_SLOWEST_DECODING = 5.0
"""Frames a second that even a slow machine decodes of a large video."""

_RESIZED = re.compile(r"^\[graph .*, incoming frame - w: (\d+) h: (\d+) .*pts_time: ([\d.]+)\r?$", re.MULTILINE)


@dataclass(frozen=True)
class VideoInfo:
    """Describe a video. `width` and `height` are those of the frames as shown: turned, with square pixels.

    `form` is what the stream says of its pictures as they are coded.
    """

    width: int
    height: int
    fps: float
    frames: int
    duration_s: float
    rotation: int
    has_audio: bool
    codec: str
    form: PictureForm


def probe(path: str | Path) -> VideoInfo:
    """Return size, rate and length of a video; `DataError` when it is missing, empty or no video."""
    file = existing_file(path)
    header = read_header(file)
    stream = next(iter(header.of_kind("Video")), None)
    form = picture_form(stream) if stream else None
    if stream is None or form is None:
        raise DataError(_why_no_video(file, path))
    if stream.own_colours:
        raise DataError(
            f"{path} is Dolby Vision, profile 5: its colours would be read as green and violet. Export it as ordinary "
            "video (SDR, BT.709), or as HLG."
        )
    width, height, video = form.width, form.height, stream.text
    if form.pixel != (1, 1):
        width = max(2, round(width * form.pixel[0] / form.pixel[1]))
    if stream.rotation in (90, 270):
        width, height = height, width
    rate = re.search(r"([\d.]+)(k?) fps", video) or re.search(r"([\d.]+)(k?) tbr", video)
    fps = float(rate[1]) * (1000 if rate[2] else 1) if rate else float(FPS)
    return VideoInfo(
        width=width,
        height=height,
        fps=fps,
        frames=round(header.duration_s * fps),
        duration_s=header.duration_s,
        rotation=stream.rotation,
        has_audio=bool(header.of_kind("Audio")),
        codec=video.split()[0].rstrip(","),
        form=form,
    )


def read_frames(
    path: str | Path,
    *,
    fps: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    size: tuple[int, int] | None = None,
    start: int = 0,
    count: int | None = None,
    seek: bool = False,
    sizes: dict[float, tuple[int, int]] | None = None,
) -> Iterator[np.ndarray]:
    """Yield the frames of a video as (H, W, 3) RGB uint8, turned upright; one frame is in memory at a time.

    Args:
        fps: Rate to bring the video to, counted from the start of the file (so that frame k is at k / fps of the
            sound too); None keeps the frames as they are.
        crop: x0, y0, x1, y1 in pixels; may reach beyond the picture, where the edge is repeated.
        size: (height, width) to scale to, after the crop.
        start, count: First frame and number of frames to give, in frames after `fps`.
        seek: Jump to a second before `start` instead of decoding all that comes before; needs `fps`.
        sizes: Filled, when the last frame was given, with the time and (width, height) of each change of size in
            mid-stream. Such frames are fitted into the first size, with bars when their shape is another.

    Raises:
        DataError: No frame can be decoded, or reading stops before the end.
    """
    file = existing_file(path)
    info = probe(file)
    filters = info.form.first_filters()
    if fps is not None:
        filters.append(f"fps={fps}:start_time=0")
    skipped_s = max(0, int(start / fps) - 1) if seek and fps is not None else 0
    if skipped_s:
        start -= round(skipped_s * float(fps or 0))
    if start or count is not None:
        end = f":end_frame={start + count}" if count is not None else ""
        filters.append(f"trim=start_frame={start}{end}")
    if info.form.pixel != (1, 1):
        filters.append(f"scale={info.width}:{info.height},setsar=1")
    height, width = info.height, info.width
    if crop is not None:
        filters += _crop_filters(crop, height, width, info.form.cropping_format)
        height, width = crop[3] - crop[1], crop[2] - crop[0]
    if size is not None and size != (height, width):
        method = "area" if size[0] < height else "bicubic"
        filters.append(f"scale={size[1]}:{size[0]}:flags={method}+accurate_rnd+full_chroma_int")
        height, width = size
    filters += [*info.form.last_filters(), "format=rgb24"]
    graph = ["-reinit_filter", "0"] if info.form.one_graph else []
    talk = ["-loglevel", "warning"] if sizes is not None else []
    arguments = [*talk, *graph, *input_arguments(file, skipped_s), "-map", "0:V:0", "-an", "-sn", "-dn"]
    arguments += ["-vf", ",".join(filters), "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    arguments.append("pipe:1")
    delivered = 0
    # The frames before `start` are decoded too, so the first one that is given may be long in coming.
    with Stream(arguments, stall_s=STALL_S + start / _SLOWEST_DECODING) as stream:
        while True:
            frame = np.empty((height, width, 3), np.uint8)
            filled = stream.read_into(frame.data.cast("B"))
            if filled < frame.nbytes:
                break
            delivered += 1
            yield frame
        if stream.finish() != 0 or filled:
            raise DataError(f"{path}: reading stopped after {delivered} frames: {stream.last_message()}")
        if sizes is not None:
            sizes |= _changes_of_size(stream.messages(), info.form)
    if not delivered and start == 0 and not skipped_s and count != 0:
        raise DataError(f"{path} holds no frame that can be decoded.")


def _why_no_video(file: Path, path: str | Path) -> str:
    """Say why a file is no video: most often its copying or recording was broken off."""
    if is_unfinished(file):
        return (
            f"{path} is incomplete: the recording or copying was not ended, so the table of its pictures is missing. "
            "Copy it again from where it was recorded."
        )
    return f"{path} is not a video that ffmpeg can read."


def _changes_of_size(messages: str, form: PictureForm) -> dict[float, tuple[int, int]]:
    """Read from ffmpeg's warnings when the pictures' size changed, and to what."""
    changes = {}
    before = (form.width, form.height)
    for match in _RESIZED.finditer(messages):
        size = (int(match[1]), int(match[2]))
        if size != before:
            changes[round(float(match[3]), 2)] = before = size
    return changes


def _crop_filters(crop: tuple[int, int, int, int], height: int, width: int, pixels: str) -> list[str]:
    x0, y0, x1, y1 = crop
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"an empty crop: {crop}")
    left, top, right, bottom = max(0, -x0), max(0, -y0), max(0, x1 - width), max(0, y1 - height)
    filters = [f"format={pixels}"]
    if left or top or right or bottom:
        filters.append(f"pad={width + left + right}:{height + top + bottom}:{left}:{top}")
        filters.append(f"fillborders={left}:{right}:{top}:{bottom}:smear")
    return [*filters, f"crop={x1 - x0}:{y1 - y0}:{x0 + left}:{y0 + top}"]


class VideoWriter:
    """Write RGB frames into an mp4 (H.264, yuv420p) as they come; the file appears when the block ends well.

    The same frames and sound give the same bytes, marks too. Odd sizes get one more row or column, a copy of the last.

    Args:
        path: Where the mp4 goes.
        height, width: Size of the frames in pixels.
        fps: Frames a second.
        audio: Sound to lay under it: a file, or (S,) float32 at `audio_rate`; cut or padded to the video's length.
        audio_track: Which of the file's tracks, from 0; None takes what `choose_sound` hears.
        crf: x264's quality, 0 (lossless) to 51.
        marks: What it says of itself; None for what shows no face that was made.
    """

    def __init__(
        self,
        path: str | Path,
        height: int,
        width: int,
        fps: float = FPS,
        audio: str | Path | np.ndarray | None = None,
        *,
        crf: int = 18,
        audio_rate: int = RATE,
        audio_track: int | None = None,
        marks: Marks | None = None,
    ) -> None:
        self.path = Path(path)
        self._marks = marks
        self.frames = 0
        self._shape = (height, width, 3)
        self._fps = fps
        self._audio = audio
        self._audio_rate = audio_rate
        self._audio_track = audio_track
        self._crf = crf
        self._stack = ExitStack()
        self._stream: Stream | None = None
        self._aside = self.path
        self._sound: Path | None = None
        self._picture: Path | None = None

    def __enter__(self) -> Self:
        if self.path.is_dir():
            raise DataError(f"{self.path} is a folder. Name the mp4 to write.")
        if isinstance(self._audio, str | Path):
            refuse_input_as_output(self.path, [self._audio])
        with ExitStack() as stack:
            self._aside = stack.enter_context(write_aside(self.path))
            if self._audio is not None:
                self._sound = self._sound_file(stack)
                self._picture = self._aside.with_suffix(".picture.mp4")
                stack.callback(self._picture.unlink, missing_ok=True)
            self._stream = stack.enter_context(Stream(self._arguments(), writing=True))
            self._stack = stack.pop_all()
        return self

    def write(self, frame: np.ndarray) -> None:
        """Append one (H, W, 3) RGB uint8 frame.

        Raises:
            DataError: It could not be written.
        """
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"expected a {self._shape} uint8 frame, got {frame.shape} {frame.dtype}")
        if self._marks is not None:
            frame = self._marks.on(frame)
        height, width, _ = self._shape
        if height % 2 or width % 2:
            frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        assert self._stream is not None, "write inside the with block"
        try:
            self._stream.write(np.ascontiguousarray(frame).data.cast("B"))
        except BrokenPipeError:
            self._stream.finish()
            raise DataError(f"{self.path} could not be written: {self._stream.last_message()}") from None
        self.frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._stream is not None
        with self._stack:
            if kind is not None:
                self._stack.pop_all().__exit__(kind, error, trace)
                return
            if not self.frames:
                raise DataError(f"{self.path}: there was no frame to write.")
            if self._stream.finish() != 0:
                raise DataError(f"{self.path} could not be written: {self._stream.last_message()}")
            if self._picture is not None:
                self._add_sound(self._picture)
            if self._marks is not None:
                self._marks.finish(self._aside)

    def _arguments(self) -> list[str]:
        height, width = self._shape[0] + self._shape[0] % 2, self._shape[1] + self._shape[1] % 2
        arguments = ["-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
        arguments += ["-framerate", str(self._fps), "-i", "pipe:0"]
        arguments += ["-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd,format=yuv420p"]
        arguments += ["-c:v", "libx264", "-preset", "medium", "-crf", str(self._crf), "-x264-params", "threads=4"]
        arguments += ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
        return [*arguments, "-color_range", "tv", "-flags:v", "+bitexact", *self._target(self._picture or self._aside)]

    def _add_sound(self, picture: Path) -> None:
        """Lay the sound under the finished picture: only then is its length known."""
        assert self._sound is not None
        length_s = self.frames / self._fps
        source = choose_sound(self._sound, self._audio_track, say=False)
        arguments = ["-y", *input_arguments(picture), *input_arguments(self._sound)]
        arguments += ["-map", "0:v:0", "-map", f"1:a:{source.track}", "-c:v", "copy"]
        arguments += ["-af", f"{source.filters}apad", "-c:a", "aac", "-b:a", "128k", "-flags:a", "+bitexact"]
        arguments += ["-t", f"{length_s:.6f}", *self._target(self._aside)]
        doing = f"{self.path} could not be given its sound"
        try:
            run(arguments, STALL_S + length_s, doing)
        except DataError:  # values that are no numbers, say, on which the encoder ends: once more with them mended
            place, mended = arguments.index(f"file:{self._sound.absolute()}"), self._mended(self._sound)
            arguments[place] = f"file:{mended.absolute()}"
            arguments[arguments.index(f"1:a:{source.track}")], arguments[arguments.index("-af") + 1] = "1:a:0", "apad"
            run(arguments, STALL_S + length_s, doing)

    def _mended(self, sound: Path) -> Path:
        mended = self._aside.with_suffix(".wav")
        self._stack.callback(mended.unlink, missing_ok=True)
        write_wav(mended, read_wav(sound, 48_000, track=self._audio_track), 48_000)
        return mended

    def _target(self, file: Path) -> list[str]:
        plain = ["-fflags", "+bitexact", "-map_metadata", "-1", "-movflags", "+faststart"]
        plain += film_arguments(self._marks.tags()) if self._marks is not None else []
        return [*plain, "-f", "mp4", f"file:{file.absolute()}"]

    def _sound_file(self, stack: ExitStack) -> Path:
        if not isinstance(self._audio, np.ndarray):
            file = existing_file(str(self._audio))
            if not read_header(file).of_kind("Audio"):
                raise DataError(f"{self._audio} has no sound.")
            return file
        sound = self._aside.with_suffix(".wav")
        stack.callback(sound.unlink, missing_ok=True)
        write_wav(sound, self._audio, self._audio_rate)
        return sound
