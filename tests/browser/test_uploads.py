"""What is sent: broken off, of another kind, too large, without consent."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.browser.studio import until
from utils.media.video import VideoWriter

PIECE = 2 << 20


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Make a film of 2 s that has some megabytes, so that it is sent in several pieces."""
    path = tmp_path_factory.mktemp("film") / "noise.mp4"
    noise = np.random.default_rng(0)
    sound = (0.2 * np.sin(np.arange(32_000) / 20)).astype(np.float32)
    with VideoWriter(path, 256, 256, audio=sound, crf=1) as writer:
        for _ in range(50):
            writer.write(noise.integers(0, 255, (256, 256, 3), np.uint8))
    return path


def said(page) -> str:
    return page.locator("main").inner_text()


def test_a_file_of_another_kind_is_refused_in_words(visit, empty_studio, tmp_path):
    page = visit(empty_studio).open("new")
    wrong = tmp_path / "holiday.mp4"
    wrong.write_text("This is no film. " * 100)
    page.get_by_label("Film", exact=True).set_input_files(wrong)
    note = page.locator("[role=alert] .note.bad").first
    note.wait_for()
    assert "holiday.mp4" in note.inner_text() or "film" in note.inner_text()
    assert page.get_by_label("Film", exact=True).is_visible(), "another file can be chosen"


def test_an_empty_and_a_huge_file_are_refused_before_they_are_sent(visit, empty_studio, tmp_path):
    visitor = visit(empty_studio)
    page = visitor.open("new")
    asked = []
    page.on("request", lambda request: asked.append(request.method) if "/api/uploads" in request.url else None)
    (tmp_path / "empty.mp4").touch()
    page.get_by_label("Film", exact=True).set_input_files(tmp_path / "empty.mp4")
    page.get_by_text("empty.mp4 is empty. Choose another file.").wait_for()
    huge = tmp_path / "huge.mp4"
    huge.touch()
    os.truncate(huge, 21 * 10**9)  # sparse: it takes no room
    page.get_by_label("Film", exact=True).set_input_files(huge)
    page.get_by_text("huge.mp4 has 21.0 GB; a film may have 20.0 GB at most.").wait_for()
    assert "POST" not in asked
    visitor.clean()


def test_nobody_is_made_without_consent(visit, empty_studio, film):
    visitor = visit(empty_studio)
    page = visitor.open("new")
    page.get_by_label("Film", exact=True).set_input_files(film)
    page.get_by_text("Here: noise.mp4").wait_for()
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Licence of the film").fill("my own")
    page.get_by_role("button", name="Make this person").click()
    consent = page.get_by_label("Consent")
    assert consent.get_attribute("aria-invalid") == "true"
    assert consent.evaluate("input => input === document.activeElement")
    assert "Without consent there is no person" in said(page)
    assert page.url.endswith("#/new")
    page = visitor.go("people")
    assert "Nobody is here yet" in said(page)


def test_what_broke_off_goes_on_where_it_stopped(visit, empty_studio, film):
    assert film.stat().st_size > 2 * PIECE
    visitor = visit(empty_studio)
    page = visitor.open("new")
    offsets = []

    def watch(route):
        offsets.append(int(route.request.url.rsplit("=", 1)[1]))
        if len(offsets) == 2:  # the second piece is lost, and asked for again
            route.abort()
        else:
            route.fallback()

    page.route("**/api/uploads/*?offset=*", watch)
    page.get_by_label("Film", exact=True).set_input_files(film)
    page.get_by_text("Here: noise.mp4").wait_for()
    assert offsets[:3] == [0, PIECE, PIECE]


def test_after_a_reload_the_same_file_goes_on(visit, empty_studio, film):
    visitor = visit(empty_studio)
    page = visitor.open("new")
    pieces = "**/api/uploads/*?offset=*"
    page.route(pieces, lambda route: route.fallback() if route.request.url.endswith("=0") else None)
    page.get_by_label("Film", exact=True).set_input_files(film)
    page.get_by_text("noise.mp4: 2.1 MB of").wait_for()
    page.reload()
    page = visitor.ready()
    page.unroute(pieces)
    page.get_by_text("noise.mp4 is here up to 2.1 MB").first.wait_for()
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method in ("PATCH", "POST") else None)
    page.get_by_label("Film", exact=True).set_input_files(film)
    page.get_by_text("Here: noise.mp4").wait_for()
    assert sent[0].endswith(f"offset={PIECE}")
    assert not [url for url in sent if url.endswith("/api/uploads")]


def test_a_pause_is_a_pause(visit, empty_studio, film):
    visitor = visit(empty_studio)
    page = visitor.open("new")
    held = []
    page.route("**/api/uploads/*?offset=*", lambda route: held.append(route))
    page.get_by_label("Film", exact=True).set_input_files(film)
    until(lambda: page.wait_for_timeout(50) or held)
    page.get_by_role("button", name="Pause sending the film").click()
    page.get_by_role("button", name="Go on sending the film").wait_for()
    page.unroute("**/api/uploads/*?offset=*")
    for route in held:
        route.abort()
    page.get_by_role("button", name="Go on sending the film").click()
    page.get_by_text("Here: noise.mp4").wait_for()
