"""What a batch makes follows from what is named; what it has made is known by its content."""

from __future__ import annotations

import os
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
    Path("aside").write_bytes(b"film")
    Notes(Path()).made(film, "key", Path("aside"))
    assert not Notes(Path()).is_made(film, "key")
    Path("aside").rename(film.target)
    assert Notes(Path()).is_made(film, "key")
    assert not Notes(Path()).is_made(film, "another")
    Notes(Path()).refuse_other(film)
    film.target.write_bytes(b"fil")
    assert not Notes(Path()).is_made(film, "key")
    with pytest.raises(DataError, match=r"a\.mp4 is there already and was not made by a batch"):
        Notes(Path()).refuse_other(film)


def test_notes_that_no_batch_wrote_are_not_written_over():
    for text in ("{", "[]", '{"a.mp4": 3}', '{"Alien": {"year": 1979}}'):
        Path("films.json").write_text(text)
        with pytest.raises(DataError, match=r"films\.json is there already and was not written by a batch\. Move it"):
            Notes(Path())
        assert Path("films.json").read_text() == text
    Path("films.json").unlink()
    Path("films.json").symlink_to("nowhere")
    with pytest.raises(DataError, match="was not written by a batch"):
        Notes(Path())


def test_who_was_killed_between_note_and_film_finds_the_old_film_his_own():
    film = Film(Path("a.mp4"), Path("sounds/b.wav"))
    for content in (b"old", b"new"):
        Path("aside").write_bytes(content)
        Notes(Path()).made(film, content.decode(), Path("aside"))
        if content == b"old":
            Path("aside").rename(film.target)
    Notes(Path()).refuse_other(film)
    assert not Notes(Path()).is_made(film, "new")


def test_two_batches_in_one_folder_keep_each_others_notes():
    first, second = Notes(Path()), Notes(Path())
    for notes, name in ((first, "a"), (second, "c")):
        Path("aside").write_bytes(name.encode())
        notes.made(Film(Path(f"{name}.mp4"), text=name), name, Path("aside"))
        Path("aside").rename(f"{name}.mp4")
    assert all(Notes(Path()).is_made(Film(Path(f"{name}.mp4"), text=name), name) for name in "ac")


def test_a_link_at_a_films_place_stays_and_a_pipe_is_no_table():
    film = Film(Path("a.mp4"), text="a")
    film.target.symlink_to("nowhere")
    with pytest.raises(DataError, match=r"a\.mp4 is there already"):
        Notes(Path()).refuse_other(film)
    os.mkfifo("list.csv")
    with pytest.raises(DataError, match=r"list\.csv is not a file"):
        films_of([Path("list.csv")], [], Path("out"))


def test_films_that_lie_beside_their_sounds_are_not_taken_for_sounds():
    for film in (first := films_of([Path("sounds")], [], Path("sounds"))):
        film.target.with_suffix(".part").write_bytes(b"film")
        Notes(Path("sounds")).made(film, "key", film.target.with_suffix(".part"))
        film.target.with_suffix(".part").rename(film.target)
    assert films_of([Path("sounds")], [], Path("sounds")) == first


def test_a_text_and_a_sound_of_one_name_and_a_row_without_a_sound_are_told():
    with pytest.raises(ConfigError, match=r"the text 'Hello' and text-1\.wav would both become out/text-1\.mp4"):
        films_of([Path("text-1.wav")], ["Hello"], Path("out"))
    Path("list.csv").write_text('sound\nsounds/b.wav\n""\n')
    with pytest.raises(DataError, match=r"list\.csv, line 3: it names no sound"):
        films_of([Path("list.csv")], [], Path("out"))
