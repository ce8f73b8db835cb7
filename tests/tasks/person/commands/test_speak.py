"""Networks are loaded once, a bad sound does not stop the others, and what is made is not made again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.person.commands import speak
from tasks.person.settings import SpeakCommand
from tasks.speaking.settings import InferSettings
from utils.errors import ConfigError, DataError


class Head:
    """Stand for a loaded head: a film is the sound it was asked for."""

    def __init__(self, seed: int) -> None:
        self.postnet = self.renderer = SimpleNamespace(source={"sha256": "x"})
        self.settings, self.seed, self.asked = InferSettings(), seed, []

    def speak_to(self, sound: Path, out: Path, *, live: Path | None = None) -> Path:
        if live is not None:
            live.write_bytes(b"to be watched")
        if sound.read_bytes() == b"bad":
            raise DataError(f"{sound} holds no sound.")
        self.asked.append(out.name.split(".")[1] + out.suffix if out.name.startswith(".") else out.name)
        out.write_bytes(b"film of " + sound.read_bytes()[:20])
        return out


@pytest.fixture
def heads(tmp_path, monkeypatch):
    """Stand among three sounds, one of them bad, and return the heads that are loaded."""
    monkeypatch.chdir(tmp_path)
    for name, content in (("a.wav", b"good"), ("b.wav", b"bad"), ("c.wav", b"good too")):
        (tmp_path / name).write_bytes(content)
    loaded: list[Head] = []
    monkeypatch.setattr(speak, "load_head", lambda command: loaded.append(Head(command.seed)) or loaded[-1])
    return loaded


def run(*sounds: str, **more) -> int:
    return speak.main(SpeakCommand(id="anna", sounds=tuple(map(Path, sounds)), **({"out": Path("out")} | more)))


def test_a_bad_sound_does_not_stop_the_others_and_is_said_at_the_end(heads, capsys, caplog):
    assert run("a.wav", "b.wav", "none.wav", "c.wav") == 2
    assert capsys.readouterr().out == "out/a.mp4\nout/c.mp4\n"
    last = caplog.records[-1].getMessage().splitlines()
    assert last == [
        "2 of 4 films were not made:", "  b.wav: b.wav holds no sound.", "  none.wav: none.wav does not exist."
    ]  # fmt: skip
    assert len(heads) == 1


def test_what_is_made_is_skipped_until_sound_or_settings_change(heads):
    assert run("a.wav", "c.wav") == 0
    assert run("a.wav", "c.wav") == 0
    Path("c.wav").write_bytes(b"other")
    assert run("a.wav", "c.wav") == 0
    assert run("a.wav", seed=1) == 0
    Path("out/a.mp4").unlink()
    assert run("a.wav", seed=1) == 0
    assert [head.asked for head in heads] == [["a.mp4", "c.mp4"], [], ["c.mp4"], ["a.mp4"], ["a.mp4"]]


def test_a_film_of_somebody_else_is_not_replaced(heads):
    Path("out").mkdir()
    Path("out/a.mp4").write_bytes(b"mine")
    assert run("a.wav") == 2
    assert Path("out/a.mp4").read_bytes() == b"mine"


def test_a_batch_that_was_killed_goes_on(heads, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(speak.Notes, "made", die)
        with pytest.raises(Killed):
            run("a.wav")
    assert not Path("out/a.mp4").exists()
    assert run("a.wav") == 0


def test_the_users_own_films_json_stays_and_no_letter_rules_the_terminal(heads, caplog):
    assert run("no\x1b]0;owned\x07ne.wav") == 2
    assert all(char.isprintable() for one in caplog.records for char in one.getMessage().replace("\n", ""))
    Path("out/films.json").write_text('{"Alien": 1979}')
    with pytest.raises(DataError, match="was not written by a batch"):
        run("a.wav")
    assert Path("out/films.json").read_text() == '{"Alien": 1979}'
    assert len(heads) == 1  # told before anything is loaded


def test_a_text_is_spoken_by_the_synthesiser_and_said_to_be(heads, caplog):
    caplog.set_level("INFO")
    assert run(texts=("Hello there.",)) == 0
    assert Path("out/text-1.mp4").read_bytes().startswith(b"film of RIFF")
    assert "espeak-ng, a synthesiser, as the demo is; it is not the voice of anna" in caplog.text


def test_one_film_may_be_named_in_place_of_its_folder(heads, capsys):
    assert run("a.wav", "film.mp4", out=None) == 0
    assert run("c.wav", out=Path("there.mp4")) == 0
    assert run(texts=("Hello there.",), out=Path("said.mp4")) == 0
    assert capsys.readouterr().out == "film.mp4\nthere.mp4\nsaid.mp4\n"
    assert Path("film.mp4").read_bytes() == b"film of good"
    assert run("a.wav", "film.mp4", out=None) == 0  # what was named is written anew


def test_a_second_video_is_not_written_over_unless_that_is_said(heads):
    for name in ("a.mp4", "b.mp4"):
        Path(name).write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"b\.mp4 is there, and might be meant to be spoken, too\. Say which: --out"):
        run("a.mp4", "b.mp4", out=None)
    assert run("a.mp4", "b.mp4") == 0
    assert (Path("b.mp4").read_bytes(), Path("out/b.mp4").read_bytes()) == (b"mine", b"film of mine")
    with pytest.raises(ConfigError, match=r"is one film, for one sound or text\. Name a folder for several"):
        run("a.wav", "c.wav", out=Path("x.mp4"))
    with pytest.raises(ConfigError, match=r"a\.mp4"):
        run("a.mp4", out=Path("a.mp4"))


def test_one_film_can_be_watched_while_it_is_drawn(heads):
    assert run("a.wav", out=Path("a.mp4"), live=Path("live.mp4")) == 0
    assert (Path("a.mp4").read_bytes(), Path("live.mp4").read_bytes()) == (b"film of good", b"to be watched")
    with pytest.raises(ConfigError, match="--live is for one film"):
        run("a.wav", "c.wav", live=Path("live.mp4"))
