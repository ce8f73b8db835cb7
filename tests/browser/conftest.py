"""Browsers, and studios for them to look at; skipped with a reason where there is no browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.studio import DEVICES, QUIET, Studio, Visitor, chromium, give_film
from tests.made_heads import make_house

WIDE, NARROW = (1280, 900), (360, 740)
PATIENCE_S = 600
"""What a page would show at once: what has not come by then, on a machine with much else to do, hangs."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test here, and skip it where it cannot be run."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start chromium with a made camera and microphone."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: test_browser.sh does")
    path = chromium()
    if path is None:
        pytest.skip("there is no chromium here")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=[*QUIET, *DEVICES])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home in which `made` can speak and has a film, or copy the one that VIZEME_BROWSER_HOME names."""
    folder = tmp_path_factory.mktemp("home")
    named = os.environ.get("VIZEME_BROWSER_HOME")
    if named:
        for part in ("data", "checkpoints", "infer_out"):
            shutil.copytree(Path(named) / part, folder / part)
        return folder
    return give_film(make_house(folder))


@pytest.fixture(scope="session")
def who(home: Path) -> str:
    """Return the person in that home."""
    return next((home / "checkpoints").iterdir()).name


@pytest.fixture(scope="session")
def studio(home: Path) -> Iterator[Studio]:
    """Start a studio in a home with one person."""
    started = Studio(home).start()
    yield started
    started.end()


@pytest.fixture(scope="module")
def empty_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Start a studio where nobody is."""
    started = Studio(tmp_path_factory.mktemp("empty")).start()
    yield started
    started.end()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visitor]]:
    """Return what opens a tab at a studio: `visit(studio, width=360, dark=True)`."""
    contexts = []

    def open_tab(studio: Studio, *, size: tuple[int, int] = WIDE, dark: bool = False, beside: Any = None) -> Visitor:
        context = beside.context if beside else browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )  # fmt: skip
        if not beside:
            context.set_default_timeout(1000 * PATIENCE_S)
            contexts.append(context)
        return Visitor(context, studio)

    yield open_tab
    for context in contexts:
        context.close()
