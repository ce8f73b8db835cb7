"""Lay frames of a video out in one picture, so that a look tells whether the mouth moves.

python utils/visualization/contact_sheet.py infer_out/demo/demo.mp4 infer_out/demo/demo.png --every 3 --count 24
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if sys.path and Path(sys.path[0] or ".").resolve() == Path(__file__).resolve().parent:
    sys.path[0] = str(ROOT)

from utils.command import run_command, whole  # noqa: E402
from utils.errors import DataError  # noqa: E402
from utils.files.ownership import refuse_input_as_output  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    out = argparse.ArgumentParser(description="Lay frames of a video out in one picture.")
    out.add_argument("video", help="any video")
    out.add_argument("out", help="the PNG to write")
    out.add_argument("--start", type=whole(0), default=0, help="first frame (0)")
    out.add_argument("--every", type=whole(1), default=3, help="take every so many frames (3)")
    out.add_argument("--count", type=whole(1, 10_000), default=24, help="frames in the picture (24)")
    out.add_argument("--columns", type=whole(1, 1000), default=8, help="frames a row (8)")
    out.add_argument("--size", type=whole(16, 2048), default=160, help="height of a frame in the picture, pixels (160)")
    return out


def main(argv: list[str] | None = None) -> int:
    """Write one contact sheet and print its path."""
    import cv2
    import numpy as np

    from utils.drawing.canvas import contact_sheet
    from utils.files.aside import write_aside
    from utils.media.video import read_frames
    from utils.rates import FPS

    given = parser().parse_args(argv)
    if Path(given.out).suffix.lower() != ".png":
        raise DataError(f"{given.out}: the picture is a PNG; end its name in .png")
    refuse_input_as_output(Path(given.out), [given.video])
    wanted = given.every * given.count
    pictures, labels = [], []
    for number, frame in enumerate(read_frames(given.video, fps=FPS, start=given.start, count=wanted)):
        if number % given.every == 0:
            pictures.append(np.array(frame))
            labels.append(f"{(given.start + number) / FPS:.2f} s")
    if not pictures:
        raise DataError(f"{given.video} has no frame from {given.start} on.")
    sheet = contact_sheet(pictures, labels, columns=given.columns, size=given.size)
    with write_aside(Path(given.out)) as aside:
        cv2.imwrite(str(aside), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    print(given.out)
    return 0


if __name__ == "__main__":
    run_command(main)
