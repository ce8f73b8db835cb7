"""The studio as a command: its address, its end, one in a home."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
from urllib.parse import urlsplit

import pytest

from tasks.person.settings import StudioCommand
from tasks.person.studio.server import listening, main
from tests.patience import HANG_S
from tests.reliability.harness import Command, Running
from utils.errors import DataError
from utils.files.lock import alone_in


def test_a_port_that_is_taken_is_told():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(DataError, match=f"Port {port} cannot be used"), listening(port):
            pass


def test_a_home_has_one_studio(home):
    with alone_in(home / "studio", "busy"), pytest.raises(DataError, match=f"Another studio is open in {home}"):
        main(StudioCommand(port=0))


def test_the_command_ends_when_asked_although_somebody_listens(home, tmp_path):
    words, place = ("studio", "--port=0"), {"VIZEME_HOME": str(home)}
    run = Running(Command("tasks/talking_head.py", words, home, tmp_path / "said.txt", place), typed=True)
    try:
        while not (printed := re.search(r"^(http://127\.0\.0\.1:\S+)\s", run.said(), re.MULTILINE)):
            assert run.wait(0.05) is None, run.said()
        address = urlsplit(printed[1])
        connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=HANG_S)
        connection.request("GET", f"/api/people?{address.query}")
        assert json.loads(connection.getresponse().read()) == {"people": []}
        connection.request("GET", f"/api/events?{address.query}")
        assert connection.getresponse().read(12) == b"event: jobs\n"
        os.kill(run.pid, signal.SIGTERM)
        assert run.wait(HANG_S) in (0, 143)
    finally:
        run.kill()
    assert address.query == f"token={(home / 'studio/key').read_text()}"
