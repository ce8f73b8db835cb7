"""Draw landmarks saved by `scripts/infer_postnet.sh` as a video with their sound.

    python utils/visualization/lm_visualizer.py --npy_name=infer_out/May/pred_lm3d/zozo.npy \\
        --audio_name=data/raw/val_wavs/zozo.wav --out_path=infer_out/May/visualized_lm3d/zozo.mp4

Several files are drawn side by side, or over each other with --overlaid.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

if __name__ == "__main__":  # not this script's folder, which hides the packages beside it, but the repository
    sys.path[: not sys.flags.safe_path] = [str(Path(__file__).resolve().parents[2])]

import numpy as np

from utils.arguments import Flag, Several
from utils.command import Command, Door, run_command
from utils.config.schema import Config
from utils.errors import DataError, UserError
from utils.files.ownership import refuse_input_as_output


class LandmarksCommand(Config):
    npy_name: Annotated[tuple[Path, ...], Several()] = (Path("infer_out/May/pred_lm3d/zozo.npy"),)
    """[1, T, 204] or [T, 68, 3] .npy, one or several"""
    audio_name: Path | None = Path("data/raw/val_wavs/zozo.wav")
    """the sound, any format; '' for none"""
    out_path: Path = Path("infer_out/May/visualized_lm3d/3d_landmark.mp4")
    """the mp4 to write, or a folder"""
    labels: Annotated[tuple[str, ...], Several()] = ()
    """a name for each .npy (its file name)"""
    size: int = 512
    """side of one face in pixels, 32 to 4096"""
    numbers: bool = False
    """write each point's number, from 0"""
    no_lines: Annotated[bool, Flag("no-lines")] = False
    """points only"""
    overlaid: bool = False
    """draw several over each other, not side by side"""
    mouth: bool = False
    """the mouth alone, three times as large"""


DOOR = Door(
    "utils/visualization/lm_visualizer.py",
    "Draw landmarks (.npy) as a video with sound.",
    (
        Command("", LandmarksCommand, "utils.visualization.lm_visualizer:draw",
                "draw landmarks (.npy) as a video with sound"),
    ),
)  # fmt: skip


def read_landmarks(path: str | Path) -> np.ndarray:
    """Read `landmarks` (T, 68, 3) from an .npy file in any of the layouts in use.

    Raises:
        DataError: The file is missing, is no plain array, has another shape, or a value that is not finite.
    """
    from utils.drawing.landmarks import as_landmarks
    from utils.files.arrays import load_array

    if not Path(path).exists():
        raise DataError(f"No landmarks at {path}. Make them with: bash scripts/infer_postnet.sh VIDEO_ID AUDIO {path}")
    try:
        landmarks = as_landmarks(load_array(path, "landmarks"))
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    if not len(landmarks):
        raise DataError(f"{path}: holds no frame")
    return landmarks


def visualize(
    files: list[str],
    audio: str,
    out_path: str,
    *,
    labels: list[str] | None = None,
    size: int = 512,
    numbers: bool = False,
    lines: bool = True,
    overlaid: bool = False,
    mouth: bool = False,
) -> Path:
    """Write the video and return its path; an `out_path` without a suffix is a folder for `3d_landmark.mp4`.

    Raises:
        DataError: The landmarks or the sound are not there or cannot be read.
    """
    from utils.drawing.landmarks import draw_sequences
    from utils.media.video import VideoWriter

    names = labels or [Path(file).stem for file in files]
    if len(names) != len(files):
        raise UserError(f"{len(files)} files but {len(names)} labels: give one label a file.")
    if not 32 <= size <= 4096:
        raise UserError(f"--size {size}: from 32 to 4096 pixels.")
    if audio and not Path(audio).is_file():
        raise DataError(f"No sound at {audio}. Give --audio_name a file, or --audio_name '' for a silent video.")
    unique = [name if names.count(name) == 1 else f"{index + 1}: {name}" for index, name in enumerate(names)]
    sequences = {name: read_landmarks(file) for name, file in zip(unique, files, strict=True)}
    out = Path(out_path) if Path(out_path).suffix else Path(out_path) / "3d_landmark.mp4"
    refuse_input_as_output(out, files, "--out_path")
    frames = draw_sequences(sequences, size, overlaid=overlaid, numbered=numbers, lines=lines, mouth=mouth)
    first = next(frames)
    with VideoWriter(out, first.shape[0], first.shape[1], audio=audio or None) as video:
        video.write(first)
        for frame in frames:
            video.write(frame)
    return out


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return DOOR.main(words)


def draw(given: LandmarksCommand) -> None:
    """Draw, and print where the video is."""
    out = visualize(
        [str(path) for path in given.npy_name],
        str(given.audio_name or ""),
        str(given.out_path),
        labels=list(given.labels),
        size=given.size,
        numbers=given.numbers,
        lines=not given.no_lines,
        overlaid=given.overlaid,
        mouth=given.mouth,
    )
    print(out)


if __name__ == "__main__":
    run_command(main)
