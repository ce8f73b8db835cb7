"""Answer one browser: check who asks, then list, take or play sounds."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tasks.person.page.guard import HEADERS, Refused, failure, is_sound, keys_in_cookies, refuse_stranger
from tasks.person.page.programme import Speech
from utils.command import plain
from utils.errors import DataError, UserError
from utils.rates import FPS

if TYPE_CHECKING:
    from tasks.person.page.programme import Programme


log = logging.getLogger("vizeme")
PAGE = Path(__file__).with_name("live_page.html")
IDLE_S, PAUSED_S = 60.0, 3600.0
"""A connection that moves nothing for so long is closed; that of a film, which may be paused, later."""
SLOW_S = 5.0
"""A player that takes no block of its film for so long gives way to who waits."""
MOST_DIGITS = 15
"""Of a length that a request announces."""


class Answers(BaseHTTPRequestHandler):
    """Answer one connection of a page's server."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "talking-head", ""
    timeout = IDLE_S
    server: Any
    """A `tasks.person.page.server.Server`, which is made of this."""

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # who asked has gone
            self.close_connection = True

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    @property
    def programme(self) -> Programme:
        """What is shown."""
        return self.server.programme

    def do_GET(self) -> None:
        self._answer({"/": self._page, "/sounds": self._list}, self._play)

    def do_POST(self) -> None:
        self._answer({"/sounds": self._take}, self._unknown)

    def _answer(self, acts: dict[str, Callable[[], None]], otherwise: Callable[[], None]) -> None:
        """Check who asks, act, and turn what goes wrong into a status and one line."""
        self._begun = False
        try:
            try:
                self.url = urlsplit(self.path)
                self.words = parse_qs(self.url.query, max_num_fields=20)
            except ValueError:
                raise Refused(400, "that is no address") from None
            self._check()
            acts.get(self.url.path, otherwise)()
        except Refused as refused:
            self._tell(refused.status, str(refused))
        except UserError as error:
            log.warning("%s", plain(str(error)))
            self._tell(422, str(error).replace(str(self.programme.folder), ""))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:
            self._tell(*failure(error))

    def _tell(self, status: int, reason: str) -> None:
        self.close_connection = True
        if not self._begun:
            try:
                self._send(status, "application/json", json.dumps({"error": reason}).encode())
            except OSError:  # who asked has gone
                pass

    def _check(self) -> None:
        """Refuse a site whose name was made to point here, another site's page, who has no key, and a body unasked."""
        keys = self.words.get("token", []) + keys_in_cookies(self.headers.get_all("Cookie", []), self.server.cookie)
        origin, host = self.headers.get("Origin"), self.headers.get("Host", "")
        refuse_stranger(self.server.names, host, origin, self.server.token, keys)
        if self.command == "GET" and ("Transfer-Encoding" in self.headers or self._length() not in ("", "0")):
            raise Refused(400, "a question has no body")

    def _length(self) -> str:
        """Return the one announced length of the body, as it was written; "?" when there are several."""
        lengths = self.headers.get_all("Content-Length", [])
        return "" if not lengths else lengths[0].strip() if len(lengths) == 1 else "?"

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self._begun = True
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self._common()
        self.wfile.write(body)

    def _common(self) -> None:
        for name, text in HEADERS.items():
            self.send_header(name, text)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _unknown(self) -> None:
        raise Refused(404, "there is nothing here")

    def _page(self) -> None:
        self._begun = True
        body = PAGE.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        cookie = f"{self.server.cookie}={self.server.token}; Path=/; HttpOnly; SameSite=Strict"
        self.send_header("Set-Cookie", cookie)
        self._common()
        self.wfile.write(body)

    def _list(self) -> None:
        speeches = list(self.programme.speeches.values())
        answer = {"person": self.programme.person, "sounds": [_described(speech) for speech in speeches]}
        self._send(200, "application/json", json.dumps(answer).encode())

    def _take(self) -> None:
        length = self._length()
        if not length.isascii() or not length.isdigit() or "Transfer-Encoding" in self.headers:
            raise Refused(411, "say how long the sound is (Content-Length)")
        largest = self.programme.max_bytes
        if len(length) > MOST_DIGITS or not 16 <= int(length) <= largest:
            raise Refused(413, f"a sound has 16 bytes to {largest / 1e6:g} MB; this one has {length[:20]} bytes")
        name = re.sub(r"[^\w .()-]", "_", Path(self.words.get("name", ["sound"])[0]).name)[:80] or "sound"
        with self.programme.arrival() as target:
            self._receive(target, int(length), name)
            try:
                speech = self.programme.add(target, name, uploaded=True)
            except DataError as error:
                raise Refused(415, str(error).replace(str(target), name)) from None
        self._send(201, "application/json", json.dumps(_described(speech)).encode())

    def _receive(self, target: Path, left: int, name: str) -> None:
        """Write a body of `left` bytes into a new file."""
        start = b""
        with target.open("xb") as file:
            while left:
                block = self.rfile.read(min(left, 1 << 16))
                if not block:
                    raise Refused(400, "the sound ended before its announced length")
                if not start and not is_sound(start := block[:16]):
                    raise Refused(415, f"{name} is no wav, mp3, flac, ogg, m4a, webm, aiff or aac")
                file.write(block)
                left -= len(block)

    def _play(self) -> None:
        match = re.fullmatch(r"/play/([0-9a-f]{16})\.mp4", self.url.path)
        speech = self.programme.speeches.get(match[1]) if match else None
        if speech is None:
            self._unknown()
            return
        self.connection.settimeout(min(SLOW_S, 1.0))
        try:
            self.programme.play(speech, self._chunk)
            if self._begun:
                self._push(b"0\r\n\r\n")
        finally:
            self.connection.settimeout(IDLE_S)

    def _chunk(self, block: bytes) -> None:
        """Send a piece of a stream whose length nobody knows yet."""
        if not self._begun:
            self._begun = True
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Transfer-Encoding", "chunked")
            self._common()
        self._push(b"%x\r\n%b\r\n" % (len(block), block))

    def _push(self, block: bytes) -> None:
        """Send all of a block; `TimeoutError` when the player takes it too slowly for whoever waits, or is gone."""
        began = time.monotonic()
        left = memoryview(block)
        while len(left):
            try:
                left = left[self.connection.send(left) :]
            except TimeoutError:
                pass
            took = time.monotonic() - began
            if len(left) and (took > PAUSED_S or (took > SLOW_S and self.programme.waiting)):
                raise TimeoutError("the player takes nothing")


def _described(speech: Speech) -> dict[str, object]:
    return {"id": speech.id, "name": speech.name, "seconds": speech.frames / FPS}
