"""How well footage is played on and on: turns that are not seen, and a person who speaks while there is speech.

    python -m tests.benchmarks.route ID SOUND... [--seconds 60] [--strips FOLDER]

A person's footage is played for each sound as a portrait plays it, and forth and back, as it is played elsewhere.
Columns, mean / greatest at the turns over what the footage does from frame to frame in 99 of 100 (1 is as much):
`steps`, the way of the head; `jolts`, how much its velocity changes; `eyes`, how far they are open; `picture`, what is
seen outside the lower face. Then how many turns there are a minute, in what share of the frames the footage speaks or
rests as the sound does, in what share of the sound's pauses it rests, what share is played backwards, and CPU seconds
a minute of film.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from data_gen.video.dataset import VideoDataset, open_video
from tasks.speaking.head_pose import HeadMotion
from tasks.speaking.settings import InferSettings, PostSettings
from tasks.speaking.silence import silence_weight
from tasks.speaking.sound import Sound
from tasks.speaking.turns import SHARE, path_of
from utils.arrays import Bytes, Floats, Ints
from utils.faces.landmarks import JAW, NOSE, eye_opening
from utils.media.pictures import fitted, write_picture
from utils.rates import FPS

WAYS = ("steps", "jolts", "eyes", "picture")
SIDE, NEIGHBOURS = 128, 200
"""Height at which pictures are compared, and how many pairs of neighbours say what is usual."""


class Judge:
    """Judge how the longest shot of some footage is played."""

    def __init__(self, video: VideoDataset) -> None:
        self.video = video
        start, stop = max(video.shots("all"), key=lambda shot: (shot[1] - shot[0], -shot[0]))
        self.places = path_of(video, 0, len(video)).places
        self.lids = eye_opening(video.landmarks)
        self.rests = silence_weight(video.audio("rms"), len(video), PostSettings())
        every = np.arange(start + 1, stop - 1)
        some = every[:: max(1, len(every) // NEIGHBOURS)]
        changes = {**self._changes(every - 1, every, every + 1), "picture": self._pictures(some, some + 1)}
        self.usual = {name: max(float(np.percentile(values, SHARE)), 1e-9) for name, values in changes.items()}

    def _changes(self, before: Ints, here: Ints, after: Ints) -> dict[str, Floats]:
        places, lids = self.places, self.lids
        return {
            "steps": np.linalg.norm(places[after] - places[here], axis=1),
            "jolts": np.linalg.norm(places[after] - 2 * places[here] + places[before], axis=1),
            "eyes": np.abs(lids[after] - lids[here]),
        }

    def _pictures(self, here: Ints, after: Ints) -> Floats:
        return np.array([self._difference(int(one), int(other)) for one, other in zip(here, after, strict=True)])

    def _difference(self, one: int, other: int) -> float:
        """Return the mean difference of two frames outside the box of the lower face, of 255."""
        meta = self.video.meta
        size = (SIDE, round(SIDE * meta.width / meta.height))
        first, second = (fitted(self.video.frames[frame], *size).astype(np.float32) for frame in (one, other))
        points = self.video.landmarks_px[[one, other]] * (SIDE / meta.height)
        (x0, x1), y0 = (points[:, JAW, 0].min(), points[:, JAW, 0].max()), points[:, NOSE.start + 3, 1].min()
        outside = np.ones(size, bool)
        outside[max(0, int(y0)) : int(points[:, JAW, 1].max()) + 2, max(0, int(x0)) : int(x1) + 1] = False
        return float(np.abs(first - second)[outside].mean())

    def figures(self, shown: Ints, silence: Floats) -> dict[str, float]:
        """Return the columns for the frames that are shown (T,), of a sound in which nobody speaks by (T,)."""
        at, pauses, rests = turns_of(shown), silence > 0.5, self.rests[shown] > 0.5
        figures = {
            "turns": len(at) / len(shown) * 60 * FPS,
            "agree": float((rests == pauses).mean()),
            "pauses": float(rests[pauses].mean()) if pauses.any() else 1.0,
            "back": float((np.diff(shown) == -1).mean()),
        }
        changes = self._changes(shown[at - 1], shown[at], shown[at + 1])
        for name, values in {**changes, "picture": self._pictures(shown[at], shown[at + 1])}.items():
            mean, most = (float(values.mean()), float(values.max())) if len(at) else (0.0, 0.0)
            figures |= {f"{name}, mean": mean / self.usual[name], f"{name}, most": most / self.usual[name]}
        return figures

    def strip(self, shown: Ints, at: int, around: int = 4) -> Bytes:
        """Return the frames around a turn side by side, and below them how it differs from the one before, times 4."""
        wanted = shown[max(0, at - around) : at + around + 1]
        pictures = [self.video.frames[int(frame)][::2, ::2] for frame in wanted]
        before = np.concatenate([pictures[0], *pictures[:-1]], axis=1).astype(int)
        row = np.concatenate(pictures, axis=1)
        return np.concatenate([row, np.minimum(4 * np.abs(row - before), 255)]).astype(np.uint8)


def turns_of(shown: Ints) -> Ints:
    """Return the frames of the film (K,) after which the footage is played on in the other direction."""
    steps = np.diff(shown)
    return 1 + np.flatnonzero(steps[1:] != steps[:-1])


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("id")
    parser.add_argument("sounds", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=60, help="sounds are repeated until they last so long")
    parser.add_argument("--strips", type=Path, help="write the frames around every turn into this folder")
    args = parser.parse_args(words)
    judge = Judge(open_video(args.id))
    ways = "".join(f"{way:>12}" for way in WAYS)
    print(f"{'':34}{ways}{'turns':>7}{'agree':>7}{'pauses':>8}{'back':>6}{'s':>6}")
    for path in args.sounds:
        with Sound(path) as sound:
            silence = np.resize(silence_weight(sound.rms(), sound.frames, PostSettings()), round(args.seconds * FPS))
        for name, compose in (("forth and back", "head"), ("portrait", "portrait")):
            began = time.process_time()
            motion = HeadMotion(judge.video, InferSettings(infer_compose=compose))
            motion.hear(silence)
            shown = motion.frames(0, len(silence)).frame_ids
            seconds = (time.process_time() - began) * 60 / args.seconds
            found = judge.figures(shown, silence)
            columns = "".join(f"{found[f'{way}, mean']:6.2f}/{found[f'{way}, most']:5.2f}" for way in WAYS)
            print(
                f"{path.stem[:18]:19}{name:15}{columns}{found['turns']:7.1f}{found['agree']:7.2f}{found['pauses']:8.2f}"
                f"{found['back']:6.2f}{seconds:6.2f}"
            )
        if args.strips:
            for at in turns_of(shown).tolist():
                write_picture(args.strips / f"{path.stem}_{at:05d}.png", judge.strip(shown, at))


if __name__ == "__main__":
    main()
