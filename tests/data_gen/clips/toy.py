"""A stand-in for tracking faces: what a clip becomes is a function of its file's size, and takes a moment."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from data_gen.clips import run
from data_gen.clips.plan import ClipJob
from data_gen.clips.process import Arrays, ClipRecipe
from tests.patience import HANG_S
from utils.arguments import read_words
from utils.media.video import VideoWriter

NAMES = [f"{speaker}/{number}.mp4" for speaker in ("anna", "bert") for number in range(3)] + ["carl/none.mp4"]


def make_videos(folder: Path, names: list[str], seconds: float = 1.0) -> Path:
    """Write small videos with sound, each of another grey."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        sound = np.sin(np.arange(int(16_000 * seconds)) * (0.05 + 0.01 * number)).astype(np.float32)
        with VideoWriter(folder / name, 32, 32, audio=sound) as out:
            for frame in range(round(25 * seconds)):
                out.write(np.full((32, 32, 3), 10 * number + frame, np.uint8))
    return folder


def toy_clip(job: ClipJob, recipe: ClipRecipe) -> Arrays | str:
    """Make a clip whose numbers say which file and frame they are of; `none` in the name has no face."""
    if job.id == os.environ.get("TOY_HANGS"):
        time.sleep(HANG_S)
    if log := os.environ.get("TOY_LOG"):
        with open(log, "a") as file:
            file.write(f"{job.id}\n")
    if "none" in job.id:
        return "no face in any of 25 frames."
    if "deadly" in job.id:
        os.kill(os.getpid(), signal.SIGKILL)
    frames = job.frames or 25
    rng = np.random.default_rng([Path(job.video).stat().st_size, job.first])
    return {
        "landmarks": rng.normal(size=(frames, 68, 3)).astype(np.float32),
        "pitch_hz": np.zeros(2 * frames, np.float32),
        **{name: rng.normal(size=(2 * frames, 80)).astype(np.float32) for name in recipe.features},
    }


def build(words: list[str]) -> int:
    """Run the command with `toy_clip` in place of tracking; one worker is this process, which need not be started."""
    words = [*words, "--detector", "dlib", "--audio_features", "mel"]
    settings = read_words(run.ClipsCommand, words, "clips")
    with pytest.MonkeyPatch.context() as patch:
        if settings.workers == 1:
            patch.setattr(run, "make_here", lambda work, jobs, recipe, _: ((job, work(job, recipe)) for job in jobs))
        return run.main(settings, work=toy_clip)


def words(videos: Path, out: Path, *more: str) -> list[str]:
    """Return the command's words for a corpus in shards of three clips."""
    return ["--videos", str(videos), "--out", str(out), "--per_shard", "3", "--workers", "1", *more]


def files_of(folder: Path) -> dict[str, str]:
    """Return a digest of every file under a folder, so that what differs is told by its name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def a_clip(frames: int, value: float) -> dict[str, np.ndarray]:
    """Make a clip whose every row says where it is from: frame number + `value`."""
    place = np.arange(frames, dtype=np.float32) + value
    rows = np.repeat(place, 2)
    return {
        "landmarks": np.tile(place[:, None, None], (1, 68, 3)),
        "mel": np.tile(rows[:, None], (1, 80)),
        "pitch_hz": rows,
    }


if __name__ == "__main__":
    from tests.data_gen.clips import toy

    toy.build(sys.argv[1:])
