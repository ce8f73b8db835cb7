"""What all requests share: the key of a home, who is here, whose film it is."""

from __future__ import annotations

import stat

import pytest

from tasks.person.page.guard import Refused
from tasks.person.studio.studio import Studio
from utils.files.tables import write_json


def test_the_key_stays_and_is_nobody_elses(studio, home, doors):
    key = studio.key()
    assert len(key) >= 32
    assert Studio(home, doors).key() == key
    file = studio.folder / "key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("short")
    assert studio.key() not in ("short", key)


def test_people_are_those_of_whom_there_is_something(studio):
    for path in ("data/binary/videos/ben/meta.json", "studio/people/clara/person.json"):
        write_json(studio.place / path, {"format": "vizeme-studio-person"})
    (studio.runs("dora") / "lm3d_nerf").mkdir(parents=True)
    (studio.place / "data/binary/videos/empty").mkdir()
    (studio.place / "data/binary/videos/a b").mkdir()
    assert studio.people() == ["ben", "clara", "dora"]
    assert studio.person("ben") == "ben"
    for name in ("..", "a b", "empty", "", "ben/../clara"):
        with pytest.raises(Refused):
            studio.person(name)


def test_a_film_is_known_by_the_note_beside_it(studio):
    own = studio.own("clara")
    own.mkdir(parents=True)
    (own / "film.mp4").write_bytes(b"film")
    assert studio.film("clara") is None
    write_json(own / "person.json", {"format": "vizeme-studio-person"})
    assert studio.film("clara") == studio.film_to_dub("clara") == own / "film.mp4"


def test_who_was_made_in_a_terminal_is_dubbed_in_the_film_that_lies_there(studio):
    assert studio.film_to_dub("ben") is None
    raw = studio.place / "data/raw/videos/ben.mp4"
    raw.parent.mkdir(parents=True)
    raw.write_bytes(b"film")
    assert (studio.film("ben"), studio.film_to_dub("ben")) == (None, raw)
