"""Train one person's talking head: six tasks, each in a process of its own, each skipped when it is done.

On a processor two are trained at a time: what moves the face beside what draws it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from data_gen.video.dataset import VideoDataset
from tasks.core.checkpoints import finished_updates, work_dir_of
from tasks.person.order import Order, time_of
from tasks.person.plan import Step, is_finished, is_outdated, plan
from tasks.person.runs import NEEDS, STAGES
from utils.errors import ConfigError
from utils.files.tables import read_json, write_json
from utils.paths import as_typed, show_path
from utils.processes.children import Children
from utils.processes.manner import is_quiet
from utils.processes.workers import cores

log = logging.getLogger(__name__)
UPDATE_S = {"syncnet": 0.13, "lm3d_vae_sync": 0.15, "postnet": 0.25, "lm3d_nerf": 0.12, "lm3d_nerf_torso": 0.05,
            "lm3d_nerf_portrait": 0.25}  # fmt: skip
"""Seconds an update takes on two cores, roughly: a first guess, corrected by what is measured."""
PRESET = "preset.json"
"""File beside a person's runs: which recipes they were begun with."""
START_S = 12.0
"""Seconds to start a stage: imports and opening data."""


def train_person(
    video_id: str,
    *,
    preset: str = "",
    settings: Sequence[str] = (),
    binary_dir: str = "",
    reset: bool = False,
    dry_run: bool = False,
) -> int:
    """Train what is not trained yet and return 0, or the exit code of the stage that failed.

    Args:
        video_id: Whose video.
        preset: Which recipes: person (a GPU or a night), person_small (two cores), demo. When empty, those that the
            person was begun with, or person.
        settings: As for `plan`.
        binary_dir: As for `plan`.
        reset: Train every stage anew; old runs are set aside.
        dry_run: Say what would be trained and for how long, and train nothing.

    Raises:
        ConfigError: The person was begun with another preset, whose networks are others.
        DataError: The person was unpacked, and there is no footage to train on.
    """
    footage = Path(binary_dir or "data/binary/videos") / video_id
    if (footage / "meta.json").is_file():
        VideoDataset(footage).refuse_unpacked()
    preset = choose_preset(video_id, preset, reset=reset)
    stages = plan(video_id, preset, settings, binary_dir, reset=reset)
    if not dry_run:
        write_json(work_dir_of(f"{video_id}/{PRESET}"), {"preset": preset})
    at_once = 2 if not dry_run and trains_side_by_side() else 1
    trainings = Trainings(video_id, stages, at_once, reset=reset, dry_run=dry_run)
    if dry_run:
        trainings.row()
        say("nothing was trained (--dry_run); times are those of two cores", result=True)
        return 0
    rows = [partial(trainings.row, hears=hears) for hears in (True, False)[:at_once]]
    if code := trainings.children.rows(rows):
        return code
    speak = f"bash scripts/infer_talking_head.sh {video_id} speech.wav infer_out/{video_id}/speech.mp4"
    say(f"{video_id} is ready: {speak}", result=True)
    return 0


def trains_side_by_side() -> bool:
    """Tell whether two stages at once are quicker than one: on processors, where one hardly uses a second core."""
    import torch

    return cores() > 1 and not torch.cuda.is_available()


