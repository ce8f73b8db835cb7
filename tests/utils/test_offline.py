"""Nothing is fetched offline; online, free weights are fetched once, from a server that stands on this machine here."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from data_gen.video.job import VideoJob
from data_gen.video.run import wanted_weights
from tests.patience import HANG_S
from utils import assets, offline
from utils.asset_table import ASSETS, Asset, Part
from utils.assets import download, fetch_missing, find_asset
from utils.errors import AssetError
from utils.media.video import VideoWriter

ROOT = Path(__file__).resolve().parents[2]
CONTENT = b"weights" * 600_000  # less than half of what a row says is no weight
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_HEAD(self):
        self.send_response(200 if self.path != "/lost" else 404)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()

    def do_GET(self):
        Server.asked.append(self.path)
        self.do_HEAD()
        self.wfile.write(CONTENT[:-1] + b"!" if self.path == "/damaged" else CONTENT)

    def log_message(self, *arguments):
        """Keep quiet."""


@pytest.fixture
def address(tmp_path, monkeypatch):
    """Serve weights on this machine, which is otherwise bare, and be online."""
    monkeypatch.delenv(offline.VARIABLE)
    monkeypatch.setattr(assets, "roots", lambda: [tmp_path / "cache"])
    monkeypatch.setattr(assets, "cache_folder", lambda: tmp_path / "cache")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    Server.asked = []
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def put(monkeypatch, name: str, url: str) -> None:
    row = Asset((f"{name}.bin",), "a test", "MIT", (Part(url, f"{name}.bin", DIGEST),), (DIGEST,), megabytes=7,
                without=f"{name} is gone without")  # fmt: skip
    monkeypatch.setitem(ASSETS, name, row)


def test_a_free_weight_is_fetched_once_after_size_and_licence_were_told(address, monkeypatch, capsys):
    put(monkeypatch, "a", f"{address}/a")
    fetch_missing(["a"])
    said = capsys.readouterr().err
    assert said.index("a (7 MB, MIT)") < said.index("100%")  # before its bar
    path = find_asset("a")
    assert path is not None
    assert path.read_bytes() == CONTENT
    fetch_missing(["a"])
    assert (Server.asked, capsys.readouterr().err) == (["/a"], "")


def test_what_is_not_as_published_is_left_and_told(address, monkeypatch, capsys, tmp_path):
    for name in ("damaged", "lost", "good"):
        put(monkeypatch, name, f"{address}/{name}")
    fetch_missing(["damaged", "lost", "good"])
    said = capsys.readouterr().err
    assert "damaged is gone without" in said
    assert "lost is gone without" in said
    assert "good is gone without" not in said
    assert "SHA-256" in said
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["good.bin"]
    assert "/lost" not in Server.asked


def test_offline_nothing_is_asked_and_one_line_says_what_is_used(address, monkeypatch, capsys):
    monkeypatch.setenv(offline.VARIABLE, "1")
    put(monkeypatch, "a", f"{address}/a")
    fetch_missing(["a"])
    assert capsys.readouterr().err == "Offline, and not here: a: a is gone without.\n"
    with pytest.raises(AssetError, match="VIZEME_OFFLINE is set, so nothing is fetched"):
        download("a")
    assert Server.asked == []


def test_a_server_that_never_answers_costs_the_patience_and_no_more(address, monkeypatch, capsys):
    silent = socket.create_server(("127.0.0.1", 0))
    with silent:
        for name in ("a", "b", "c"):
            put(monkeypatch, name, f"http://127.0.0.1:{silent.getsockname()[1]}/{name}")
        put(monkeypatch, "d", f"{address}/d")
        assert offline.reachable(["a", "b", "c"], patience_s=0.05) == []
        # the server that answers does so in its own time, however busy the machine
        patience = {"a": 0.05, "b": 0.05, "c": 0.05, "d": HANG_S}
        asked = [name for name in patience if offline.reachable([name], patience_s=patience[name])]
        monkeypatch.setattr(assets, "reachable", lambda names: asked)
        fetch_missing(["a", "b", "c", "d"])
    said = capsys.readouterr().err
    assert "Not to be had now: a: a is gone without; b:" in said
    assert find_asset("d") is not None


def test_what_is_fetched_in_passing_is_free_and_not_for_who_was_processed_before(tmp_path):
    job = VideoJob("anna", tmp_path / "a.mp4", data_dir=tmp_path)
    names = wanted_weights(job)
    assert {"whisper_base_encoder", "lpips_alexnet"} <= set(names)
    assert all(ASSETS[name].commercial and ASSETS[name].without for name in names)
    assert "face_landmarker" not in wanted_weights(VideoJob("a", job.video, data_dir=tmp_path, landmarks="dlib"))
    (job.processed / "landmarks").mkdir(parents=True)
    (job.processed / "landmarks" / "stage.json").write_text("{}")
    assert wanted_weights(job) == []


def test_the_command_says_offline_and_goes_on(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 64, 64, fps=25) as writer:
        for _ in range(5):
            writer.write(np.zeros((64, 64, 3), np.uint8))
    variables = {name: value for name, value in os.environ.items() if name != offline.VARIABLE}
    done = subprocess.run(
        [sys.executable, str(ROOT / "data_gen/run.py"), "video", "--id=a", "--video=a.mp4", "--offline"],
        cwd=tmp_path, env=variables | {"XDG_CACHE_HOME": str(tmp_path / "cache")}, capture_output=True, text=True,
        timeout=HANG_S,
    )  # fmt: skip
    first, *rest = done.stderr.splitlines()
    assert first.startswith("Offline, and not here: ")
    assert "whisper_base_encoder" in first
    assert (done.returncode, rest[-1][:22]) == (2, "error: a.mp4 has no sound"[:22])
    assert not (tmp_path / "cache").exists()


def test_tests_and_demo_are_offline():
    assert offline.is_offline()
    for script in ("test.sh", "demo.sh"):
        assert "VIZEME_OFFLINE=1" in (ROOT / "scripts" / script).read_text()


@pytest.mark.parametrize(("value", "is_so"), [("", False), ("0", False), ("1", True), ("yes", True)])
def test_the_variable(monkeypatch, value, is_so):
    monkeypatch.setenv(offline.VARIABLE, value)
    assert offline.is_offline() is is_so
