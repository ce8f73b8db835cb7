"""The studio as a command: its address, its end, what goes on without it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
from urllib.parse import urlsplit

import pytest

from tasks.person.studio.server import listening
from tests.patience import HANG_S
from tests.reliability.harness import Command, Running
from utils.errors import DataError


def test_a_port_that_is_taken_is_told():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(DataError, match=f"Port {port} cannot be used"), listening(port):
            pass


def command_of(home, said):
    return Command("tasks/talking_head.py", ("studio", "--port=0"), home, said, {"VIZEME_HOME": str(home)})


def begin(home, said):
    """Start the command, and return it with the address that it printed."""
    run = Running(command_of(home, said), typed=True)
    while not (printed := re.search(r"^(http://127\.0\.0\.1:\S+)\s", run.said(), re.MULTILINE)):
        assert run.wait(0.05) is None, run.said()
    return run, urlsplit(printed[1])


def test_the_command_ends_when_asked_and_keeps_its_key(home, tmp_path):
    first, address = begin(home, tmp_path / "said.txt")
    try:
        connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=HANG_S)
        connection.request("GET", f"/api/people?{address.query}")
        assert json.loads(connection.getresponse().read()) == {"people": []}
        connection.request("GET", f"/api/events?{address.query}")
        assert connection.getresponse().read(12) == b"event: jobs\n", "a stream that is open holds nothing up"
        second = Running(command_of(home, tmp_path / "more.txt"), typed=True)
        assert second.wait(HANG_S) == 2
        assert "Another studio is open in" in second.said()
        os.kill(first.pid, signal.SIGTERM)
        assert first.wait(HANG_S) in (0, 143)
    finally:
        first.kill()
    again, anew = begin(home, tmp_path / "again.txt")
    again.kill()
    assert anew.query == address.query