class Trainings:
    """Train stages that are not trained yet, each in a process of its own.

    Args:
        video_id: Whose.
        stages: All there are.
        at_once: How many are trained at a time.
        reset, dry_run: As for `train_person`.
    """

    def __init__(
        self, video_id: str, stages: Sequence[Step], at_once: int, *, reset: bool, dry_run: bool
    ) -> None:
        self.video_id, self.stages, self.at_once, self.reset, self.dry_run = video_id, stages, at_once, reset, dry_run
        self.order = Order(stages)
        self.children = Children()
        self.clock = Clock()
        self.trained: set[str] = set()

    def row(self, *, hears: bool | None = None) -> int:
        """Train stage after stage, first those that listen or those that do not; return 0, or what one failed with."""
        try:
            while (stage := self.order.next(hears=hears)) is not None:
                if code := self._stage(stage):
                    return code
                self.order.done(stage)
            return 0
        finally:
            self.order.stop()  # nothing is left, or what failed is needed, or all are asked to leave

    def _stage(self, stage: Step) -> int:
        work_dir = self._work_dir(stage)
        title = f"[{self.stages.index(stage) + 1}/{len(self.stages)}] {stage.name}"
        needs = set(NEEDS.get(stage.name, ()))
        outdated = bool(needs and finished_updates(work_dir) and (self.trained & needs or is_outdated(work_dir)))
        if not self.reset and not outdated and is_finished(stage, work_dir):
            say(f"{title}: done before ({finished_updates(work_dir)} updates, {show_path(work_dir)})")
            return 0
        if outdated:
            say(f"{title}: what it was trained with is new, so it is trained anew (the old run is set aside)")
        begun = 0 if self.reset or outdated else finished_updates(work_dir)
        length = f"{max(0, stage.updates - begun)} updates, about {self.clock.of(stage, begun)}"
        say(f"{title}: {length}; {self._left(stage)} over all", result=self.dry_run)
        if self.dry_run:
            self.trained.add(stage.name)
            return 0
        began = time.monotonic()
        command = stage.command(f"{self.video_id}/{stage.name}", reset=self.reset or outdated)
        if code := self._run(stage, command):
            if not self.children.leaving:
                again = "the same command goes on from the last checkpoint"
                log.error("%s stopped with exit code %d; mend what it says above, then %s.", stage.name, code, again)
            return code
        if finished_updates(work_dir) > begun:
            self.clock.measured(stage, time.monotonic() - began, begun)
            self.trained.add(stage.name)
        return 0

    def _run(self, stage: Step, command: list[str]) -> int:
        if self.at_once == 1:
            return self.children.run(command)
        # As many threads from first to last: with others, a run that is resumed would end a little elsewhere.
        threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, cores() // self.at_once))
        return self.children.run(command, stage.name, {"OMP_NUM_THREADS": threads})

    def _left(self, stage: Step) -> str:
        """Say how long it takes from a stage on."""
        later = self.stages[self.stages.index(stage) :]
        undone = [s for s in later if s is stage or self.reset or not is_finished(s, self._work_dir(s))]
        return f"about {duration(time_of(undone, self.clock.seconds, self.at_once))}"

    def _work_dir(self, stage: Step) -> Path:
        return work_dir_of(f"{self.video_id}/{stage.name}")


def choose_preset(video_id: str, preset: str, *, reset: bool) -> str:
    """Return the preset to train with: the one that was given, or the one that the person was begun with.

    Raises:
        ConfigError: They are not the same, and something is trained already.
    """
    file = work_dir_of(f"{video_id}/{PRESET}")
    note = read_json(file) if file.is_file() else None
    begun = note.get("preset") if isinstance(note, dict) else None
    if note is not None and not isinstance(begun, str):
        raise ConfigError(f"{file} names no preset. Delete it, and give the --preset that {video_id} was begun with.")
    if begun is None or not any(finished_updates(work_dir_of(f"{video_id}/{name}")) for name in STAGES):
        return preset or "person"
    if preset not in ("", begun) and not reset:
        raise ConfigError(
            f"{video_id} was begun with --preset {begun}, whose networks are others than those of --preset {preset}. "
            "Leave --preset away to go on, or add --reset to train anew (the old runs are set aside)."
        )
    return preset or begun


def say(text: str, *, result: bool = False) -> None:
    """Tell the person at the terminal, ahead of what the child will print; how far it is only where that is wanted."""
    if result or not is_quiet():
        print(as_typed(text) + "\n", end="", flush=True)  # in one piece: rows of stages speak at once


class Clock:
    """Guess the time that is left, by what has been measured so far."""

    def __init__(self) -> None:
        self.guessed = self.took = 0.0

    def seconds(self, stage: Step, begun: int = 0) -> float:
        """Guess how long a stage takes from update `begun` on."""
        ratio = self.took / self.guessed if self.guessed else 1.0
        return ratio * (START_S + UPDATE_S[stage.name] * max(0, stage.updates - begun))

    def of(self, stage: Step, begun: int = 0) -> str:
        """Say how long a stage takes."""
        return duration(self.seconds(stage, begun))

    def measured(self, stage: Step, seconds: float, begun: int) -> None:
        """Learn from a stage that took `seconds`."""
        self.guessed += START_S + UPDATE_S[stage.name] * max(0, stage.updates - begun)
        self.took += seconds


def duration(seconds: float) -> str:
    """Write a length of time as a person would."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
