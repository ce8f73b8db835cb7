"""Lay frames of a video out in one picture, so that a look tells whether the mouth moves; of a made video it says so.

python utils/visualization/contact_sheet.py infer_out/demo/demo.mp4 infer_out/demo/demo.png --every 3 --count 24
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

if __name__ == "__main__":  # not this script's folder, which hides the packages beside it, but the repository
    sys.path[: not sys.flags.safe_path] = [str(Path(__file__).resolve().parents[2])]

from pydantic import Field

from utils.arguments import Positional
from utils.command import Command, Door, run_command
from utils.config.schema import Config, Count, Whole
from utils.errors import DataError
from utils.files.ownership import refuse_input_as_output


class SheetCommand(Config):
    video: Annotated[Path, Positional()]
    """any video"""
    out: Annotated[Path, Positional()]
    """the PNG to write"""
    start: Whole = 0
    """first frame"""
    every: Count = 3
    """take every so many frames"""
    count: Annotated[int, Field(ge=1, le=10_000)] = 24
    """frames in the picture"""
    columns: Annotated[int, Field(ge=1, le=1000)] = 8
    """frames a row"""
    size: Annotated[int, Field(ge=16, le=2048)] = 160
    """height of a frame in the picture, pixels"""


DOOR = Door(
    "utils/visualization/contact_sheet.py",
    "Lay frames of a video out in one picture.",
    (Command("", SheetCommand, "utils.visualization.contact_sheet:write", "lay frames of a video out in one picture"),),
)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return DOOR.main(words)


def write(given: SheetCommand) -> None:
    """Write one contact sheet and print its path.

    Raises:
        DataError: The picture is no PNG, or the video has no frame there.
    """
    import numpy as np

    from utils.drawing.canvas import contact_sheet
    from utils.media.marks.passed_on import passed_on
    from utils.media.pictures import write_picture
    from utils.media.video import read_frames
    from utils.rates import FPS

    if given.out.suffix.lower() != ".png":
        raise DataError(f"{given.out}: the picture is a PNG; end its name in .png")
    refuse_input_as_output(given.out, [given.video])
    wanted = given.every * given.count
    pictures, labels = [], []
    for number, frame in enumerate(read_frames(given.video, fps=FPS, start=given.start, count=wanted)):
        if number % given.every == 0:
            pictures.append(np.array(frame))
            labels.append(f"{(given.start + number) / FPS:.2f} s")
    if not pictures:
        raise DataError(f"{given.video} has no frame from {given.start} on.")
    sheet = contact_sheet(pictures, labels, columns=given.columns, size=given.size)
    write_picture(given.out, sheet, passed_on(given.video))
    print(given.out)


if __name__ == "__main__":
    run_command(main)
