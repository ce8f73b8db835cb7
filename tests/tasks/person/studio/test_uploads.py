"""Files arrive in pieces, go on where they broke off, and are what they say they are."""

from __future__ import annotations

import asyncio
import shutil
import tracemalloc

import numpy as np
import pytest

from tasks.person.page.guard import Refused
from tasks.person.studio import uploads
from tasks.person.studio.answers import RefusedOffset
from tasks.person.studio.uploads import KEPT_S, Uploads, is_film, is_picture
from tests.made import write_tone


@pytest.fixture
def store(tmp_path):
    return Uploads(tmp_path / "uploads")


@pytest.fixture
def wav(tmp_path):
    return write_tone(tmp_path / "voice.wav", 0.2 * np.sin(np.arange(8000) / 20)).read_bytes()


def receive(store, note, offset, content, most=uploads.CHUNK):
    async def blocks():
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    asyncio.run(store.receive(note, offset, blocks(), most))


def test_a_file_goes_on_where_it_broke_off(store, wav):
    note = store.begin("../../my voice?.wav", len(wav), "sound")
    assert note.name == "my voice_.wav"
    receive(store, note, 0, wav[:10])
    receive(store, note, 10, wav[10:5000])
    with pytest.raises(RefusedOffset, match="5000 bytes are here"):
        receive(store, note, 0, wav[:10])
    again = Uploads(store.folder)
    assert again.show(again.get(note.id)).offset == 5000
    with pytest.raises(Refused, match="not arrived as a whole"):
        again.whole(note.id, "sound")
    receive(again, note, 5000, wav[5000:])
    done = again.finish(again.get(note.id))
    assert done.about == {"seconds": 0.5}
    assert again.whole(note.id, "sound")[1].read_bytes() == wav
    with pytest.raises(Refused, match="sent as a sound, not as a film"):
        again.whole(note.id, "film")


def test_a_piece_that_breaks_off_is_kept(store, wav):
    async def broken():
        yield wav[:3000]
        raise ConnectionError

    note = store.begin("a.wav", len(wav), "sound")
    with pytest.raises(ConnectionError):
        asyncio.run(store.receive(note, 0, broken()))
    assert store.offset(note) == 3000
    assert not store.busy


@pytest.mark.parametrize("purpose", ["film", "sound", "pack", "picture"])
def test_another_kind_of_file_is_refused_at_its_first_bytes(store, purpose):
    content = b"#EXTM3U\nfile:///etc/passwd\n" * 20
    note = store.begin("film.mp4", len(content), purpose)
    receive(store, note, 0, content[:7])
    with pytest.raises(Refused, match=r"film\.mp4 is not a") as refused:
        receive(store, note, 7, content[7:])
    assert refused.value.status == 415
    assert not list(store.folder.iterdir())


def test_what_cannot_be_used_is_told_when_all_of_it_is_here(store):
    content = b"\0\0\0\x20ftypisom" + bytes(500)
    note = store.begin("me.mp4", len(content), "film")
    receive(store, note, 0, content)
    with pytest.raises(Refused, match=r"me\.mp4") as refused:
        store.finish(note)
    assert (refused.value.status, list(store.folder.iterdir())) == (415, [])
    assert str(store.folder) not in str(refused.value)


def test_sizes_are_bounded(store, wav, monkeypatch):
    for size, status in ((10, 422), (uploads.LIMITS["picture"] + 1, 413)):
        with pytest.raises(Refused) as refused:
            store.begin("a.png", size, "picture")
        assert refused.value.status == status
    with pytest.raises(Refused, match="2000 in all"):
        receive(store, store.begin("a.wav", 2000, "sound"), 0, wav)
    with pytest.raises(Refused, match="1500 bytes at most"):
        receive(store, store.begin("b.wav", len(wav), "sound"), 0, wav, most=1500)
    usage = shutil.disk_usage(store.folder)
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda place: usage._replace(free=uploads.SPARE + 10**6))
    with pytest.raises(Refused, match="do not fit") as refused:
        store.begin("a.wav", 2 * 10**6, "sound")
    assert refused.value.status == 507


def test_what_is_not_used_is_bounded_and_goes_after_a_week(store, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_UPLOADS", 2)
    notes = [store.begin(f"{n}.wav", 100, "sound") for n in range(2)]
    with pytest.raises(Refused, match="delete some"):
        store.begin("more.wav", 100, "sound")
    old = notes[0].model_copy(update={"time": notes[0].time - KEPT_S - 1})
    store._write(old)
    assert [note.id for note in Uploads(store.folder).every()] == [notes[1].id]


def test_strangers_files_in_a_folder_are_left_alone(store):
    note = store.begin("a.wav", 100, "sound")
    (store.folder / note.id / "mine.txt").write_text("mine")
    store.delete(note.id)
    assert [path.name for path in store.folder.rglob("*") if path.is_file()] == ["mine.txt"]
    (store.folder / "0123456789abcdef").mkdir()
    with pytest.raises(Refused, match="no such upload"):
        store.get("0123456789abcdef")


def test_films_and_pictures_are_known_by_their_first_bytes():
    for start in (b"\0\0\0\x18ftypqt  ", b"\x1aE\xdf\xa3", b"RIFF\0\0\0\0AVI LIST", b"\0\0\1\xba"):
        assert is_film(start.ljust(16, b"\0"))
    for start in (b"\x89PNG\r\n\x1a\n\0\0\0\0IHDR", b"RIFF\0\0\0\0WEBPVP8 "):
        assert is_picture(start)
    for start in (b"ffconcat version", b"<svg xmlns=", b"%!PS-Adobe-3.0  ", b""):
        assert (is_film(start), is_picture(start)) == (False, False)


def test_memory_stays_as_it_is_over_many_uploads(store, wav):
    def one():
        note = store.begin("a.wav", 2000, "sound")
        receive(store, note, 0, wav[:2000])
        store.delete(note.id)

    for _ in range(5):
        one()
    tracemalloc.start()
    try:
        one()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            one()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after < before + 200_000
