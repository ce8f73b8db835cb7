"""Let one person speak into a film, as the command line asks."""

from __future__ import annotations

from tasks.person.commands.loading import load_head
from tasks.person.settings import InferCommand


def main(command: InferCommand) -> None:
    """Write the video and print its path."""
    print(load_head(command).speak_to(command.audio, command.out))
