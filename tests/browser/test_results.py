"""What a person who is trained can do: a film seen while it is drawn, a dub, measuring, a pack that comes back."""

from __future__ import annotations

from tests.browser.studio import holds, shelf
from tests.patience import HANG_S
from utils.media.video import probe

LONG = HANG_S * 1000
FILM = "document.querySelector('video.film')"
LISTEN = f"""window.seen = []; {FILM}.addEventListener("timeupdate", () => {{
  window.seen.push([{FILM}.currentSrc.includes("/live"), {FILM}.currentTime]);
}});"""
LONG_TEXT = "Every word of this is drawn while it is seen, and it is long enough to be seen. " * 4


def plays(page, film: str = FILM) -> None:
    """Play a film without its sound, and assert that its time goes on and that one can move about in it."""
    page.evaluate(f"{film}.muted = true; {film}.currentTime = 0; {film}.play()")
    holds(page, f"{film}.currentTime > 0.2")
    page.evaluate(f"{film}.pause(); {film}.currentTime = {film}.duration / 2")
    holds(page, f"!{film}.seeking && Math.abs({film}.currentTime - {film}.duration / 2) < 0.1")


def finished(page, button: str) -> None:
    """Press a button, and wait for the film that comes of it; one of before is on the screen until then."""
    before = page.evaluate(f"{FILM}.currentSrc")
    page.get_by_role("button", name=button, exact=True).click()
    holds(page, f"before => {FILM}.currentSrc !== before && {FILM}.currentSrc.endsWith('film.mp4')", before)
    page.get_by_text("The whole film").wait_for(timeout=LONG)


def test_a_film_is_seen_while_it_is_drawn(visit, studio, who, tmp_path):
    visitor = visit(studio)
    page = visitor.open(f"people/{who}/speak")
    page.evaluate(LISTEN)
    page.get_by_label("Text").fill(LONG_TEXT)
    finished(page, "Speak")
    live = [time for is_live, time in page.evaluate("window.seen") if is_live and time]  # 0 when it gives way
    assert max(live, default=0) > 0.2, "nothing was seen before it was done"
    assert live == sorted(live)
    plays(page)
    page.screenshot(path=shelf(tmp_path) / "results_speak.png", full_page=True)
    visitor.clean()


def test_a_dub_is_as_long_as_the_film_and_says_something_else(visit, studio, who, tmp_path):
    visitor = visit(studio)
    page = visitor.open(f"people/{who}/dub")
    page.get_by_label("Text").fill("Something else.")
    page.get_by_label("From second").fill("0.4")
    finished(page, "Dub")
    plays(page)
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download Film (mp4)").first.click()
    saved.value.save_as(tmp_path / "dub.mp4")
    about = probe(tmp_path / "dub.mp4")
    assert about.has_audio
    assert about.fps == 25
    page.screenshot(path=shelf(tmp_path) / "results_dub.png", full_page=True)
    visitor.clean()


def test_a_person_is_measured_and_the_film_of_it_plays(visit, studio, who, tmp_path):
    visitor = visit(studio)
    page = visitor.open(f"people/{who}/judge")
    page.get_by_role("button", name="Measure", exact=True).click()
    page.get_by_role("row", name="Likeness of the face").wait_for(timeout=LONG)
    page.get_by_label("Real, drawn and spoken, side by side").wait_for(timeout=LONG)
    plays(page)
    page.screenshot(path=shelf(tmp_path) / "results_judge.png", full_page=True)
    visitor.clean()


def test_a_packed_person_comes_back_under_another_name_and_speaks(visit, studio, who, tmp_path):
    visitor = visit(studio)
    page = visitor.open()
    page.get_by_role("button", name=f"Pack {who} into one file").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name=f"Download {who}, packed").click(timeout=LONG)
    saved.value.save_as(tmp_path / "one.vizeme")
    page.locator("summary", has_text="Unpack a person").click()
    page.get_by_label("Packed person", exact=True).set_input_files(tmp_path / "one.vizeme")
    page.get_by_text("Here: one.vizeme").wait_for(timeout=LONG)
    page.get_by_label("Name", exact=True).fill("twin")
    page.get_by_role("button", name="Unpack", exact=True).click()
    page.get_by_role("link", name="Let twin speak").click(timeout=LONG)
    page = visitor.ready()
    page.get_by_label("Text").fill("Good evening.")
    finished(page, "Speak")
    plays(page)
    page = visitor.go("people")
    page.get_by_role("button", name="Delete twin").click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("twin")
    page.get_by_role("dialog").get_by_role("button", name="Delete twin").click()
    page.get_by_role("link", name="Let twin speak").wait_for(state="detached", timeout=LONG)
    assert not (studio.home / "checkpoints/twin").exists()
    assert (studio.home / f"checkpoints/{who}").is_dir()
    visitor.clean()
