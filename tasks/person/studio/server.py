"""The studio on this machine: from a video to a speaking person, in the browser.

    bash scripts/studio.sh

It listens on 127.0.0.1 only, answers no other name, and only who knows the key in the printed address. What it begins
goes on when it ends, and is found again when it starts.
"""

from __future__ import annotations

import logging
import os
import socket
from contextlib import contextmanager
from typing import Any

import uvicorn

from tasks.person.settings import StudioCommand
from tasks.person.studio.app import make_app
from tasks.person.studio.studio import Studio
from utils.errors import ConfigError, DataError
from utils.files.lock import alone_in
from utils.paths import home

log = logging.getLogger("vizeme")
HOST = "127.0.0.1"
LEAVE_S = 2
"""How long a request that is being answered holds up the end."""


def main(command: StudioCommand) -> None:
    """Show the studio until Ctrl-C.

    Raises:
        ConfigError: This system cannot run jobs apart from the server. DataError: The port is taken, or another
            studio works in this home.
    """
    if not hasattr(os, "killpg"):
        raise ConfigError("vizeme studio needs Linux or macOS; on Windows use it in WSL.")
    place = home()
    with alone_in(place / "studio", f"Another studio is open in {place}"):
        os.chdir(place)
        studio = Studio(place)
        with listening(command.port) as listener:
            port, key = listener.getsockname()[1], studio.key()
            server = _Server(uvicorn.Config(
                make_app(studio, port, key), log_config=None, access_log=False, server_header=False, lifespan="on",
                h11_max_incomplete_event_size=1 << 16, timeout_graceful_shutdown=LEAVE_S, limit_concurrency=200,
                ws="none", http="h11",
            ), studio)  # fmt: skip
            print(f"http://{HOST}:{port}/?token={key}   (Ctrl-C ends it; what it began goes on)", flush=True)
            try:
                server.run(sockets=[listener])
            except KeyboardInterrupt:
                log.info("ended; what was begun goes on")


class _Server(uvicorn.Server):
    """End streams when the server is asked to end: nobody else would."""

    def __init__(self, config: uvicorn.Config, studio: Studio) -> None:
        super().__init__(config)
        self.studio = studio

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Note that the end was asked for."""
        self.studio.stopping = True
        super().handle_exit(sig, frame)


@contextmanager
def listening(port: int) -> Any:
    """Give a socket that listens on this machine's own address; 0 takes a free port.

    Raises:
        DataError: The port is taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise DataError(f"Port {port} cannot be used ({error.strerror}). Choose another: --port 0") from None
        listener.listen(128)
        yield listener
