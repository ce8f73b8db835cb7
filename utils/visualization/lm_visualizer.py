"""Draw landmarks saved by `scripts/infer_postnet.sh` as a video with their sound.

    python utils/visualization/lm_visualizer.py --npy_name=infer_out/May/pred_lm3d/zozo.npy \\
        --audio_name=data/raw/val_wavs/zozo.wav --out_path=infer_out/May/visualized_lm3d/zozo.mp4

Several files are drawn side by side, or over each other with --overlaid.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    # A script's own folder comes first on the path; put the repository there instead.
    sys.path[0] = str(ROOT)

import numpy as np  # noqa: E402

from utils.command import run_command  # noqa: E402
from utils.errors import DataError, UserError  # noqa: E402

NPY = "infer_out/May/pred_lm3d/zozo.npy"
AUDIO = "data/raw/val_wavs/zozo.wav"
OUT = "infer_out/May/visualized_lm3d/3d_landmark.mp4"


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="lm_visualizer.py", description="Draw landmarks (.npy) as a video with sound."
    )
    parser.add_argument(
        "--npy_name", nargs="+", default=[NPY], help=f"[1, T, 204] or [T, 68, 3] .npy, one or several ({NPY})"
    )
    parser.add_argument("--audio_name", default=AUDIO, help=f"the sound, any format; '' for none ({AUDIO})")
    parser.add_argument("--out_path", default=OUT, help=f"the mp4 to write, or a folder ({OUT})")
    parser.add_argument("--labels", nargs="+", help="a name for each .npy (its file name)")
    parser.add_argument("--size", type=int, default=512, help="side of one face in pixels (512)")
    parser.add_argument("--numbers", action="store_true", help="write each point's number, from 0")
    parser.add_argument("--no-lines", action="store_true", help="points only")
    parser.add_argument("--overlaid", action="store_true", help="draw several over each other, not side by side")
    parser.add_argument("--mouth", action="store_true", help="the mouth alone, three times as large")
    return parser


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
    """Write the video and return its path; an `out_path` without a suffix is a folder for `3d_landmark.mp4`."""
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
    frames = draw_sequences(sequences, size, overlaid=overlaid, numbered=numbers, lines=lines, mouth=mouth)
    first = next(frames)
    with VideoWriter(out, first.shape[0], first.shape[1], audio=audio or None) as video:
        video.write(first)
        for frame in frames:
            video.write(frame)
    return out


def main() -> int:
    """Read the command line, draw, and print where the video is."""
    given = arguments().parse_args()
    out = visualize(
        given.npy_name,
        given.audio_name,
        given.out_path,
        labels=given.labels,
        size=given.size,
        numbers=given.numbers,
        lines=not given.no_lines,
        overlaid=given.overlaid,
        mouth=given.mouth,
    )
    print(out)
    return 0


if __name__ == "__main__":
    run_command(main)
