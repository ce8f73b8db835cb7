"""The page as a command: its address, its end, what it leaves, and a machine that gives it nothing."""

from __future__ import annotations

import errno
import http.client
import json
import os
import re
import signal
from http.server import ThreadingHTTPServer
from urllib.parse import urlsplit

import numpy as np
import pytest

from tasks.person.page import server as pages
from tasks.person.page.programme import Programme
from tasks.person.page.server import NO_HANDLE_S, Server
from tests.made import write_tone
from tests.patience import HANG_S
from tests.reliability.harness import Command, Running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_is_ended_in_the_middle_of_a_speech(server, tmp_path, number):
    house = server.programme.folder.parent
    write_tone(house / "long.wav", 0.1 * np.sin(np.arange(16000 * 60) / 30))
    words = ("play", "made", "long.wav", "--port=0")
    page = Running(Command("tasks/talking_head.py", words, house, tmp_path / "said.txt", {"TMPDIR": str(tmp_path)}))
    try:
        while not (printed := re.search(r"^(http://127\.0\.0\.1:\S+)\s", page.said(), re.MULTILINE)):
            assert page.wait(0.05) is None, page.said()
        address = urlsplit(printed[1])
        connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=HANG_S)
        connection.request("GET", f"/sounds?{address.query}")
        told = json.loads(connection.getresponse().read())
        connection.request("GET", f"/play/{told['sounds'][0]['id']}.mp4?{address.query}")
        assert connection.getresponse().read(2000)
        os.kill(page.pid, number)
        assert page.wait() == 0
        assert "Traceback" not in page.said()
        connection.close()
    finally:
        page.kill()
    assert not list(tmp_path.glob("vizeme-*"))


def test_a_machine_that_gives_no_more_handles_is_not_asked_without_end(tmp_path, monkeypatch):
    pauses = []

    def refuse(_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(ThreadingHTTPServer, "get_request", refuse)
    monkeypatch.setattr(pages.time, "sleep", pauses.append)
    with Server(Programme(None, "made", tmp_path, max_bytes=1000)) as server:  # type: ignore[arg-type]
        with pytest.raises(OSError, match="Too many"):
            server.get_request()
    assert pauses == [NO_HANDLE_S]


def test_every_page_has_a_key_of_its_own(tmp_path):
    stage = Programme(None, "made", tmp_path, max_bytes=1000)  # type: ignore[arg-type]
    with Server(stage) as first, Server(stage) as second:
        assert first.token != second.token
        assert first.cookie != second.cookie
