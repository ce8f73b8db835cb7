"""The command `vizeme`: what the scripts of a checkout do, from any folder.

Relative paths that are typed are those of the present folder; data, runs and results lie in one home: $VIZEME_HOME,
else the checkout, else the present folder.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import vizeme  # noqa: F401 (lets Python find the wings)
from data_gen.run import DOOR as DATA
from tasks.export_checkpoint import DOOR as EXPORT
from tasks.import_checkpoint import DOOR as IMPORT
from tasks.talking_head import DOOR as PERSON
from utils.assets import DOOR as ASSETS
from utils.command import Command, Door, Inner, run_command
from utils.paths import home

_ROWS = {row.name: row for door in (DATA, PERSON) for row in door.rows if isinstance(row, Command)}


def _named(name: str, row: Command) -> Command:
    return replace(row, name=name)


DOOR = Door(
    "vizeme",
    "Faces from voices: make a talking head of a person's video, and let it speak.",
    (
        _named("process", _ROWS["video"]),
        _ROWS["train"],
        _ROWS["speak"],
        _ROWS["batch"],
        _ROWS["infer"],
        _ROWS["dub"],
        _ROWS["play"],
        _ROWS["studio"],
        _ROWS["check"],
        _ROWS["evaluate"],
        _ROWS["doctor"],
        _ROWS["verify"],
        _ROWS["pack"],
        _ROWS["unpack"],
        _ROWS["push"],
        _ROWS["pull"],
        Inner("run", "tasks.run:main", "train, validate, evaluate or use one task by its recipe",
              settings="tasks.run:RunCommand"),
        Inner("data", "data_gen.run:main", DATA.help.rstrip(".").lower()),
        _named("import", IMPORT.rows[0]),
        _named("export", EXPORT.rows[0]),
        Inner("assets", "utils.assets:main", ASSETS.help.rstrip(".").lower()),
        Command("completion", "vizeme.completion:CompletionCommand", "vizeme.completion:main",
                "print what completes these commands in bash, zsh or fish"),
    ),
)  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = sys.argv[1:] if words is None else words
    return DOOR.main(words or ["--help"], at=home())


def run() -> None:
    """Run as the installed command does."""
    run_command(main)


if __name__ == "__main__":
    run()
