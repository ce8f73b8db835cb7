"""What may be sent to the page, and how much of it."""

from __future__ import annotations

import json
import socket

import numpy as np
import pytest

from tasks.person.mp4_stream import Mp4Stream
from tasks.person.page import programme
from tasks.person.page.guard import Refused
from tasks.person.page.programme import MAX_ARRIVING, Programme
from tests.made import write_tone
from utils.media.ffmpeg import input_arguments, run


def test_only_the_last_uploads_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(programme, "MAX_UPLOADS", 2)
    stage = Programme(None, "made", tmp_path, max_bytes=1000)  # type: ignore[arg-type]
    stage.add(write_tone(tmp_path / "own.wav", np.ones(400) / 9), "own.wav")
    for number in range(4):
        stage.add(write_tone(tmp_path / f"{number}.wav", np.ones(400) / 9), str(number), uploaded=True)
    assert [speech.name for speech in stage.speeches.values()] == ["own.wav", "2", "3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.wav", "3.wav", "own.wav"]


def test_uploads_are_counted_while_they_arrive(server, ask, opened, tmp_path):
    wav = write_tone(tmp_path / "own.wav", 0.2 * np.sin(np.arange(8000) / 20)).read_bytes()
    head = b"POST /sounds?name=a.wav HTTP/1.1\r\n" + opened + f"Content-Length: {len(wav)}\r\n\r\n".encode()
    kept = len(list(server.programme.folder.iterdir()))
    arriving = [socket.create_connection(("127.0.0.1", server.server_port)) for _ in range(MAX_ARRIVING)]
    for connection in arriving:
        connection.sendall(head + wav[:-1])
    while len(list(server.programme.folder.iterdir())) < kept + MAX_ARRIVING:
        pass
    status, answer = ask("POST", "/sounds", wav)
    assert (status, json.loads(answer)["error"].split(";")[0]) == (503, "4 sounds are arriving already")
    for connection in arriving[1:]:
        connection.close()
    arriving[0].sendall(wav[-1:])
    assert arriving[0].recv(12) == b"HTTP/1.1 201"
    arriving[0].close()
    while len(list(server.programme.folder.iterdir())) > kept + 1:
        pass
    assert ask("POST", "/sounds", wav)[0] == 201


def test_an_upload_that_fails_is_not_kept_and_gives_its_place_back(tmp_path):
    stage = Programme(None, "made", tmp_path, max_bytes=1000)  # type: ignore[arg-type]

    def arrive():
        with stage.arrival() as path:
            path.write_text("half")
            raise Refused(415, "no sound")

    for _ in range(2 * MAX_ARRIVING):
        with pytest.raises(Refused, match="no sound"):
            arrive()
    assert not list(tmp_path.iterdir())


def test_the_track_that_was_asked_for_is_the_one_that_is_spoken(tmp_path):
    file = tmp_path / "two.mka"
    for name, seconds, level in (("loud", 0.4, 0.5), ("faint", 0.8, 0.01)):
        write_tone(tmp_path / f"{name}.wav", level * np.sin(np.arange(16_000 * seconds) / 9))
    inputs = [part for name in ("loud", "faint") for part in input_arguments(tmp_path / f"{name}.wav")]
    run([*inputs, "-map", "0:a", "-map", "1:a", f"file:{file}"], 60, "two tracks")
    stage = Programme(None, "made", tmp_path, max_bytes=1000)  # type: ignore[arg-type]
    assert [stage.add(file, "two", track=track).frames for track in (None, 0, 1)] == [10, 10, 20]
    stream = Mp4Stream([], (2, 2), file, 1, track=1)
    assert "1:a:1" in stream._arguments()
