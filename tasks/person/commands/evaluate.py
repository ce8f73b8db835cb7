"""Measure one person's talking head, as the command line asks."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from tasks.person.commands.loading import load_head
from tasks.person.evaluate import evaluate_person
from tasks.person.settings import EvaluateCommand
from utils.files.tables import read_json


def main(command: EvaluateCommand) -> None:
    """Measure on held-out footage."""
    folder = command.out or Path(f"infer_out/{command.id}/evaluation")
    if not command.json_:
        evaluate_person(load_head(command), command.id, folder, frames=command.frames)
        return
    with contextlib.redirect_stdout(sys.stderr):
        evaluate_person(load_head(command), command.id, folder, frames=command.frames)
    print(json.dumps(read_json(folder / "metrics.json"), indent=1))
