"""A studio whose commands are small stand-ins, and who asks it as a browser does."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tasks.person.runs import STAGES
from tasks.person.studio.app import make_app
from tasks.person.studio.jobs.store import ENDS, Job
from tasks.person.studio.studio import Studio
from tests.made import make_video_dataset
from tests.patience import HANG_S

PORT, KEY = 8026, "k" * 32
FAKE = '''
import json, os, signal, sys, time
from pathlib import Path

def say(done):
    line = {"event": "progress", "stage": "rendering", "done": done, "total": 3, "left_s": 1.0, "said": "", "time": 1.0}
    with open(os.environ["VIZEME_EVENTS"], "a") as file:
        file.write(json.dumps(line) + "\\n")

def leave(*_):
    print("stopped by hand", flush=True)
    sys.exit(143)

signal.signal(signal.SIGTERM, leave)
words = sys.argv[1:]
plan = json.loads(Path("plan.json").read_text()) if Path("plan.json").is_file() else {}
with open("order.txt", "a") as file:
    file.write(f"{words[0]} {os.getpid()}\\n")
say(1)
act = plan.get(words[0], "ok")
while act == "wait" and not Path("go").exists():
    time.sleep(0.01)
if act == "fail":
    print("error: the sound cannot be read", file=sys.stderr)
    sys.exit(2)
for word in words:
    if word.startswith("--out="):
        Path(word.removeprefix("--out=")).write_bytes(bytes(range(256)) * 40)
say(3)
'''
"""A command that notes that it ran, and then is done, fails, or waits for the file `go`, as plan.json says."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home, in which we are."""
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("VIZEME_HOME", str(place))
    return place


@pytest.fixture
def doors(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    """Return how the stand-in is begun."""
    fake = tmp_path / "fake.py"
    fake.write_text(FAKE)
    return {door: (sys.executable, "-I", "-S", str(fake)) for door in ("person", "data", "run")}


@pytest.fixture
def studio(home: Path, doors: dict[str, tuple[str, ...]]) -> Iterator[Studio]:
    """Return a studio; what still runs at the end is let go and ended."""
    opened = Studio(home, doors)
    yield opened
    (home / "go").touch()
    running = Studio(home, doors)
    for job in running.jobs.unended():
        running.foreman.stop(job)
    settle(running)


def settle(studio: Studio, until: Callable[[], bool] | None = None) -> None:
    """Let the foreman look until something holds; by default until no job runs or waits."""
    began = time.monotonic()
    while not (until() if until else all(job.state in ENDS for job in studio.jobs.every())):
        studio.foreman.tick()
        assert time.monotonic() - began < HANG_S
        time.sleep(0.01)


def plan(home: Path, **acts: str) -> None:
    """Say what the stand-in does for which command: ok, wait or fail."""
    (home / "plan.json").write_text(json.dumps(acts))


def new_job(studio: Studio, kind: str = "check", person: str = "anna", **more: Any) -> Job:
    """Queue a job."""
    return studio.jobs.keep(studio.jobs.new(kind, person, [kind, person], **more))  # type: ignore[arg-type]


def client_of(studio: Studio, **headers: str) -> TestClient:
    """Return a browser that has the key."""
    headers = {"Authorization": f"Bearer {KEY}", **headers}
    return TestClient(make_app(studio, PORT, KEY), base_url=f"http://127.0.0.1:{PORT}", headers=headers)


@pytest.fixture
def client(studio: Studio) -> TestClient:
    """Return a browser; the foreman does not work by himself, so that a test sees each step."""
    return client_of(studio)


def send(client: TestClient, content: bytes, name: str, purpose: str) -> str:
    """Send a file in one piece and return the upload's id."""
    upload = client.post("/api/uploads", json={"name": name, "bytes": len(content), "purpose": purpose}).json()["id"]
    answer = client.patch(f"/api/uploads/{upload}?offset=0", content=content)
    assert answer.json()["done"], answer.text
    return str(upload)


@pytest.fixture
def anna(studio: Studio) -> str:
    """Return a person who is processed, and trained as far as names of files can tell."""
    make_video_dataset(studio.dataset("anna"), frames=30, size=64)
    for stage in STAGES:
        run = studio.runs("anna") / stage
        run.mkdir(parents=True)
        (run / "model_ckpt_steps_100.ckpt").write_bytes(b"weights")
        lines = f"task_cls: {stage}\nvideo_id: anna\nbinary_data_dir: data/binary/videos\nmax_updates: 100\n"
        (run / "config.yaml").write_text(lines)
    return "anna"
