"""With the keyboard alone: every part is reached, its focus is seen, and what it does is done."""

from __future__ import annotations

import pytest

from tests.browser.studio import holds
from tests.browser.test_pages import OF_PERSON, PAGES, route_of
from tests.patience import HANG_S

LONG = HANG_S * 1000
FOCUS = """() => {
  const at = document.activeElement, look = getComputedStyle(at);
  return at === document.body ? null : {
    words: at.getAttribute("aria-label") || at.innerText || at.name || at.id || at.tagName,
    tag: at.tagName, seen: look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2,
  };
}"""
MOST_STOPS = 150


def stops(page) -> list[dict]:
    """Press Tab through a page, and return where it stops."""
    found = []
    page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)")
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop is None or (found and stop["words"] == "Skip to the page"):
            break
        found.append(stop)
    return found


def tab_to(page, name: str) -> None:
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if (page.evaluate(FOCUS) or {}).get("words", "").startswith(name):
            return
    raise AssertionError(f"Tab never comes to {name}")


@pytest.mark.parametrize("name", [*PAGES, *OF_PERSON])
def test_every_part_is_reached_and_its_focus_is_seen(visit, studio, who, name):
    page = visit(studio).open(route_of(name, who))
    found = stops(page)
    assert found[0]["words"] == "Skip to the page"
    assert [stop["words"] for stop in found if not stop["seen"] and stop["tag"] != "VIDEO"] == []
    parts = page.locator("main :is(a, button, input, select, textarea, summary)").all()
    tags = [part for part in parts if part.is_visible() and part.is_enabled() and part.get_attribute("type") != "radio"]
    assert len(found) >= len(tags), [stop["words"] for stop in found]


def test_skipping_and_going_to_another_page_move_the_focus(visit, studio):
    page = visit(studio).open()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.evaluate("document.activeElement.blur()")
    tab_to(page, "Machine")
    page.keyboard.press("Enter")
    holds(page, "document.activeElement.tagName === 'H1' && document.activeElement.innerText === 'Machine'")


def test_a_text_is_spoken_and_its_film_is_deleted(visit, studio, who):
    visitor = visit(studio)
    page = visitor.open(f"people/{who}/speak")
    page.get_by_label("Text").focus()
    page.keyboard.type("Good day.")
    tab_to(page, "Speak")
    page.keyboard.press("Enter")
    page.get_by_text("Drawn while you watch").wait_for(timeout=LONG)  # a film of before was shown until then
    page.get_by_text("The whole film").wait_for(timeout=LONG)
    again = page.get_by_role("button", name="Again with this: Good day.").first
    again.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    assert page.get_by_label("Text").input_value() == "Good day."
    page.get_by_role("button", name="Delete").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    assert page.evaluate("document.activeElement.innerText") == "Keep it", "what deletes is not what Enter presses"
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.get_by_text("Good day.").count() > 0
    page.keyboard.press("Enter")  # the focus is back where it was
    tab_to(page, "Delete it")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Again with this: Good day.").wait_for(state="detached", timeout=LONG)
    visitor.clean()


def test_a_person_is_deleted_only_when_their_name_is_written(visit, studio, who):
    visitor = visit(studio)
    page = visitor.open()
    page.get_by_role("button", name=f"Delete {who}").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    agree = page.get_by_role("dialog").get_by_role("button", name=f"Delete {who}")
    assert agree.is_disabled()
    page.keyboard.type(who)
    assert agree.is_enabled()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert (studio.home / "checkpoints" / who).is_dir()
    visitor.clean()
