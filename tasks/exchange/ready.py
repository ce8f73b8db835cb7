"""What can be told of an import or an export before torch is there: slips, and what is missing."""

from __future__ import annotations

from pathlib import Path

from tasks.core.checkpoints import parse_steps, refuse_missing, work_dir_of
from tasks.exchange.known import KNOWN, refuse_unknown
from tasks.exchange.settings import ExportCommand, ImportCommand
from utils.errors import ConfigError, DataError


def look_at_import(command: ImportCommand) -> int | None:
    """List what can be imported, which ends the command, or see that there is something to import.

    Raises:
        ConfigError: Nothing is named, or a source that is none.
        DataError: There is nothing at that place.
    """
    if command.listed:
        for name, (task, what) in KNOWN.items():
            print(f"{name:28} {task:18} {what}")
        return 0
    if command.path is None:
        raise ConfigError(
            "Say which file or folder to import: python tasks/import_checkpoint.py <path> (--list, --help)"
        )
    if command.source:
        refuse_unknown(command.source)
    if not command.path.exists():
        raise DataError(f"There is nothing at {command.path}.")
    return None


def look_at_export(command: ExportCommand) -> None:
    """See that there is something to export, and that it can be written so.

    Raises:
        ConfigError: ONNX is asked for with the weights that training goes on with, or the file's name is another's.
        DataError: The run has no such checkpoint.
    """
    if command.format == "onnx" and command.weights == "raw":
        raise ConfigError("ONNX holds the network as inference uses it; --weights raw is for safetensors.")
    if command.format == "safetensors" and command.out is not None and command.out.suffix != ".safetensors":
        raise ConfigError(f"--out {command.out}: let the name end in .safetensors.")
    if not Path(command.run).is_file():
        refuse_missing(work_dir_of(command.run), parse_steps(command.steps))
