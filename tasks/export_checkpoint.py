"""Export a trained network for others: safetensors with a model card, or ONNX where the network allows it.

    python tasks/export_checkpoint.py May/lm3d_nerf --licence "CC BY 4.0" --consent "the person agreed in writing"
    python tasks/export_checkpoint.py faces/template_decoder --format onnx --out decoder.onnx

What was exported as safetensors is imported again by `python tasks/import_checkpoint.py`. See docs/import.md.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # not this script's folder, which hides the packages beside it, but the repository
    sys.path[: not sys.flags.safe_path] = [str(Path(__file__).resolve().parents[1])]

from tasks.exchange.settings import ExportCommand
from utils.command import Command, Door, run_command

DOOR = Door(
    "tasks/export_checkpoint.py",
    "Export a trained network for others.",
    (
        Command("", ExportCommand, "tasks.exchange.commands:export", "export a trained network for others",
                first="tasks.exchange.ready:look_at_export"),
    ),
)  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return DOOR.main(words)


if __name__ == "__main__":
    run_command(main)
