"""Show one person on a page, as the command line asks."""

from __future__ import annotations

from tasks.person.commands.loading import load_head
from tasks.person.page.server import serve
from tasks.person.settings import PlayCommand
from utils.paths import existing_file


def main(command: PlayCommand) -> None:
    """Show the page until Ctrl-C."""
    sounds = [existing_file(path) for path in command.audio]
    serve(load_head(command), command.id, sounds, port=command.port, max_upload_mb=command.max_upload_mb)
