"""A page that runs, and how a browser and others ask it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tasks.person.head import TalkingHead
from tasks.person.page.programme import Programme
from tasks.person.page.server import Server
from tests.made_heads import make_house
from tests.patience import HANG_S


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve an untrained head that can say voice.wav."""
    folder = make_house(tmp_path_factory.mktemp("house"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "uploads").mkdir()
        programme = Programme(TalkingHead.load("made", device="cpu"), "made", folder / "uploads", max_bytes=200_000)
        programme.add(folder / "voice.wav", "voice.wav")
        with Server(programme) as running:
            thread = threading.Thread(target=running.serve_forever, args=(0.05,))
            thread.start()
            yield running
            running.shutdown()
        thread.join(HANG_S)
    assert not [t for t in threading.enumerate() if t.name == "frames"]


@pytest.fixture
def ask(server: Server) -> Callable[..., tuple[int, bytes]]:
    """Ask as a browser does that has opened the printed address; `Cookie=""` as one that has not."""

    def asked(method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=HANG_S)
        headers = {"Cookie": f"{server.cookie}={server.token}", **headers}
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    return asked


@pytest.fixture
def say(server: Server) -> Callable[[bytes], bytes]:
    """Send bytes and return all that comes until the page hangs up."""

    def said(request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=HANG_S) as connection:
            connection.sendall(request)
            answer = b""
            try:
                while block := connection.recv(1 << 16):
                    answer += block
            except ConnectionError:
                pass
        return answer

    return said


@pytest.fixture
def opened(server: Server) -> bytes:
    """Return the lines of a request that say whom it asks, and that it may."""
    port = server.server_port
    return f"Host: 127.0.0.1:{port}\r\nCookie: {server.cookie}={server.token}\r\n".encode()


@pytest.fixture
def first_id(ask: Callable[..., tuple[int, bytes]]) -> str:
    """Return the id of voice.wav."""
    return str(json.loads(ask("GET", "/sounds")[1])["sounds"][0]["id"])
