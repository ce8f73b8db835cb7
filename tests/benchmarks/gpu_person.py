"""A person from nothing on this machine: the six tasks of a preset cut short, then a sentence: a line of JSON each.

    python -m tests.benchmarks.gpu_person                                   a drawn face, `person`, a fiftieth of it
    python -m tests.benchmarks.gpu_person --videos data/binary/videos --video_id demo     a processed video
    python -m tests.benchmarks.gpu_person --small                           tiny networks: seconds on a processor

Each task is trained twice by the usual command, for a few updates and for its share, so that the start of a training is
told apart from an update; `whole_s` is what all updates of the preset would take. Training anew begins in a folder of
its own, which goes when all is done.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tasks.person.plan import plan
from tasks.person.runs import STAGES
from tests.benchmarks.person import COMPOSES, Cost, run, train
from tests.made import made_opening, make_video_dataset, write_tone
from tests.made_heads import SMALL
from utils.paths import ROOT

FEW = 8
"""Updates of the first training of a task."""
SPEECH_S = 4.0


def smaller() -> list[str]:
    """Return the settings that make the six tasks tiny."""
    tiny = [f"{name}.{key}={value}" for name in STAGES for key, value in SMALL[name].items() if key != "audio_feature"]
    return [*tiny, *(f"{name}.n_rays=64" for name in STAGES[3:5]), "window_frames=20", "sync_clips=16"]


def say(**figures: object) -> None:
    """Print a line of JSON."""
    print(json.dumps(figures), flush=True)


def main(words: list[str] | None = None) -> int:
    """Train and speak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="person")
    parser.add_argument("--share", type=float, default=0.02, help="of the preset's updates")
    parser.add_argument("--videos", type=Path, help="folder of processed videos")
    parser.add_argument("--video_id", default="made")
    parser.add_argument("--small", action="store_true", help="tiny networks and pictures")
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        videos = (args.videos or home / "videos").absolute()
        if args.videos is None:
            frames, size = (100, 64) if args.small else (250, 512)
            make_video_dataset(videos / args.video_id, frames=frames, size=size)
        say(video="a drawn face" if args.videos is None else args.video_id)
        settings = smaller() if args.small else []
        whole = 0.0
        for step in plan(args.video_id, args.preset, settings, str(videos)):
            share = max(3 * FEW, round(args.share * step.updates))
            start, update = train(step, home, (3,) if args.small else (FEW, share), args.video_id)
            figures = {"task": step.name, "updates": step.updates, "start_s": start.clock}
            if not args.small:
                cost = start.clock + step.updates * update.clock
                whole += cost
                figures |= {"trained": share, "ms": 1000 * update.clock, "whole_s": cost}
            say(**figures)
        if not args.small:
            say(task="all six, one after the other", whole_s=whole)
        sound = home / "sound.wav"
        opening = made_opening(round(25 * SPEECH_S), 1)
        write_tone(sound, 0.3 * opening.repeat(640))
        for compose in COMPOSES:
            door = [sys.executable, str(ROOT / "tasks/talking_head.py"), "infer", args.video_id, str(sound)]
            spoken: Cost = run([*door, str(home / f"{compose}.mp4"), f"--infer_compose={compose}"], home)
            say(speak=compose, seconds_of_sound=SPEECH_S, clock_s=spoken.clock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
