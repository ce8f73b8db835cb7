"""A page on this machine that plays a talking head while it is being drawn.

    bash scripts/play_talking_head.sh May speech.wav

It listens on 127.0.0.1 only and answers no other name, so neither the network nor another site's page reaches it.

| request | answer |
|---|---|
| `GET /` | the page |
| `GET /sounds` | what can be spoken: `{"person", "sounds": [{"id", "name", "seconds"}]}` |
| `POST /sounds?name=NAME` | take a sound (the body); `{"id", "name", "seconds"}` |
| `GET /play/ID.mp4` | the person saying it: fragmented mp4, sent while it is made |
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tasks.person.live import play_sound
from tasks.person.mp4_stream import Mp4Stream
from tasks.speaking.sound import Sound
from utils.errors import DataError, UserError
from utils.rates import FPS

if TYPE_CHECKING:
    from tasks.person.head import TalkingHead


log = logging.getLogger("vizeme")
HOST = "127.0.0.1"
PAGE = Path(__file__).with_name("live_page.html")
MAX_UPLOADS = 20
WAIT_S = 10.0
"""How long a request waits for the one that is being drawn to end."""
IDLE_S, PAUSED_S = 60.0, 3600.0
"""A connection that moves nothing for so long is closed; that of a film, which may be paused, later."""


@dataclass(frozen=True)
class Speech:
    """Something that can be spoken."""

    id: str
    name: str
    path: Path
    frames: int


class Refused(Exception):
    """A request that is not answered as asked: status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def is_sound(start: bytes) -> bool:
    """Tell by its first 16 bytes whether a file is wav, mp3, flac, ogg, m4a/mp4, webm, aiff or aac.

    ffmpeg would also follow play lists, which name other files of this machine.
    """
    beginnings = (b"ID3", b"fLaC", b"OggS", b"\x1aE\xdf\xa3", b"FORM")
    riff = start[:4] in (b"RIFF", b"RF64") and start[8:12] == b"WAVE"
    frame = len(start) > 1 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0
    return riff or frame or start.startswith(beginnings) or start[4:8] == b"ftyp"


class Programme:
    """What the page shows: one person, the sounds, and who is speaking now.

    Args:
        head: The talking head.
        person: Its name.
        folder: Where uploads are kept until the end.
        max_bytes: Largest upload.
    """

    def __init__(self, head: TalkingHead, person: str, folder: Path, *, max_bytes: int) -> None:
        self.head, self.person, self.folder, self.max_bytes = head, person, folder, max_bytes
        self.speeches: dict[str, Speech] = {}
        self.uploads: list[str] = []
        self.stopping = threading.Event()
        self._speaking = threading.Lock()
        self._listing = threading.Lock()

    def add(self, path: Path, name: str, *, uploaded: bool = False) -> Speech:
        """Take up a sound; of uploads only the last 20 are kept.

        Raises:
            DataError: It cannot be read.
        """
        with Sound(path) as sound:
            speech = Speech(secrets.token_hex(8), name, path, sound.frames)
        with self._listing:
            self.speeches[speech.id] = speech
            if uploaded:
                self.uploads.append(speech.id)
                if len(self.uploads) > MAX_UPLOADS:
                    self.speeches.pop(self.uploads.pop(0)).path.unlink(missing_ok=True)
        return speech

    def play(self, speech: Speech, send: Callable[[bytes], object]) -> None:
        """Draw a speech and hand the bytes of the mp4 to `send`; one at a time.

        Raises:
            Refused: Another one is being drawn and does not end.
        """
        if not self._speaking.acquire(timeout=WAIT_S):
            raise Refused(503, "another speech is being played")
        try:
            with Sound(speech.path) as sound:
                frames = play_sound(self.head, sound)
                first = next(frames)
                with Mp4Stream(_rest(first, frames), first.shape[:2], speech.path, speech.frames) as stream:
                    for block in stream:
                        if self.stopping.is_set():
                            return
                        send(block)
        finally:
            self._speaking.release()


def _rest(first: Any, others: Any) -> Any:
    """Yield a frame and those that follow it; closing it closes them."""
    try:
        yield first
        yield from others
    finally:
        others.close()


