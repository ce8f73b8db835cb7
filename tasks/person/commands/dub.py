"""Dub a stretch of a person's own video, as the command line asks."""

from __future__ import annotations

from tasks.person.commands.loading import load_head
from tasks.person.dub import dub
from tasks.person.settings import DubCommand


def main(command: DubCommand) -> None:
    """Write the video and print its path."""
    head = load_head(command, {"infer_compose": "portrait"})
    print(dub(head, command.video, command.audio, command.out, command.start_s))
