"""The whole way in the browser: a film, processed, trained small, speaking, downloaded; with a server that dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from data_gen.demo.run import DemoCommand
from data_gen.demo.run import main as make_presenter
from tasks.person.runs import STAGES
from tests.browser.studio import Visitor, holds, shelf
from tests.patience import HANG_S
from utils.media.video import probe

LONG = HANG_S * 1000
SMALLEST = "max_updates=2\nval_check_interval=1\n"
"""Every stage learns for two updates: the way is tried, not how good its end is."""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Make a film of the made presenter, or take that which VIZEME_BROWSER_FILM names."""
    if os.environ.get("VIZEME_BROWSER_FILM"):
        return Path(os.environ["VIZEME_BROWSER_FILM"])
    path = tmp_path_factory.mktemp("film") / "presenter.mp4"
    assert make_presenter(DemoCommand(out=path, seconds=4, size=128, val_wav=path.with_suffix(".wav"))) == 0
    return path


def only_lost_connections(visitor: Visitor) -> None:
    """Forget what the console says while nobody answers, and nothing else."""
    assert [text for text in visitor.errors if "ERR_CONNECTION" not in text and "ERR_INCOMPLETE" not in text
            and "ERR_EMPTY_RESPONSE" not in text] == []  # fmt: skip
    visitor.errors.clear()


def test_from_a_film_to_a_speaking_person(visit, empty_studio, film, tmp_path):
    visitor = visit(empty_studio)
    page = visitor.open("people")
    assert "Nobody is here yet" in page.locator("main").inner_text()
    page = visitor.go("new")
    page.get_by_label("Film", exact=True).set_input_files(film)
    page.get_by_text("minutes of film").first.wait_for(timeout=LONG)
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Consent").fill("a made presenter")
    page.get_by_label("Licence of the film").fill("public domain")
    page.get_by_label("Training", exact=True).select_option("demo")
    page.locator("summary", has_text="More").click()
    page.get_by_label("Size").fill("64")
    page.get_by_label("Settings of training").fill(SMALLEST)
    page.screenshot(path=shelf(tmp_path) / "way_new.png", full_page=True)
    page.get_by_role("button", name="Make this person").click()
    page.wait_for_url("**/people/anna/footage", timeout=LONG)
    page.get_by_role("heading", name="Stages").wait_for(timeout=LONG)
    visitor.clean()

    empty_studio.end(signal.SIGKILL)  # the page and the server may die: the work goes on
    page.get_by_text("The studio does not answer").first.wait_for(timeout=LONG)
    empty_studio.start()
    page.get_by_text("The studio does not answer").first.wait_for(state="hidden", timeout=LONG)
    page.get_by_text("Report").first.wait_for()
    page.locator("main h3", has_text="frames with a face").wait_for(timeout=LONG)
    only_lost_connections(visitor)
    page.screenshot(path=shelf(tmp_path) / "way_footage.png", full_page=True)

    page = visitor.go("people/anna/training")
    page.reload()
    page = visitor.ready()
    other = visit(empty_studio, size=(360, 740), beside=visitor)
    other.page.goto(f"http://127.0.0.1:{empty_studio.port}/#/people/anna/training")
    other.ready()
    page.get_by_role("button", name="Pause: Training anna").first.click(timeout=LONG)
    page.get_by_text("Paused. What is done is kept").first.wait_for(timeout=LONG)
    other.page.get_by_role("button", name="Go on: Training anna").first.click(timeout=LONG)
    for stage in range(len(STAGES)):  # each has as long as it takes to see that it hangs
        page.locator("main .cards .verdict.good").nth(stage).wait_for(timeout=LONG)
    page.get_by_text("All stages are trained.").wait_for(timeout=LONG)
    other.page.get_by_text("All stages are trained.").wait_for(timeout=LONG)
    page.screenshot(path=shelf(tmp_path) / "way_training.png", full_page=True)
    assert page.locator("main svg.curve").count() > 0
    visitor.clean()
    other.clean()
    other.page.close()

    speak_and_download(visitor, tmp_path)


def speak_and_download(visitor: Visitor, tmp_path) -> None:
    """Let a text be spoken, watch it, and save film and subtitles."""
    page = visitor.go("people/anna/speak")
    page.get_by_label("Text").fill("Good morning.")
    page.get_by_role("button", name="Speak", exact=True).click()
    page.get_by_text("The whole film").wait_for(timeout=LONG)
    holds(page, "document.querySelector('video.film').readyState >= 1")
    assert page.evaluate("document.querySelector('video.film').seekable.length") == 1
    page.screenshot(path=shelf(tmp_path) / "way_speak.png", full_page=True)
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download Film (mp4)").first.click()
    saved.value.save_as(tmp_path / "film.mp4")
    about = probe(tmp_path / "film.mp4")
    assert (about.width, about.height, about.fps) == (64, 64, 25)
    assert 0.5 < about.frames / about.fps < 5
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download Subtitles (WebVTT)").first.click()
    saved.value.save_as(tmp_path / "words.vtt")
    assert (tmp_path / "words.vtt").read_text().startswith("WEBVTT")
    visitor.clean()
