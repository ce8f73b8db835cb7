"""Train one person's talking head: six tasks in order, each in a process of its own, each skipped when it is done."""

from __future__ import annotations

import logging
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from data_gen.video.dataset import VideoDataset
from tasks.core.checkpoints import finished_updates, work_dir_of
from tasks.person.plan import Step, is_finished, is_outdated, plan
from tasks.person.runs import NEEDS, STAGES
from utils.errors import ConfigError
from utils.files.tables import read_json, write_json
from utils.paths import as_typed, show_path
from utils.processes.manner import is_quiet

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
    stages = plan(video_id, preset, settings, binary_dir)
    if not dry_run:
        write_json(work_dir_of(f"{video_id}/{PRESET}"), {"preset": preset})
    clock = Clock()
    trained: set[str] = set()
    for number, stage in enumerate(stages, 1):
        exp_name = f"{video_id}/{stage.name}"
        work_dir = work_dir_of(exp_name)
        title = f"[{number}/{len(stages)}] {stage.name}"
        needs = set(NEEDS.get(stage.name, ()))
        outdated = bool(needs and finished_updates(work_dir) and (trained & needs or is_outdated(work_dir)))
        if not reset and not outdated and is_finished(stage, work_dir):
            say(f"{title}: done before ({finished_updates(work_dir)} updates, {show_path(work_dir)})")
            continue
        if outdated:
            say(f"{title}: what it was trained with is new, so it is trained anew (the old run is set aside)")
        begun = 0 if reset or outdated else finished_updates(work_dir)
        later = [s for s in stages[number:] if reset or not is_finished(s, work_dir_of(f"{video_id}/{s.name}"))]
        left = clock.left([stage, *later])
        length = f"{max(0, stage.updates - begun)} updates, about {clock.of(stage, begun)}; {left} over all"
        say(f"{title}: {length}", result=dry_run)
        if dry_run:
            trained.add(stage.name)
            continue
        began = time.monotonic()
        code = run_child(stage.command(exp_name, reset=reset or outdated))
        if code:
            again = "the same command goes on from the last checkpoint"
            log.error("%s stopped with exit code %d; mend what it says above, then %s.", stage.name, code, again)
            return code
        if finished_updates(work_dir) > begun:
            clock.measured(stage, time.monotonic() - began, begun)
            trained.add(stage.name)
    if dry_run:
        say("nothing was trained (--dry_run); times are those of two cores", result=True)
        return 0
    speak = f"bash scripts/infer_talking_head.sh {video_id} speech.wav infer_out/{video_id}/speech.mp4"
    say(f"{video_id} is ready: {speak}", result=True)
    return 0


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


def run_child(command: list[str]) -> int:
    """Run a command in this terminal and return its exit code; Ctrl-C and a polite kill reach it, and it may save."""
    child = subprocess.Popen(command)
    old = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        while True:
            try:
                return child.wait(timeout=3600)
            except subprocess.TimeoutExpired:
                continue  # training may take a night; the child shows that it lives
    except KeyboardInterrupt:
        # The terminal sent Ctrl-C to the child as well: let it write its checkpoint.
        try:
            child.wait(timeout=120)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            child.kill()
            child.wait(timeout=10)
        raise
    finally:
        signal.signal(signal.SIGTERM, old)


def say(text: str, *, result: bool = False) -> None:
    """Tell the person at the terminal, ahead of what the child will print; how far it is only where that is wanted."""
    if result or not is_quiet():
        print(as_typed(text), flush=True)


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

    def left(self, stages: Sequence[Step]) -> str:
        """Say how long these stages take together."""
        return f"about {duration(sum(self.seconds(stage) for stage in stages))}"

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
