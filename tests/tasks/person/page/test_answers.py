"""The page: asked as a browser asks, and as one that means harm."""

from __future__ import annotations

import errno
import json
import logging
import socket
import threading

import numpy as np
import pytest

from tasks.person.page import answers
from tests.made import write_tone
from tests.patience import HANG_S
from utils.media.video import probe, read_frames


def test_the_page_says_who_speaks_and_what_can_be_said(ask):
    status, body = ask("GET", "/")
    assert status == 200
    assert b"<video" in body
    status, body = ask("GET", "/sounds")
    told = json.loads(body)
    assert (status, told["person"]) == (200, "made")
    assert [(s["name"], s["seconds"]) for s in told["sounds"][:1]] == [("voice.wav", 38 / 25)]  # and what was sent


def test_a_speech_is_played_with_its_sound_while_it_is_made(ask, first_id, tmp_path):
    status, body = ask("GET", f"/play/{first_id}.mp4?123")
    assert status == 200
    (tmp_path / "seen.mp4").write_bytes(body)
    info = probe(tmp_path / "seen.mp4")
    assert (info.width, info.height, info.has_audio, info.codec) == (32, 32, True, "h264")
    assert len(list(read_frames(tmp_path / "seen.mp4"))) == 38
    assert body.count(b"moof") >= 5  # many fragments: a player need not wait for the end


def begin_to_play(server, path: str, opened: bytes) -> socket.socket:
    """Ask for a film as a player does that has room for next to nothing, and return the connection."""
    player = socket.socket()
    player.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    player.connect(("127.0.0.1", server.server_port))
    player.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\n" + opened + b"\r\n")
    assert player.recv(15) == b"HTTP/1.1 200 OK"
    return player


def test_who_goes_away_stops_the_drawing_and_the_next_is_served(server, ask, first_id, opened):
    begin_to_play(server, f"/play/{first_id}.mp4", opened).close()
    status, body = ask("GET", f"/play/{first_id}.mp4")
    assert status == 200
    assert len(body) > 1000


def test_a_player_that_takes_nothing_gives_way_to_who_waits(server, ask, opened, first_id, monkeypatch):
    """A paused film goes on, until somebody else asks for one."""
    monkeypatch.setattr(answers, "SLOW_S", 0.2)
    sent, pushed = threading.Event(), answers.Answers._push

    def more_than_any_buffer_holds(self, block):
        sent.set()
        pushed(self, block + b"0" * 20_000_000)

    monkeypatch.setattr(answers.Answers, "_push", more_than_any_buffer_holds)
    with begin_to_play(server, f"/play/{first_id}.mp4", opened):
        assert sent.wait(HANG_S)
        monkeypatch.setattr(answers.Answers, "_push", pushed)
        assert ask("GET", f"/play/{first_id}.mp4")[0] == 200


def test_a_sound_can_be_sent(ask, tmp_path):
    wav = write_tone(tmp_path / "own.wav", 0.2 * np.sin(np.arange(16000) / 20))
    status, body = ask("POST", "/sounds?name=../../etc/my%20own%00.wav", wav.read_bytes())
    told = json.loads(body)
    assert (status, told["name"], told["seconds"]) == (201, "my own_.wav", 1.0)
    assert ask("GET", f"/play/{told['id']}.mp4")[0] == 200
    assert told["id"] in ask("GET", "/sounds")[1].decode()


@pytest.mark.parametrize("path", ["/nothing", "/play/../../etc/passwd", "/play/0123456789abcdef.mp4", "/live_page.py"])
def test_there_is_nothing_else(ask, path):
    status, body = ask("GET", path)
    assert (status, json.loads(body)["error"]) == (404, "there is nothing here")


def test_what_is_no_sound_is_refused_and_not_kept(server, ask):
    kept = sorted(server.programme.folder.iterdir())
    playlist = b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"
    broken = b"RIFF....WAVEfmt broken......"
    for body, status in ((playlist, 415), (broken, 415), (b"short", 413), (bytes(200_001), 413)):
        try:
            found, told = ask("POST", "/sounds?name=x.wav", body)
        except ConnectionError:  # it hangs up on what is too large
            assert status == 413
            continue
        assert found == status, told
        assert len(json.loads(told)["error"].splitlines()) == 1
    assert ask("POST", "/sounds", iter([b"RIFF"]), Transfer_Encoding="chunked")[0] == 411
    assert ask("POST", "/other", b"x" * 20)[0] == 404
    assert sorted(server.programme.folder.iterdir()) == kept


def test_other_names_and_other_sites_are_refused(server, ask):
    assert server.server_address[0] == "127.0.0.1"
    port = server.server_port
    assert ask("GET", "/", Host="evil.example")[0] == 403
    assert ask("GET", "/", Host=f"evil.example:{port}")[0] == 403
    assert ask("POST", "/sounds", b"x" * 20, Origin="http://evil.example")[0] == 403
    assert ask("GET", "/", Host=f"localhost:{port}")[0] == 200
    assert ask("GET", "/", Origin=f"http://127.0.0.1:{port}")[0] == 200


