"""The studio's server stays as large as it was: 200 files sent over HTTP, 20 films spoken, all deleted again.

    VIZEME_FIGURES=figures .venv/bin/python -m pytest tests/reliability/test_studio_memory.py -m slow

writes `studio_memory.json` into that folder: the server's resident memory in MB, every 10 uploads and every film.
"""

from __future__ import annotations

import json
import os
import re
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.studio import Studio, until
from tests.made_heads import make_house
from tests.patience import HANG_S
from utils.media.video import VideoWriter
from utils.media.wav import write_wav

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
]
UPLOADS, FILMS, EVERY = 200, 20, 10
WARM, WARM_FILMS = 50, 5
"""After so many of them, everything has been imported and every thread and buffer been used."""
PIECE = 1 << 20
MOST_MB = 12
"""By so much memory may differ from then on: 150 uploads of 3 MB that were kept would be 450."""


class Asker:
    """Ask a studio over HTTP as its pages do."""

    def __init__(self, studio: Studio) -> None:
        self.port = studio.port
        self.key = studio.address.partition("token=")[2]

    def ask(self, method: str, path: str, body: Any = None, *, broken: bool = False) -> Any:
        """Return the answer as JSON; with `broken`, send half of the body, hang up and return nothing."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=HANG_S)
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        connection.putrequest(method, path)
        connection.putheader("Authorization", f"Bearer {self.key}")
        connection.putheader("Content-Type", kind)
        connection.putheader("Content-Length", str(len(raw)))
        connection.endheaders(raw[: len(raw) // 2] if broken else raw)
        if broken:
            connection.close()
            return None
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status < 300, content[:500]
        return json.loads(content) if answer.headers.get_content_type() == "application/json" else content

    def send(self, name: str, content: bytes, purpose: str, *, broken: bool) -> str:
        """Send a file in pieces, perhaps broken off in its second, and return the upload's id."""
        upload = self.ask("POST", "/api/uploads", {"name": name, "bytes": len(content), "purpose": purpose})
        address = f"/api/uploads/{upload['id']}"
        while not upload["done"]:
            offset = upload["offset"]
            piece = content[offset : offset + PIECE]
            if broken and offset:
                self.ask("PATCH", f"{address}?offset={offset}", piece, broken=True)
                broken = False
                upload = self.at_rest(address)
                continue
            upload = self.ask("PATCH", f"{address}?offset={offset}", piece)
        return str(upload["id"])

    def at_rest(self, address: str) -> Any:
        """Return an upload of which the server has noticed that it broke off: two looks see the same."""
        last: list[Any] = [None]

        def rests() -> Any:
            now = self.ask("GET", address)
            same, last[0] = now == last[0], now
            return now if same else None

        return until(rests)


def resident_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match
    return round(int(match[1]) / 1024, 1)


def files_to_send(folder: Path) -> dict[str, bytes]:
    """Make a film and a sound of some megabytes each: noise, which does not get smaller."""
    noise = np.random.default_rng(0)
    with VideoWriter(folder / "film.mp4", 160, 160, audio=np.zeros(80_000, np.float32), crf=1) as writer:
        for _ in range(125):
            writer.write(noise.integers(0, 255, (160, 160, 3), np.uint8))
    write_wav(folder / "sound.wav", noise.uniform(-0.5, 0.5, 16_000 * 80).astype(np.float32))
    return {"film": (folder / "film.mp4").read_bytes(), "sound": (folder / "sound.wav").read_bytes()}


def test_memory_stays_where_it_was(tmp_path):
    files = files_to_send(tmp_path)
    assert all(len(content) > 2 * PIECE for content in files.values())
    home = make_house(tmp_path / "home")
    studio = Studio(home).start()
    try:
        figures = measured(studio, files)
    finally:
        studio.end()
    folder = Path(os.environ.get("VIZEME_FIGURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "studio_memory.json").write_text(json.dumps(figures))
    assert list((home / "studio/uploads").iterdir()) == [], "what was deleted is still there"
    sent = figures["uploads"][WARM // EVERY :]
    assert max(sent) - sent[0] < MOST_MB, figures
    spoken = figures["films"][WARM_FILMS:]
    assert max(spoken) - spoken[0] < MOST_MB, figures


def measured(studio: Studio, files: dict[str, bytes]) -> dict[str, list[float]]:
    """Send files, every fifth broken off, and let films be spoken; return the server's memory on the way."""
    asker = Asker(studio)
    assert studio.process is not None
    server = studio.process.pid
    sizes: dict[str, list[float]] = {"uploads": [resident_mb(server)], "films": []}
    for number in range(1, UPLOADS + 1):
        purpose = ("film", "sound")[number % 2]
        upload = asker.send(f"{purpose}{number}", files[purpose], purpose, broken=number % 5 == 0)
        asker.ask("DELETE", f"/api/uploads/{upload}")
        if number % EVERY == 0:
            sizes["uploads"].append(resident_mb(server))
    for number in range(FILMS):
        job = asker.ask("POST", "/api/people/made/speak", {"text": f"Film number {number}."})
        address = f"/api/jobs/{job['id']}"
        state = until(lambda address=address: (now := asker.ask("GET", address))["state"] in ("done", "failed") and now)
        assert state["state"] == "done", state
        assert asker.ask("GET", f"{address}/files/film.mp4")[4:8] == b"ftyp"
        asker.ask("DELETE", address)
        sizes["films"].append(resident_mb(server))
    return sizes
