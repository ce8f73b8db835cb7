"""A studio of its own, and a browser that looks at it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.video.dataset import VideoDataset
from tests.patience import HANG_S
from utils.files.digests import sha256
from utils.media.video import VideoWriter

ROOT = Path(__file__).resolve().parents[2]
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""Chromium asks nobody outside, and draws without a GPU."""
DEVICES = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""A camera that sees a moving picture, a microphone that hears beeps, and nobody who must allow them."""


def chromium() -> str | None:
    """Return where chromium is: what VIZEME_CHROMIUM names, else on the path."""
    return os.environ.get("VIZEME_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def give_film(home: Path) -> Path:
    """Give the person of a made home the film that they are of, as the dataset shows it, and return the home."""
    data = VideoDataset(home / "data/binary/videos/made")
    film = home / "data/raw/videos/made.mp4"
    film.parent.mkdir(parents=True)
    first = np.asarray(data.frames[0]).repeat(2, axis=0).repeat(2, axis=1)
    with VideoWriter(film, *first.shape[:2], audio=np.zeros(16_000 * 60 // 25, np.float32), crf=0) as writer:
        for index in range(60):
            writer.write(np.asarray(data.frames[index]).repeat(2, axis=0).repeat(2, axis=1))
    described = json.loads((data.path / "meta.json").read_text())
    described["source"] = {"sha256": sha256(film), "crop_px": [0, 0, *first.shape[1::-1]], "start_s": 0.0}
    (data.path / "meta.json").write_text(json.dumps(described))
    return home


class Studio:
    """The server as a person starts it, in a home of its own.

    Args:
        home: What VIZEME_HOME names.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = 0
        self.address = ""
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> Studio:
        """Start it, again at the port of before."""
        environment = {
            **os.environ, "VIZEME_HOME": str(self.home), "VIZEME_OFFLINE": "1", "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        log = (self.home / "studio.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tasks/talking_head.py"), "studio", "--port", str(self.port)],
            cwd=self.home, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
        )  # fmt: skip
        log.close()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=\S+", line)
        assert match, f"no address: {line!r}\n{(self.home / 'studio.log').read_text()[-2000:]}"
        self.port, self.address = int(match[1]), match[0]
        return self

    def end(self, number: int = signal.SIGTERM) -> None:
        """End the server, and only it: what it began goes on."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(HANG_S)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


class Visitor:
    """One tab, which notes what it says on its console, and what it asks of others than the studio.

    Args:
        context: Of playwright's browser.
        studio: Whose pages are looked at.
    """

    def __init__(self, context: Any, studio: Studio) -> None:
        self.studio, self.context = studio, context
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.page = context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.route("**/*", self._guard)

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} {message.location.get('url', '')}")

    def _guard(self, route: Any) -> None:
        url = route.request.url
        if url.startswith((f"http://127.0.0.1:{self.studio.port}/", "blob:", "data:")):
            route.continue_()
        else:
            self.outside.append(url)
            route.abort()

    def open(self, route: str = "people") -> Any:
        """Open a page by the printed address, and wait until it is drawn."""
        self.page.goto(f"{self.studio.address}#/{route}")
        return self.ready()

    def go(self, route: str) -> Any:
        """Go to another page within the studio."""
        self.page.evaluate(
            """route => new Promise((gone) => {
              addEventListener("hashchange", () => gone(), { once: true });
              location.hash = `#/${route}`;
            })""",
            route,
        )
        return self.ready()

    def ready(self) -> Any:
        """Wait until the page is there."""
        self.page.wait_for_selector("main h1")
        self.page.wait_for_selector("main [aria-busy]", state="detached")
        return self.page

    def clean(self) -> None:
        """Assert that the console is empty and that nobody outside was asked."""
        assert self.outside == [], self.outside
        assert self.errors == [], self.errors


def holds(page: Any, expression: str, argument: Any = None) -> None:
    """Wait until JavaScript is true in a page; playwright's own waiting needs `eval`, which the pages forbid."""
    until(lambda: page.evaluate(expression, argument) or page.wait_for_timeout(100))


def until(condition: Any, patience_s: float = HANG_S) -> Any:
    """Wait for a condition, and return what it gave."""
    end = time.monotonic() + patience_s
    while not (value := condition()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.2)
    return value


def shelf(tmp_path: Path) -> Path:
    """Return where screenshots go: the folder that VIZEME_BROWSER_OUT names, else a temporary one."""
    folder = Path(os.environ.get("VIZEME_BROWSER_OUT") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
