"""Measure one person's talking head, as the command line asks."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from tasks.core.checkpoints import checkpoint_files, work_dir_of
from tasks.person.commands.loading import load_head
from tasks.person.evaluate import evaluate_person
from tasks.person.head import TalkingHead
from tasks.person.peers import evaluate_as_peers
from tasks.person.runs import RENDERERS
from tasks.person.settings import EvaluateCommand


def main(command: EvaluateCommand) -> None:
    """Measure on held-out footage."""
    if not command.json_:
        measure(command)
        return
    with contextlib.redirect_stdout(sys.stderr):
        figures = measure(command)
    print(json.dumps(figures, indent=1))


def measure(command: EvaluateCommand) -> dict[str, Any]:
    """Measure as the protocol says; return what its JSON holds."""
    folder = command.out or Path(f"infer_out/{command.id}/evaluation")
    if command.protocol == "peers":
        frames = command.frames or sys.maxsize
        return evaluate_as_peers(every_way(command), command.id, folder, frames=frames, timings=command.timings)
    head = load_head(command, {"infer_compose": "full"})  # what is drawn is judged, not what the footage lends to it
    return evaluate_person(head, command.id, folder, frames=command.frames or 250, timings=command.timings)


def every_way(command: EvaluateCommand) -> dict[str, TalkingHead]:
    """Load the head once for every `infer_compose` that what is trained allows."""
    torso, head = (bool(checkpoint_files(work_dir_of(f"{command.id}/{name}"))) for name in RENDERERS)
    ways = ["portrait", *(["head"] if head else []), *(["full"] if torso else [])]
    return {way: load_head(command, {"infer_compose": way}) for way in ways}
