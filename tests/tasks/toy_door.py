"""The door `tasks/run.py` that knows the toy too, for tests that train it in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tasks import run
from tasks.registry import TASKS
from utils.command import run_command


def main() -> int:
    """Do as `tasks/run.py` does."""
    TASKS["toy"] = ("tests.tasks.toy:ToyTask", "a toy")
    return run.main()


if __name__ == "__main__":
    run_command(main)
