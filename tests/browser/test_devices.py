"""A camera and a microphone, both made by the browser."""

from __future__ import annotations

from tests.patience import HANG_S

LONG = HANG_S * 1000


def record(page, device: str, seconds: float) -> None:
    page.get_by_role("button", name=f"Record with the {device}").click()
    page.get_by_role("button", name="Begin recording").click()
    page.get_by_role("timer").wait_for()
    page.wait_for_timeout(1000 * seconds)
    page.get_by_role("button", name="End recording").click()


def test_the_microphone_is_heard_and_spoken(visit, studio, who):
    visitor = visit(studio)
    page = visitor.open(f"people/{who}/speak")
    page.get_by_label("Record or choose a sound").check()
    record(page, "microphone", 1.5)
    page.get_by_text("Here: sound-").wait_for(timeout=LONG)
    page.get_by_role("button", name="Speak", exact=True).click()
    page.get_by_text("The whole film").wait_for(timeout=LONG)
    assert page.get_by_role("link", name="Download Subtitles (WebVTT)").count() == 0, "nobody knows its words"
    visitor.clean()


def test_the_camera_makes_a_film(visit, empty_studio):
    visitor = visit(empty_studio)
    page = visitor.open("new")
    record(page, "camera", 2.5)
    page.get_by_text("Here: film-").wait_for(timeout=LONG)
    page.get_by_text("minutes of film").first.wait_for(timeout=LONG)
    visitor.clean()


def test_a_camera_that_may_not_be_used_is_told(visit, empty_studio):
    visitor = visit(empty_studio)
    page = visitor.open("new")
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia ="
        " () => Promise.reject(new DOMException('no', 'NotAllowedError')) }"
    )
    page.get_by_role("button", name="Record with the camera").click()
    page.get_by_text("The camera may not be used: allow it in the browser, beside the address.").wait_for()
    visitor.clean()
