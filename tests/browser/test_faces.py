"""The pages of still faces: what should be read comes first, then a file, and a face to look at and to keep."""

from __future__ import annotations

import numpy as np
import pytest

from tests.browser.conftest import NARROW
from tests.browser.studio import Studio, shelf
from tests.browser.test_pages import violations
from tests.tasks.person.studio.faces.test_families import make_run
from utils.media.wav import write_wav


@pytest.fixture(scope="module")
def faces_studio(tmp_path_factory):
    """Start a studio with two runs that look trained; what they are asked fails, and is told."""
    home = tmp_path_factory.mktemp("faces")
    make_run(home / "checkpoints", "demo/ve_conv", "ve_conv", 100)
    make_run(home / "checkpoints", "faces/decoder", "template_decoder", 7)
    started = Studio(home).start()
    yield started
    started.end()


@pytest.mark.parametrize(("name", "look"), [("voice", "dark"), ("template", "narrow")])
def test_a_page_with_runs_is_for_everybody(visit, faces_studio, tmp_path, name, look):
    size = {"size": NARROW} if look == "narrow" else {}
    visitor = visit(faces_studio, dark=look == "dark", **size)
    page = visitor.open(name)
    main = page.locator("main").inner_text()
    assert main.index("agreed") < main.index("Draw the face"), "what should be read stands first"
    assert violations(page) == []
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{wide} pixels stick out"
    page.screenshot(path=shelf(tmp_path) / f"faces_{name}_{look}.png", full_page=True)
    visitor.clean()


def test_a_voice_is_sent_with_the_keyboard_alone(visit, faces_studio, tmp_path):
    voice = tmp_path / "voice.wav"
    write_wav(voice, np.sin(np.arange(32_000) / 10).astype(np.float32))
    visitor = visit(faces_studio)
    page = visitor.open("voice")
    draw = page.get_by_role("button", name="Draw the face")
    draw.focus()
    page.keyboard.press("Enter")
    page.get_by_text("Give a file first").wait_for()
    page.locator("input[type=file]").set_input_files(str(voice))
    page.get_by_text("Here: voice.wav").wait_for()
    draw.focus()
    page.keyboard.press("Enter")
    page.get_by_text("read what is said above").wait_for()
    assert page.get_by_role("checkbox").evaluate("box => box === document.activeElement"), "the slip is gone to"
    page.keyboard.press("Space")
    draw.focus()
    page.keyboard.press("Enter")
    page.get_by_text("Of voice.wav, by demo/ve_conv").wait_for()
    page.get_by_role("button", name="Delete: ").wait_for()
    main = page.locator("main").inner_text()
    assert "No checkpoint in checkpoints/demo/ve_conv can be read" in main, "why there is no face"
