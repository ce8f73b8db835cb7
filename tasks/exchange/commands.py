"""What the commands that import and export checkpoints do, once what was typed is read."""

from __future__ import annotations

from pathlib import Path

from tasks.core.checkpoints import find_checkpoint, parse_steps, work_dir_of
from tasks.core.loading import load_task
from tasks.exchange.bring_in import Options, import_file, import_folder
from tasks.exchange.model_card import write_safetensors
from tasks.exchange.onnx_files import write_onnx_file
from tasks.exchange.settings import ExportCommand, ImportCommand
from utils.command import plain


def bring_in(command: ImportCommand) -> None:
    """Import a file or a folder; `tasks.exchange.ready` has seen that it is there."""
    assert command.path is not None, "asked before"
    options = Options(command.exp_name, command.source)
    if command.path.is_dir():
        import_folder(command.path, options)
    else:
        print(plain(str(import_file(command.path, options))))


def export(command: ExportCommand) -> None:
    """Write the file and print its path."""
    steps = parse_steps(command.steps)
    work_dir = work_dir_of(command.run)
    if command.format == "onnx":
        task = load_task(command.run, steps)
        folder = task.work_dir or work_dir
        print(write_onnx_file(task, command.out or folder / "export" / f"{task.cfg.task_cls}.onnx"))
        return
    path = Path(command.run) if Path(command.run).is_file() else find_checkpoint(work_dir, steps)
    said = (command.licence, command.consent)
    for written in write_safetensors(
        path, command.out, raw=command.weights == "raw", said=said, half=command.half
    ):
        print(written)
