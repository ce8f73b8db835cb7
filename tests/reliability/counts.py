"""Count what was tried and what was withstood, and write it down: `python -m tests.reliability.counts FOLDER`."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from utils.files import write_json

FOLDER = "VIZEME_RELIABILITY_OUT"
"""Environment variable: the folder that counts go to; without it they are not kept."""


@dataclass
class Counts:
    """How often something was done to a command, and how often that was withstood."""

    made: Counter[tuple[str, str]] = field(default_factory=Counter)
    survived: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, attack: str, name: str, *, survived: bool) -> None:
        """Count one attack."""
        self.made[attack, name] += 1
        self.survived[attack, name] += survived

    def write(self) -> None:
        """Add the counts to those of other tests in the folder, one file for each of this process's."""
        folder = os.environ.get(FOLDER)
        if folder and self.made:
            rows = [
                {"attack": a, "name": n, "made": m, "survived": self.survived[a, n]} for (a, n), m in self.made.items()
            ]
            write_json(Path(folder) / f"counts-{rows[0]['attack']}-{os.getpid()}-{id(self)}.json", rows)


def counting() -> Iterator[Counts]:
    """Give something to count with, and write it when the tests of a file are done: the body of a fixture."""
    found = Counts()
    yield found
    found.write()


def table(folder: Path) -> str:
    """Join the counts of a folder into `counts.json` and a table in Markdown, `counts.md`; return the table."""
    rows = [row for file in sorted(folder.glob("counts-*.json")) for row in json.loads(file.read_text())]
    write_json(folder / "counts.json", rows)
    lines = ["| attack | on | survived | made |", "|---|---|---|---|"]
    lines += [f"| {row['attack']} | {row['name']} | {row['survived']} | {row['made']} |" for row in rows]
    for attack in dict.fromkeys(row["attack"] for row in rows):
        some = [row for row in rows if row["attack"] == attack]
        lines.append(f"| {attack} | **all** | {sum(r['survived'] for r in some)} | {sum(r['made'] for r in some)} |")
    (folder / "counts.md").write_text("\n".join(lines) + "\n")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(Path(sys.argv[1])))
