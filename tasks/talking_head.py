"""Make a person say something: the commands around one person's trained networks.

    python tasks/talking_head.py train May
    python tasks/talking_head.py speak May speech.wav infer_out/May/speech.mp4
    python tasks/talking_head.py play May speech.wav        # a page that plays while it is drawn
    python tasks/talking_head.py evaluate May
    python tasks/talking_head.py check May                  # which stage is sound, and what to do about the others
    python tasks/talking_head.py pack May                   # all that May needs to speak, in one file, for `unpack`

In Python: `from tasks.talking_head import TalkingHead` (it lies in `tasks/person/head.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # not this script's folder, which hides the packages beside it, but the repository
    sys.path[: not sys.flags.safe_path] = [str(Path(__file__).resolve().parents[1])]

from tasks.handover.settings import PackCommand, PullCommand, PushCommand, UnpackCommand
from tasks.person.settings import (
    CheckCommand,
    DoctorCommand,
    DubCommand,
    EvaluateCommand,
    InferCommand,
    PlayCommand,
    SpeakCommand,
    StudioCommand,
    TrainCommand,
    VerifyCommand,
)
from utils.arguments import find
from utils.command import Command, Door, run_command

SPEAK = Command(
    "speak", SpeakCommand, "tasks.person.commands.speak:main", "speak a sound or many, or a text, into films",
    first="tasks.person.commands.ready:look_at_speech",
)  # fmt: skip
DOOR = Door(
    "tasks/talking_head.py",
    "Train a talking head, let it speak, measure it.",
    (
        Command("train", TrainCommand, "tasks.person.commands.train:main",
                "train the six tasks of a person whose video is processed"),
        Command("infer", InferCommand, "tasks.person.commands.infer:main", "speak one sound into an mp4",
                first="tasks.person.commands.ready:look_at_film"),
        Command("dub", DubCommand, "tasks.person.commands.dub:main",
                "put new speech into the video that a person was made of",
                first="tasks.person.commands.ready:look_at_dub"),
        SPEAK,
        replace(SPEAK, name="batch", help="the same as speak"),
        Command("play", PlayCommand, "tasks.person.commands.play:main",
                "show a page on this machine that plays while it is drawn",
                first="tasks.person.commands.ready:look_at_page"),
        Command("studio", StudioCommand, "tasks.person.studio.server:main",
                "open the studio in the browser: from a video to a speaking person"),
        Command("evaluate", EvaluateCommand, "tasks.person.commands.evaluate:main",
                "compare with held-out footage; writes figures and pictures",
                first="tasks.person.commands.ready:look_at_measuring"),
        Command("check", CheckCommand, "tasks.person.check:main",
                "say of every stage of a talking head whether it is sound",
                first="tasks.person.commands.ready:look_at_check"),
        Command("doctor", DoctorCommand, "tasks.person.commands.doctor:main",
                "look at this machine, and say what is missing and how to mend it"),
        Command("verify", VerifyCommand, "tasks.person.commands.verify:main",
                "tell whether films and pictures were made by this program"),
        Command("pack", PackCommand, "tasks.handover.pack:main", "pack a person into one file, to speak elsewhere",
                first="tasks.handover.ready:look_at_pack"),
        Command("unpack", UnpackCommand, "tasks.handover.unpack:main", "unpack a person from such a file",
                first="tasks.handover.ready:look_at_unpack"),
        Command("push", PushCommand, "tasks.handover.hub:push", "pack a person and upload them to huggingface.co",
                first="tasks.handover.ready:look_at_push"),
        Command("pull", PullCommand, "tasks.handover.hub:pull", "fetch such a person and unpack them",
                first="tasks.handover.ready:look_at_pull"),
    ),
)  # fmt: skip


def __getattr__(name: str) -> Any:
    """Give `TalkingHead`, whose networks need torch, only to who asks for it: the door must answer without."""
    if name != "TalkingHead":
        raise AttributeError(name)
    return find("tasks.person.head:TalkingHead")


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return DOOR.main(words)


if __name__ == "__main__":
    run_command(main)
