"""A page on this machine that plays a talking head while it is being drawn.

    bash scripts/play_talking_head.sh May speech.wav

It listens on 127.0.0.1 only, answers no other name, and only who knows the key in the printed address: neither the
network, nor another site's page, nor another user of this machine is shown anything.

| request | answer |
|---|---|
| `GET /?token=KEY` | the page, and a cookie that opens the rest |
| `GET /sounds` | what can be spoken: `{"person", "sounds": [{"id", "name", "seconds"}]}` |
| `POST /sounds?name=NAME` | take a sound (the body); `{"id", "name", "seconds"}` |
| `GET /play/ID.mp4` | the person saying it: fragmented mp4, sent while it is made |
"""

from __future__ import annotations

import errno
import logging
import secrets
import signal
import socket
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.person.page.answers import Answers
from tasks.person.page.programme import Programme
from utils.errors import DataError
from utils.files.scratch import scratch_folder
from utils.media.sound_source import track_of

if TYPE_CHECKING:
    from tasks.person.head import TalkingHead


log = logging.getLogger("vizeme")
HOST = "127.0.0.1"
NO_HANDLE_S = 0.2
"""Pause when no more files can be opened: a connection that waits would else be tried without end."""


class Server(ThreadingHTTPServer):
    """Listen on this machine's own address, and end with everything that was begun."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, programme: Programme, port: int = 0) -> None:
        self.programme = programme
        self.token = secrets.token_urlsafe(24)
        self.connections: set[socket.socket] = set()
        super().__init__((HOST, port), Answers)

    @property
    def names(self) -> set[str]:
        """What the page may be called in `Host`."""
        return {f"{HOST}:{self.server_port}", f"localhost:{self.server_port}"}

    @property
    def cookie(self) -> str:
        """What its cookie is called: cookies know no ports, and two pages may be open."""
        return f"vizeme-{self.server_port}"

    @property
    def address(self) -> str:
        """Where the page is, with the key that opens it."""
        return f"http://{HOST}:{self.server_port}/?token={self.token}"

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take the next connection."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                time.sleep(NO_HANDLE_S)
            raise

    def server_close(self) -> None:
        """Stop what is being drawn, close every connection, and wait for their threads."""
        self.programme.stopping.set()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        super().server_close()


def serve(head: TalkingHead, person: str, sounds: list[Path], *, port: int, max_upload_mb: float = 100) -> None:
    """Show the page until Ctrl-C.

    Raises:
        DataError: A sound cannot be read, or the port is taken.
    """
    with scratch_folder() as folder:
        programme = Programme(head, person, folder, max_bytes=int(max_upload_mb * 1e6))
        for path in sounds:
            programme.add(path.absolute(), path.name, track=track_of(head.settings.infer_audio_track))
        try:
            server = Server(programme, port)
        except OSError as error:
            raise DataError(f"Port {port} cannot be used ({error.strerror}). Choose another: --port 0") from None
        with server:
            if threading.current_thread() is threading.main_thread():  # a shell's `&` would have it ignored
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, signal.default_int_handler)
            print(f"{server.address}   (Ctrl-C ends it)", flush=True)
            try:
                server.serve_forever(poll_interval=0.1)
            except KeyboardInterrupt:
                log.info("ended")