class Page(BaseHTTPRequestHandler):
    """Answer one connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "talking-head", ""
    timeout = IDLE_S
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def do_GET(self) -> None:
        self._answer({"/": self._page, "/sounds": self._list}.get(urlsplit(self.path).path, self._play))

    def do_POST(self) -> None:
        self._answer(self._take if urlsplit(self.path).path == "/sounds" else self._unknown)

    def _answer(self, act: Callable[[], None]) -> None:
        """Check who asks, act, and turn what goes wrong into a status and one line."""
        self._begun = False
        try:
            self._check()
            act()
        except Refused as refused:
            self._tell(refused.status, str(refused))
        except UserError as error:
            log.warning("%s", error)
            self._tell(422, str(error).replace(str(self.server.programme.folder), ""))
        except (BrokenPipeError, ConnectionError, TimeoutError):
            self.close_connection = True

    def _tell(self, status: int, reason: str) -> None:
        self.close_connection = True
        if not self._begun:
            self._send(status, "application/json", json.dumps({"error": reason}).encode())

    def _check(self) -> None:
        """Refuse whoever calls this machine by another name: a site whose name was made to point here."""
        port = self.server.server_port
        allowed = {f"{HOST}:{port}", f"localhost:{port}"}
        if self.headers.get("Host", "") not in allowed:
            raise Refused(403, "this page answers to 127.0.0.1 and localhost only")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{name}" for name in allowed}:
            raise Refused(403, "another site's page may not ask this one")

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self._begun = True
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self._common()
        self.wfile.write(body)

    def _common(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _unknown(self) -> None:
        raise Refused(404, "there is nothing here")

    def _page(self) -> None:
        self._send(200, "text/html; charset=utf-8", PAGE.read_bytes())

    def _list(self) -> None:
        programme = self.server.programme
        sounds = [{"id": s.id, "name": s.name, "seconds": s.frames / FPS} for s in list(programme.speeches.values())]
        self._send(200, "application/json", json.dumps({"person": programme.person, "sounds": sounds}).encode())

    def _take(self) -> None:
        programme = self.server.programme
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise Refused(411, "say how long the sound is (Content-Length)")
        if not 16 <= int(length) <= programme.max_bytes:
            raise Refused(413, f"a sound has 16 bytes to {programme.max_bytes / 1e6:g} MB; this one has {length} bytes")
        names = parse_qs(urlsplit(self.path).query).get("name", ["sound"])
        name = re.sub(r"[^\w .()-]", "_", Path(names[0]).name)[:80] or "sound"
        target = programme.folder / secrets.token_hex(8)
        try:
            with target.open("xb") as file:
                left, start = int(length), b""
                while left:
                    block = self.rfile.read(min(left, 1 << 16))
                    if not block:
                        raise Refused(400, "the sound ended before its announced length")
                    if not start and not is_sound(start := block[:16]):
                        raise Refused(415, f"{name} is no wav, mp3, flac, ogg, m4a, webm, aiff or aac")
                    file.write(block)
                    left -= len(block)
            try:
                speech = programme.add(target, name, uploaded=True)
            except DataError as error:
                raise Refused(415, str(error).replace(str(target), name)) from None
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        answer = {"id": speech.id, "name": speech.name, "seconds": speech.frames / FPS}
        self._send(201, "application/json", json.dumps(answer).encode())

    def _play(self) -> None:
        match = re.fullmatch(r"/play/([0-9a-f]{16})\.mp4", urlsplit(self.path).path)
        speech = self.server.programme.speeches.get(match[1]) if match else None
        if speech is None:
            self._unknown()
            return
        self.connection.settimeout(PAUSED_S)
        self.server.programme.play(speech, self._chunk)
        if self._begun:
            self.wfile.write(b"0\r\n\r\n")
            self.connection.settimeout(IDLE_S)

    def _chunk(self, block: bytes) -> None:
        """Send a piece of a stream whose length nobody knows yet."""
        if not self._begun:
            self._begun = True
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Transfer-Encoding", "chunked")
            self._common()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block))


class Server(ThreadingHTTPServer):
    """Listen on this machine's own address, and end with everything that was begun."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, programme: Programme, port: int = 0) -> None:
        self.programme = programme
        self.connections: set[socket.socket] = set()
        super().__init__((HOST, port), Page)

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"

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
    with tempfile.TemporaryDirectory(prefix="vizeme-") as folder:
        programme = Programme(head, person, Path(folder), max_bytes=int(max_upload_mb * 1e6))
        for path in sounds:
            programme.add(path.absolute(), path.name)
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