def test_who_does_not_know_the_key_is_shown_nothing(server, ask, first_id):
    wrong = ["", "vizeme=1", f"{server.cookie}=", f"{server.cookie}={server.token[:-1]}", f"other={server.token}", '"\\'
             f"{server.cookie}=\xe9"]  # fmt: skip
    for cookie in wrong:
        for path in ("/", "/sounds", f"/play/{first_id}.mp4", "/nothing", "/?token=%FF", "/?token=a&token=b"):
            status, body = ask("GET", path, Cookie=cookie)
            assert (status, b"printed" in body) == (403, True), (cookie, path)
        assert ask("POST", "/sounds", b"x" * 20, Cookie=cookie)[0] == 403


def test_the_printed_address_opens_the_page_and_its_cookie_the_rest(server, ask, say):
    _, _, path = server.address.partition(f":{server.server_port}")
    assert len(server.token) >= 32
    answer = say(f"GET {path} HTTP/1.1\r\nHost: localhost:{server.server_port}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"<video" in body
    cookie = next(line for line in head.decode().splitlines() if line.startswith("Set-Cookie: "))[12:]
    assert cookie.split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Strict"]
    ours = cookie.split(";")[0]
    for theirs in ("theirs=1", 'theirs={"a": 1}', "flag", "a[b]=1", "me@here=1", "path=/", 'a="x', "a=\xf6"):
        assert ask("GET", "/sounds", Cookie=f"{theirs}; {ours}")[0] == 200, theirs
    assert ask("GET", f"/sounds?token={server.token}", Cookie="")[0] == 200


@pytest.mark.parametrize(
    ("line", "lines", "status"),
    [
        (b"GET http://[ HTTP/1.1", b"", b"400"),
        (b"POST http://[ HTTP/1.1", b"", b"400"),
        (b"GET /?" + b"a=1&" * 200 + b" HTTP/1.1", b"", b"400"),
        (b"POST /sounds HTTP/1.1", b"Content-Length: " + b"9" * 5000 + b"\r\n", b"413"),
        (b"POST /sounds HTTP/1.1", b"Content-Length: " + "²".encode() + b"\r\n", b"411"),
        (b"POST /sounds HTTP/1.1", b"Content-Length: 20\r\nContent-Length: 30\r\n", b"411"),
        (b"POST /sounds HTTP/1.1", b"Content-Length: 20\r\nTransfer-Encoding: chunked\r\n", b"411"),
        (b"GET /sounds HTTP/1.1", b"Content-Length: 26\r\n", b"400"),
        (b"GET /sounds HTTP/1.1", b"Transfer-Encoding: chunked\r\n", b"400"),
        (b"PUT /sounds HTTP/1.1", b"", b"501"),
        (b"GET /sounds HTTP/x", b"", b"400"),
    ],
)
def test_what_no_browser_says_has_one_answer(say, opened, capfd, line, lines, status):
    answer = say(line + b"\r\n" + opened + lines + b"\r\nGET /sounds HTTP/1.1\r\n" + opened + b"\r\n")
    assert status in answer[:350], answer
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert capfd.readouterr().err == ""


def test_who_hangs_up_in_the_middle_of_a_request_leaves_no_word(server, ask, opened, capfd):
    whole = b"POST /sounds?name=a.wav HTTP/1.1\r\n" + opened + b"Content-Length: 100\r\n\r\nRIFF....WAVE"
    nonsense = b"\x00\xff nonsense that is answered\r\n\r\n"
    for request in [*(whole[:length] for length in range(0, len(whole), 7)), nonsense]:
        connection = socket.create_connection(("127.0.0.1", server.server_port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset, as a crash does
        connection.sendall(request)
        connection.close()
    assert ask("GET", "/sounds")[0] == 200
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 507), (errno.EIO, 500)])
def test_what_the_machine_refuses_is_one_line_and_it_goes_on(
    server, ask, first_id, tmp_path, monkeypatch, caplog, number, status
):
    wav = write_tone(tmp_path / "own.wav", 0.2 * np.sin(np.arange(8000) / 20)).read_bytes()
    kept = sorted(server.programme.folder.iterdir())

    def refuse(*_):
        raise OSError(number, "it is refused")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr("tasks.speaking.sound.Sound._convert", refuse)
        for method, path, body in (("POST", "/sounds", wav), ("GET", f"/play/{first_id}.mp4", None)):
            caplog.clear()
            told, answer = ask(method, path, body)
            assert (told, list(json.loads(answer))) == (status, ["error"])
            lines = [(record.exc_info, "it is refused." in record.getMessage()) for record in caplog.records]
            assert lines == [(None, True)]
    assert sorted(server.programme.folder.iterdir()) == kept
    assert ask("POST", "/sounds", wav)[0] == 201
    assert ask("GET", f"/play/{first_id}.mp4")[0] == 200
