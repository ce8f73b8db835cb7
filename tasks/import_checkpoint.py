"""Import checkpoints of other projects: recognise what a file is, convert it, write it as a run of this project.

    python tasks/import_checkpoint.py downloads/model_ckpt_steps_40000.ckpt --exp_name lrs3/syncnet
    python tasks/import_checkpoint.py checkpoints/May          # an unzipped release, in place
    python tasks/import_checkpoint.py --list

Files are read as data: nothing in them is run. See docs/import.md.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if sys.path and Path(sys.path[0] or ".").resolve() == ROOT / "tasks":
    sys.path[0] = str(ROOT)  # else tasks/ hides the packages beside it

from utils.command import run_command  # noqa: E402
from utils.errors import ConfigError, DataError  # noqa: E402

log = logging.getLogger("vizeme")


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    out = argparse.ArgumentParser(
        prog="python tasks/import_checkpoint.py",
        description="Make a run of this project from a checkpoint of another one. Nothing in the file is run.",
    )
    out.add_argument("path", nargs="?", help="a file, or a folder with one or several (an unzipped release)")
    out.add_argument(
        "--exp_name", default="", metavar="NAME",
        help="the run's folder under checkpoints/ (where the file lies, else imported/<network>)",
    )  # fmt: skip
    out.add_argument("--source", default="", help="what the file is, should it not be recognised rightly; see --list")
    out.add_argument("--list", action="store_true", help="list what can be imported")
    return out


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if given.list:
        from tasks.exchange.registry import sources

        for source in sources():
            print(f"{source.name:28} {source.task_cls:18} {source.what}")
        return 0
    if not given.path:
        raise ConfigError(
            "Say which file or folder to import: python tasks/import_checkpoint.py <path> (--list, --help)"
        )
    path = Path(given.path)
    if not path.exists():
        raise DataError(f"There is nothing at {path}.")
    from tasks.exchange.bring_in import Options, import_file, import_folder  # torch waits until it is needed

    options = Options(given.exp_name, given.source)
    if path.is_dir():
        import_folder(path, options)
    else:
        print(import_file(path, options))
    return 0


if __name__ == "__main__":
    run_command(main)
