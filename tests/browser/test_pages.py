"""Every page: readable by everybody, in light and dark, at 360 pixels, without an error or a question to outside."""

from __future__ import annotations

import pytest

from tests.browser.conftest import NARROW, WIDE
from tests.browser.studio import holds, shelf

PAGES = ("people", "new", "voice", "template", "machine")
OF_PERSON = ("footage", "training", "speak", "dub", "judge")


def route_of(page: str, who: str) -> str:
    return page if page in PAGES else f"people/{who}/{page}"


def violations(page) -> list[str]:
    """Return what axe finds wrong, one line each."""
    axe = pytest.importorskip("axe_core_python.sync_playwright").Axe()
    return [
        f"{found['id']}: {found['help']}: {[node['html'][:160] for node in found['nodes'][:3]]}"
        for found in axe.run(page)["violations"]
    ]


@pytest.mark.parametrize("look", ["wide", "narrow", "dark"])
@pytest.mark.parametrize("name", [*PAGES, *OF_PERSON])
def test_a_page_is_for_everybody(visit, studio, who, tmp_path, name, look):
    visitor = visit(studio, size=NARROW if look == "narrow" else WIDE, dark=look == "dark")
    page = visitor.open(route_of(name, who))
    assert page.locator("main h1").inner_text().strip()
    assert page.locator("main [role=alert] .note").count() == 0
    for folded in page.locator("main details > summary").all():
        if folded.is_visible():
            folded.click()
    page.wait_for_timeout(200)
    assert violations(page) == []
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{wide} pixels stick out"
    page.screenshot(path=shelf(tmp_path) / f"{name}_{look}.png", full_page=True)
    visitor.clean()


def test_dark_is_dark(visit, studio):
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    assert visit(studio, dark=True).open().evaluate(ground) < 60
    assert visit(studio).open().evaluate(ground) > 200


def test_the_key_is_out_of_sight_and_opens_the_next_tab(visit, studio):
    visitor = visit(studio)
    page = visitor.open("machine")
    assert "token" not in page.url
    assert page.url.endswith("/#/machine")
    page.reload()
    visitor.ready()
    other = visit(studio, beside=visitor)
    other.page.goto(f"http://127.0.0.1:{studio.port}/")
    other.ready()
    assert other.page.locator("h1").inner_text() == "People"
    visitor.clean()
    other.clean()


def test_nobody_without_the_key_sees_anything(visit, studio):
    page = visit(studio).page
    assert page.goto(f"http://127.0.0.1:{studio.port}/").status == 403


def test_frames_can_be_walked_through(visit, studio, who):
    visitor = visit(studio)
    page = visitor.open(f"people/{who}/footage")
    slider = page.get_by_role("slider", name="Frame")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    last = slider.get_attribute("max")
    holds(
        page,
        "last => { const i = document.querySelector('img.frame'); return i.src.includes(`/frames/${last}.jpg`)"
        " && i.complete && i.naturalWidth > 0; }",
        last,
    )
    assert f"Frame {last} of {last}" in page.locator("main").inner_text()
    visitor.clean()
