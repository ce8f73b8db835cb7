"""What a batch makes follows from what is named; what it has made is known by its content."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.person.commands.films import Film, Notes, films_of
from utils.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sounds").mkdir()
    for name in ("b.wav", "a.MP3", "notes.txt"):
        (tmp_path / "sounds" / name).write_bytes(name.encode())
    return tmp_path


def test_sounds_folders_tables_and_texts_become_films():
    Path("list.csv").write_text("sound\nsounds/b.wav\n")
    films = films_of([Path("x.wav"), Path("sounds")], ["Hello."], Path("out"))
    assert [str(film.target) for film in films] == ["out/x.mp4", "out/a.mp4", "out/b.mp4", "out/text-1.mp4"]
    assert (films[-1].sound, films[-1].text) == (None, "Hello.")
    assert [film.sound for film in films_of([Path("list.csv")], [], Path("out"))] == [Path("sounds/b.wav")]


def test_nothing_two_of_one_name_and_an_input_as_output_are_refused():
    Path("empty").mkdir()
    with pytest.raises(ConfigError, match="Say what is said"):
        films_of([], [], Path("out"))
    with pytest.raises(ConfigError, match=r"b\.flac and b\.wav would both become out/b\.mp4"):
        films_of([Path("b.wav"), Path("b.flac")], [], Path("out"))
    with pytest.raises(DataError, match="empty holds no sound"):
        films_of([Path("empty")], [], Path("out"))
    Path("b.mp4").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"b\.mp4"):
        films_of([Path("b.mp4")], [], Path())


def test_a_film_is_made_when_it_is_whole_and_of_the_same_sound():
    film = Film(Path("a.mp4"), Path("sounds/b.wav"))
    film.target.write_bytes(b"film")
    Notes(Path()).made(film, "key")
    assert Notes(Path()).is_made(film, "key")
    assert not Notes(Path()).is_made(film, "another")
    Notes(Path()).refuse_other(film)
    film.target.write_bytes(b"fil")
    assert not Notes(Path()).is_made(film, "key")
    with pytest.raises(DataError, match=r"a\.mp4 is there already and was not made by a batch"):
        Notes(Path()).refuse_other(film)


def test_damaged_notes_make_nothing_ours():
    film = Film(Path("a.mp4"), Path("sounds/b.wav"))
    film.target.write_bytes(b"mine")
    for text in ("{", "[]", '{"a.mp4": 3}'):
        Path("films.json").write_text(text)
        with pytest.raises(DataError, match="was not made by a batch"):
            Notes(Path()).refuse_other(film)
