"""The page: asked as a browser asks, and as one that means harm."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tasks.person.head import TalkingHead
from tasks.person.page import Programme, Server, is_sound
from tests.made import write_tone
from tests.made_heads import make_house
from utils.media.video import probe, read_frames

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
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
        thread.join(20)
    assert not [t for t in threading.enumerate() if t.name == "frames"]


def ask(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=300)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def first_id(server) -> str:
    return json.loads(ask(server, "GET", "/sounds")[1])["sounds"][0]["id"]


def test_the_page_says_who_speaks_and_what_can_be_said(server):
    status, body = ask(server, "GET", "/")
    assert status == 200
    assert b"<video" in body
    status, body = ask(server, "GET", "/sounds")
    told = json.loads(body)
    assert (status, told["person"]) == (200, "made")
    assert [(s["name"], s["seconds"]) for s in told["sounds"]] == [("voice.wav", 38 / 25)]


def test_a_speech_is_played_with_its_sound_while_it_is_made(server, tmp_path):
    status, body = ask(server, "GET", f"/play/{first_id(server)}.mp4?123")
    assert status == 200
    (tmp_path / "seen.mp4").write_bytes(body)
    info = probe(tmp_path / "seen.mp4")
    assert (info.width, info.height, info.has_audio, info.codec) == (32, 32, True, "h264")
    assert len(list(read_frames(tmp_path / "seen.mp4"))) == 38
    assert body.count(b"moof") >= 5  # many fragments: a player need not wait for the end


def test_who_goes_away_stops_the_drawing_and_the_next_is_served(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=300)
    connection.request("GET", f"/play/{first_id(server)}.mp4")
    assert connection.getresponse().read(100)
    connection.close()
    status, body = ask(server, "GET", f"/play/{first_id(server)}.mp4")
    assert status == 200
    assert len(body) > 1000


def test_a_sound_can_be_sent(server, tmp_path):
    wav = write_tone(tmp_path / "own.wav", 0.2 * np.sin(np.arange(16000) / 20))
    status, body = ask(server, "POST", "/sounds?name=../../etc/my%20own%00.wav", wav.read_bytes())
    told = json.loads(body)
    assert (status, told["name"], told["seconds"]) == (201, "my own_.wav", 1.0)
    assert ask(server, "GET", f"/play/{told['id']}.mp4")[0] == 200
    assert told["id"] in ask(server, "GET", "/sounds")[1].decode()


@pytest.mark.parametrize("path", ["/nothing", "/play/../../etc/passwd", "/play/0123456789abcdef.mp4", "/live_page.py"])
def test_there_is_nothing_else(server, path):
    status, body = ask(server, "GET", path)
    assert (status, json.loads(body)["error"]) == (404, "there is nothing here")


def test_what_is_no_sound_is_refused_and_not_kept(server):
    kept = sorted(server.programme.folder.iterdir())
    playlist = b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"
    broken = b"RIFF....WAVEfmt broken......"
    for body, status in ((playlist, 415), (broken, 415), (b"short", 413), (bytes(200_001), 413)):
        try:
            found, told = ask(server, "POST", "/sounds?name=x.wav", body)
        except ConnectionError:  # it hangs up on what is too large
            assert status == 413
            continue
        assert found == status, told
        assert len(json.loads(told)["error"].splitlines()) == 1
    assert ask(server, "POST", "/sounds", iter([b"RIFF"]), Transfer_Encoding="chunked")[0] == 411
    assert ask(server, "POST", "/other", b"x" * 20)[0] == 404
    assert sorted(server.programme.folder.iterdir()) == kept


def test_other_names_and_other_sites_are_refused(server):
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, "GET", "/", Host="evil.example")[0] == 403
    assert ask(server, "GET", "/", Host=f"evil.example:{server.server_port}")[0] == 403
    assert ask(server, "POST", "/sounds", b"x" * 20, Origin="http://evil.example")[0] == 403
    assert ask(server, "GET", "/", Host=f"localhost:{server.server_port}")[0] == 200
    assert ask(server, "GET", "/", Origin=server.address.rstrip("/"))[0] == 200


def test_sounds_are_known_by_their_first_bytes(tmp_path):
    assert is_sound(write_tone(tmp_path / "a.wav", np.zeros(100)).read_bytes()[:16])
    for start in (b"ID3\x04", b"\xff\xfb\x90\x64", b"fLaC", b"OggS", b"\0\0\0\x20ftypM4A ", b"\x1aE\xdf\xa3"):
        assert is_sound(start.ljust(16, b"\0"))
    for start in (b"#EXTM3U", b"ffconcat version", b"RIFF....AVI LIST", b"<html>", b"", b"\xff"):
        assert not is_sound(start)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_command_in_the_middle_of_a_speech(server, tmp_path, number):
    house = server.programme.folder.parent
    write_tone(house / "long.wav", 0.1 * np.sin(np.arange(16000 * 60) / 30))
    command = [sys.executable, str(ROOT / "tasks/talking_head.py"), "play", "made", "long.wav", "--port=0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=house, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            assert line.startswith("http://127.0.0.1:"), process.stderr.read()
            port = int(line.split("/")[2].split(":")[1])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
            connection.request("GET", "/sounds")
            told = json.loads(connection.getresponse().read())
            connection.request("GET", f"/play/{told['sounds'][0]['id']}.mp4")
            assert connection.getresponse().read(2000)
            began = time.monotonic()
            process.send_signal(number)
            assert process.wait(120) == 0
            assert time.monotonic() - began < 120
            assert "Traceback" not in process.stderr.read()
            connection.close()
        finally:
            process.kill()
