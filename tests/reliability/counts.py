"""Count what was tried and what was withstood, and write it down: `python -m tests.reliability.counts FOLDER`."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from utils.files.tables import write_json

FOLDER = "VIZEME_RELIABILITY_OUT"
"""Environment variable: the folder that counts go to; without it they are not kept."""


@dataclass
class Counts:
    """How often something was done to a command, and how often that was withstood."""

    made: Counter[tuple[str, str]] = field(default_factory=Counter)
    survived: Counter[tuple[str, str]] = field(default_factory=Counter)
    file: str = field(default_factory=lambda: f"counts-{uuid.uuid4().hex}.json")

    def note(self, attack: str, name: str, *, survived: bool) -> None:
        """Count one attack, and write the counts so far into the folder."""
        self.made[attack, name] += 1
        self.survived[attack, name] += survived
        if folder := os.environ.get(FOLDER):
            rows = [
                {"attack": a, "name": n, "survived": self.survived[a, n], "made": m} for (a, n), m in self.made.items()
            ]
            write_json(Path(folder) / self.file, rows)


def table(folder: Path) -> str:
    """Join the counts of a folder into `counts.json` and a table in Markdown, `counts.md`; return the table."""
    made, survived = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for file in sorted(folder.glob("counts-*.json")):
        for row in json.loads(file.read_text()):
            for name in (row["name"], "**all**"):
                made[row["attack"], name] += row["made"]
                survived[row["attack"], name] += row["survived"]
    rows = [{"attack": a, "name": n, "survived": survived[a, n], "made": m} for (a, n), m in sorted(made.items())]
    write_json(folder / "counts.json", rows)
    lines = ["| attack | on | survived | made |", "|---|---|---:|---:|"]
    lines += [f"| {row['attack']} | {row['name']} | {row['survived']} | {row['made']} |" for row in rows]
    (folder / "counts.md").write_text("\n".join(lines) + "\n")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(Path(sys.argv[1])))
