"""What one person costs from a film to speech: every stage of processing, training and speaking, in one run.

    python -m tests.benchmarks.person film.mp4 [--seconds 20] [--preset person_small] [--repeat 3] [--json OUT]

The film is processed from nothing; every task of the preset is trained for a few updates by the usual command, twice,
so that what an update takes is told apart from the start; and a sentence of ten seconds of the film's own sound is
spoken by head, torso and portrait, films written. Columns: seconds on the clock, CPU seconds, and CPU seconds over
those of a fixed piece of work (`loops`; see `tests.benchmarks.processing`). The last rows say what the whole takes:
all updates of the preset, tasks one after the other and, as `train` does without a GPU, in two rows side by side.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from data_gen.video.job import VideoJob
from tasks.person.order import time_of
from tasks.person.plan import Step, plan
from tests.benchmarks.processing import calibrate, cpu_seconds, process
from utils.media.wav import read_wav, write_wav
from utils.paths import ROOT
from utils.processes.workers import cores
from utils.rates import RATE

ID = "timed"
UPDATES = (8, 40)
"""Of the two trainings of a task: what lies between them is updates alone."""
SENTENCE_S = 10.0
COMPOSES = ("full", "head", "portrait")


class Cost(NamedTuple):
    """Seconds on the clock, and CPU seconds of a process and its children."""

    clock: float
    cpu: float


def run(words: list[str], home: Path) -> Cost:
    """Run a command in a folder of its own for all that is made, and return what it cost."""
    began = time.perf_counter(), cpu_seconds()
    environment = {**os.environ, "VIZEME_HOME": str(home), "VIZEME_OFFLINE": "1"}
    done = subprocess.run(words, env=environment, cwd=home, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    return Cost(time.perf_counter() - began[0], cpu_seconds() - began[1])


def train(step: Step, home: Path, counts: tuple[int, ...] = UPDATES, person: str = ID) -> tuple[Cost, Cost]:
    """Train a task from nothing for so many updates, twice; return what starting it costs, and an update.

    With one count alone it is trained once, and all is called the start.
    """
    costs = []
    for updates in counts:
        shutil.rmtree(home / "checkpoints" / person / step.name, ignore_errors=True)
        words = [*step.command(f"{person}/{step.name}"), f"--max_updates={updates}", f"--val_check_interval={updates}"]
        costs.append(run(words, home))
    return split(costs[0], costs[1], (counts[0], counts[1])) if len(costs) > 1 else (costs[0], Cost(0.0, 0.0))


def split(short: Cost, long: Cost, counts: tuple[int, int] = UPDATES) -> tuple[Cost, Cost]:
    """Return what of two trainings of so many updates is the start, and what an update."""
    update = Cost(*((b - a) / (counts[1] - counts[0]) for a, b in zip(short, long, strict=True)))
    return Cost(*(a - counts[0] * each for a, each in zip(short, update, strict=True))), update


def one_person(video: Path, seconds: float, preset: str, size: int, home: Path) -> dict[str, Cost]:
    """Do all of it once in an empty folder and return the rows."""
    data = home / "data"
    job = VideoJob(ID, video, size, data_dir=data, duration_s=seconds)
    rows = {f"process {name}": Cost(*cost) for name, cost in process(job).items()}
    steps = plan(ID, preset, [], str(data / "binary" / "videos"))
    for step in steps:
        start, update = train(step, home)
        rows[f"start {step.name}"], rows[f"update {step.name}"] = start, update
        rows[f"train {step.name}"] = Cost(*(s + step.updates * u for s, u in zip(start, update, strict=True)))
    cpu = sum(cost.cpu for name, cost in rows.items() if name.startswith("train "))
    for words, at_once in (("one after the other", 1), ("two at a time (reckoned)", 2)):
        clock = time_of(steps, lambda step: rows[f"train {step.name}"].clock, at_once)
        rows[f"train, {words}"] = Cost(max(clock, cpu / cores()), cpu)
    sound = home / "sound.wav"
    cut(data / "processed/videos" / ID / "audio" / "audio.wav", sound)
    for compose in COMPOSES:
        words = [sys.executable, str(ROOT / "tasks/talking_head.py"), "infer", ID, str(sound)]
        words += [str(home / f"{compose}.mp4"), f"--infer_compose={compose}"]
        rows[f"speak {SENTENCE_S:g} s, {compose}"] = run(words, home)
    return rows


def cut(sound: Path, out: Path) -> None:
    """Copy the first seconds of a sound."""
    write_wav(out, read_wav(sound)[: round(SENTENCE_S * RATE)])


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--preset", default="person_small")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(words)
    trials, loops = [], []
    for _ in range(args.repeat):
        with tempfile.TemporaryDirectory() as folder:
            loops.append(calibrate())
            trials.append(one_person(args.video.absolute(), args.seconds, args.preset, args.size, Path(folder)))
    loop = statistics.median(loops)
    table = {name: Cost(*(statistics.median(values) for values in zip(*(trial[name] for trial in trials), strict=True)))
             for name in trials[0]}  # fmt: skip
    print(f"{cores()} processors; {args.seconds:g} s, {args.size} px, {args.preset}; medians of {args.repeat}")
    print("| what | clock s | CPU s | loops |\n|---|---|---|---|")
    for name, cost in table.items():
        print(f"| {name} | {cost.clock:.2f} | {cost.cpu:.2f} | {cost.cpu / loop:.1f} |")
    if args.json:
        args.json.write_text(json.dumps({"rows": table, "loop_s": loop}, indent=1))


if __name__ == "__main__":
    main()
