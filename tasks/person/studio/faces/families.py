"""Which runs make still faces, of what, and what should be read before they are used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tasks.core.checkpoints import checkpoint_files
from tasks.person.studio.schemas import Purpose
from utils.files.ownership import is_plain_file

RUN = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$"
"""How a run may be called: two parts of a path."""
MOST = 1 << 16
"""Bytes of a run's settings that are read for the name of its task."""


class Family(NamedTuple):
    """One way to a face.

    Attributes:
        title: Of its page.
        tasks: Whose runs it takes.
        takes: Purpose of an upload -> the name of its file in a job's folder, without the suffix.
        says: What should be read before, as the pages of `docs/` have it.
        page: Of `docs/`, where more is said.
        needs: What to train when there is no run.
    """

    title: str
    tasks: tuple[str, ...]
    takes: dict[Purpose, str]
    says: tuple[str, ...]
    page: str
    needs: str


FAMILIES: dict[str, Family] = {
    "voice": Family(
        "Voice to face", ("ve_conv", "ve_ast", "ve_ridge"), {"sound": "sound"},
        (
            "A face drawn from a voice is a guess at build, age and sex, not a likeness.",
            "Such models repeat the biases of their data, and must not be used to identify or judge anybody.",
            "Use voices and faces of persons who agreed to it.",
        ),
        "docs/speech_to_face.md",
        "python tasks/run.py --config=egs/datasets/face_voice/ve_conv.yaml --exp_name=face_voice/ve_conv",
    ),
    "template": Family(
        "Template to face", ("template_decoder",), {"picture": "picture", "template": "template"},
        (
            "A template is personal data, as much as the photo it was made of.",
            "Use it to measure how much your own system gives away, with photos of people who agreed.",
            "Do not rebuild people who did not agree, do not try leaked templates, do not present a rebuilt picture to "
            "a recogniser that is not yours, and do not take a rebuilt picture as evidence of what somebody looks "
            "like: what it gets wrong, it gets wrong convincingly, and it leans towards the faces it was trained on.",
        ),
        "docs/template_to_face.md",
        "python tasks/run.py --config=egs/datasets/faces/template_decoder_small.yaml "
        "--exp_name=faces/template_decoder_small",
    ),
}  # fmt: skip


class Run(NamedTuple):
    """A trained run: its name below `checkpoints`, its task, and its newest checkpoint's updates."""

    name: str
    task: str
    updates: int


def runs_of(checkpoints: Path, tasks: tuple[str, ...]) -> list[Run]:
    """List the trained runs of some tasks, by name; what is no settings file is passed over."""
    runs = []
    for file in sorted(checkpoints.glob("*/*/config.yaml")):
        name = "/".join(file.parts[-3:-1])
        if not is_plain_file(file) or not re.fullmatch(RUN, name, re.ASCII):
            continue
        with file.open("rb") as opened:
            text = opened.read(MOST).decode("utf-8", "replace")
        task = re.search(r"^task_cls: *(\w+) *$", text, re.MULTILINE | re.ASCII)
        files = checkpoint_files(file.parent)
        if task is not None and task[1] in tasks and files:
            runs.append(Run(name, task[1], max(files)))
    return runs
