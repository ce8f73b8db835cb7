"""What all tests share."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["VIZEME_OFFLINE"] = "1"  # no test, and nothing that a test starts, touches the network
os.environ["VIZEME_SIGNER"] = str(Path(tempfile.gettempdir()) / f"vizeme-tests-{os.getuid()}" / "signer")
ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
gc.disable()  # what is imported while tests are collected stays: it is not gone through for garbage again and again
TOGETHER = {
    "tests/data_gen/clips/": "clips", "tests/data_gen/demo/": "demo", "tests/data_gen/video/": "video",
    "tests/reliability/test_kill": "forked", "tests/reliability/test_strangers.py": "forked",
    "tests/tasks/person/page/": "forked", "tests/tasks/test_run.py": "forked",
    "tests/tasks/exchange/": "exchange", "tests/tasks/person/test_live": "exchange",
    "tests/reliability/test_endless.py": "exchange",
}  # fmt: skip
"""Where tests begin that share what is dear to make: a processed video, a server that processes are forked from. The
most go first, so those that are few and take long stand with others: at the end they would keep one process waiting."""


@pytest.fixture(scope="module")
def module_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the tests of a file a folder for what they build on each other; it goes with the last of them."""
    folder = tmp_path_factory.mktemp("module")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_finish() -> None:
    """Look for garbage from now on, and only in what comes from now on."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n 2 --dist loadfile`: give the tests of one file, and what is TOGETHER, to one process."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        """By files and groups of files."""

        def _split_scope(self, nodeid: str) -> str:
            return next((name for start, name in TOGETHER.items() if nodeid.startswith(start)), nodeid.split("::")[0])

    gc.enable()  # the process that only hands out tests collects none
    return Scheduling(config, log)


@pytest.fixture(autouse=True)
def threads_stay() -> Iterator[None]:
    """Give torch the threads back that it had: with two of them all tests that follow take several times as long."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    yield
    if torch and torch.get_num_threads() != before:
        torch.set_num_threads(before)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register the toy task."""
    from tasks.registry import TASKS

    monkeypatch.setitem(TASKS, "toy", ("tests.tasks.toy:ToyTask", "a toy"))
    return


@pytest.fixture
def shared_data() -> Path:
    """Return the folder of real data, or skip: it is not part of the project."""
    if not (SHARED / "data").is_dir():
        pytest.skip("no real data beside the repository (../shared/data)")
    return SHARED / "data"


@pytest.fixture
def shared_assets(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point VIZEME_ASSETS at weights beside the repository, or skip."""
    if not (SHARED / "assets").is_dir():
        pytest.skip("no outside weights beside the repository (../shared/assets)")
    monkeypatch.setenv("VIZEME_ASSETS", str(SHARED / "assets"))
    return SHARED / "assets"
