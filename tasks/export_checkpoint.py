"""Export a trained network for others: safetensors with a model card, or ONNX where the network allows it.

    python tasks/export_checkpoint.py May/lm3d_nerf --licence "CC BY 4.0" --consent "the person agreed in writing"
    python tasks/export_checkpoint.py faces/template_decoder --format onnx --out decoder.onnx

What was exported as safetensors is imported again by `python tasks/import_checkpoint.py`. See docs/import.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if sys.path and Path(sys.path[0] or ".").resolve() == ROOT / "tasks":
    sys.path[0] = str(ROOT)  # else tasks/ hides the packages beside it

from utils.command import run_command  # noqa: E402
from utils.errors import ConfigError  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    out = argparse.ArgumentParser(
        prog="python tasks/export_checkpoint.py", description="Export a trained network for others."
    )
    out.add_argument("run", help="the run, for example May/lm3d_nerf, or a checkpoint file")
    out.add_argument("--format", choices=("safetensors", "onnx"), default="safetensors")
    out.add_argument("--steps", default="best", help="best, last, or a number of updates")
    out.add_argument(
        "--weights", choices=("used", "raw"), default="used",
        help="used: as inference uses them (the average where ema_decay is set); raw: as training goes on with them",
    )  # fmt: skip
    out.add_argument("--out", type=Path, default=None, help="the file; <run>/export/<task>.<format> unless given")
    out.add_argument("--licence", default="", help="licence it is given on under; what the data says unless given")
    out.add_argument("--consent", default="", help="who agreed to what; what the data says unless given")
    return out


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    args = parser().parse_args(argv)
    from tasks.core.checkpoints import find_checkpoint, parse_steps, work_dir_of
    from tasks.core.loading import load_task

    steps = parse_steps(args.steps)
    work_dir = work_dir_of(args.run)
    if args.format == "onnx":
        from tasks.exchange.onnx_files import write_onnx_file

        if args.weights == "raw":
            raise ConfigError("ONNX holds the network as inference uses it; --weights raw is for safetensors.")
        task = load_task(args.run, steps)
        folder = task.work_dir or work_dir
        print(write_onnx_file(task, args.out or folder / "export" / f"{task.cfg.task_cls}.onnx"))
        return 0
    from tasks.exchange.model_card import write_safetensors

    path = Path(args.run) if Path(args.run).is_file() else find_checkpoint(work_dir, steps)
    for written in write_safetensors(path, args.out, raw=args.weights == "raw", said=(args.licence, args.consent)):
        print(written)
    return 0


if __name__ == "__main__":
    run_command(main)
