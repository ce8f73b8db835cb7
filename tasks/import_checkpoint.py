"""Import checkpoints of other projects: recognise what a file is, convert it, write it as a run of this project.

    python tasks/import_checkpoint.py downloads/model_ckpt_steps_40000.ckpt --exp_name lrs3/syncnet
    python tasks/import_checkpoint.py checkpoints/May          # an unzipped release, in place
    python tasks/import_checkpoint.py --list

Files are read as data: nothing in them is run. See docs/import.md.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # not this script's folder, which hides the packages beside it, but the repository
    sys.path[: not sys.flags.safe_path] = [str(Path(__file__).resolve().parents[1])]

from tasks.exchange.settings import ImportCommand
from utils.command import Command, Door, run_command

DOOR = Door(
    "tasks/import_checkpoint.py",
    "Make a run of this project from a checkpoint of another one.",
    (
        Command("", ImportCommand, "tasks.exchange.commands:bring_in",
                "make a run of this project from a checkpoint of another one; nothing in the file is run",
                first="tasks.exchange.ready:look_at_import"),
    ),
)  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return DOOR.main(words)


if __name__ == "__main__":
    run_command(main)
