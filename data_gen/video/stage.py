"""What a stage of a video is, and what it finds on its bench: the job, and what the stages before it have left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.stages import Done, Tick
from data_gen.video.job import VideoJob
from data_gen.video.sections.left_out import kept
from utils.files.arrays import load_arrays
from utils.media.picture_file import Pictures, open_pictures


@dataclass(frozen=True)
class Bench:
    """What a stage works on.

    Attributes:
        job: What to make of which video.
        done: The stages done before, by name.
        video_stamp: `stamp` of the video when the run began.
    """

    job: VideoJob
    done: Mapping[str, Done]
    video_stamp: tuple[int, int, int]

    def pictures(self, stage: str, name: str) -> Pictures:
        """Open the pictures of that name that a stage wrote, one a frame.

        Raises:
            DataError: They are gone or damaged; names the stage to do again.
        """
        return open_pictures(self.done[stage].folder, name, f"Run the command again with --redo {stage}.")

    def arrays(self, stage: str) -> dict[str, np.ndarray]:
        """Read the small arrays (T, ...) that a stage wrote; `DataError` when they are missing or damaged."""
        return load_arrays(self.done[stage].folder / "arrays.safetensors")

    def summary(self, stage: str) -> dict[str, Any]:
        """Return what a stage said of its work."""
        return self.done[stage].summary

    def left_out(self) -> list[tuple[int, int]]:
        """Return the [start, stop) runs of frames that are not used: no face was seen in them."""
        return [(start, stop) for start, stop in self.summary("landmarks").get("left_out", [])]

    def cuts(self) -> list[int]:
        """Return the first frame of every new shot; what is left out is a shot of its own."""
        runs = self.left_out()
        inside = {frame for start, stop in runs for frame in range(start, stop)}
        return sorted({*self.summary("cuts")["cuts"]} - inside | {edge for run in runs for edge in run})

    def kept(self) -> NDArray[np.bool_]:
        """Return (T,) which frames are used."""
        return kept(self.summary("convert")["frames"], self.left_out())


def _no_settings(job: VideoJob) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Stage:
    """A row of the table of stages. All but `work` goes into the digest that tells whether a stage must be done again.

    Attributes:
        name: Of the stage and of its folder.
        version: Raised when `work` makes something else of the same input; it stands beside that function.
        work: Writes into the folder given and returns the summary (what JSON holds).
        needs: The stages it builds on.
        settings: What of the job, and of this machine, decides what is made.
    """

    name: str
    version: int
    work: Callable[[Bench, Path, Tick], dict[str, Any]]
    needs: tuple[str, ...] = ()
    settings: Callable[[VideoJob], dict[str, Any]] = _no_settings
