"""Pictures of a dataset as lossless video (FFV1), and back to mapped arrays: every pixel is what it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.errors import DataError
from utils.files.arrays import map_new_array
from utils.media.ffmpeg import Stream, input_arguments
from utils.media.picture_file import Pictures
from utils.media.video import probe
from utils.progress import Progress
from utils.rates import FPS


def write_lossless(pictures: Pictures, out: Path, title: str) -> None:
    """Write (T, H, W, 3) RGB or (T, H, W) pictures as FFV1 in Matroska, the same bytes for the same pictures."""
    count, height, width = pictures.shape[:3]
    colour = pictures.ndim == 4
    arguments = ["-y", "-f", "rawvideo", "-pix_fmt", "rgb24" if colour else "gray", "-s", f"{width}x{height}"]
    arguments += ["-framerate", str(FPS), "-i", "pipe:0", "-pix_fmt", "bgr0" if colour else "gray", "-c:v", "ffv1"]
    arguments += ["-level", "3", "-g", "1", "-slices", "4", "-slicecrc", "1", "-threads", "1"]
    arguments += ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-f", "matroska", f"file:{out.absolute()}"]
    with Stream(arguments, writing=True) as stream, Progress(title, count) as bar:
        try:
            for picture in pictures:
                stream.write(np.ascontiguousarray(picture).data.cast("B"))
                bar.step()
        except BrokenPipeError:
            pass  # ffmpeg says why when it is asked how it ended
        if stream.finish() != 0:
            raise DataError(f"{out} could not be written: {stream.last_message()}")


def read_lossless(file: Path, out: Path, shape: tuple[int, ...], title: str) -> None:
    """Decode a video of exactly `shape`, (T, H, W, 3) or (T, H, W), into an `.npy` that is mapped while it is filled.

    Raises:
        DataError: It holds another number of pictures, or of another size.
    """
    info = probe(file)
    if (info.height, info.width) != shape[1:3]:
        raise DataError(f"{file.name}: its pictures are {info.width}x{info.height}, not {shape[2]}x{shape[1]}.")
    arguments = [*input_arguments(file), "-map", "0:v:0", "-f", "rawvideo"]
    arguments += ["-pix_fmt", "rgb24" if len(shape) == 4 else "gray", "-frames:v", str(shape[0] + 1), "-"]
    mapped = map_new_array(out, shape)
    with Stream(arguments) as stream, Progress(title, shape[0]) as bar:
        for picture in mapped:
            if stream.read_into(memoryview(picture.reshape(-1))) != picture.size:
                raise DataError(f"{file.name}: it has fewer pictures than {shape[0]}.")
            bar.step()
        if stream.read_into(memoryview(bytearray(1))):
            raise DataError(f"{file.name}: it has more pictures than {shape[0]}.")
        if stream.finish() != 0:
            raise DataError(f"{file.name} cannot be read: {stream.last_message()}")
    mapped.flush()
