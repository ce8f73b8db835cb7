"""Measure one person's talking head, as the command line asks."""

from __future__ import annotations

from pathlib import Path

from tasks.person.commands.loading import load_head
from tasks.person.evaluate import evaluate_person
from tasks.person.settings import EvaluateCommand


def main(command: EvaluateCommand) -> None:
    """Measure on held-out footage."""
    folder = command.out or Path(f"infer_out/{command.id}/evaluation")
    evaluate_person(load_head(command), command.id, folder, frames=command.frames)
