"""Uploads as a browser and as curl send them."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.person.studio import upload_routes, uploads
from tests.made import write_tone
from tests.tasks.person.studio.conftest import send


@pytest.fixture
def wav(tmp_path):
    return write_tone(tmp_path / "voice.wav", 0.2 * np.sin(np.arange(8000) / 20)).read_bytes()


def test_an_upload_in_pieces_goes_on_where_it_broke_off(client, wav):
    begun = client.post("/api/uploads", json={"name": "voice.wav", "bytes": len(wav), "purpose": "sound"})
    assert begun.status_code == 201
    address = f"/api/uploads/{begun.json()['id']}"
    assert client.patch(f"{address}?offset=0", content=wav[:4000]).json()["offset"] == 4000
    wrong = client.patch(f"{address}?offset=9", content=wav[9:])
    assert (wrong.status_code, wrong.json()["offset"]) == (409, 4000)
    assert client.get(address).json()["done"] is False
    whole = client.patch(f"{address}?offset=4000", content=wav[4000:]).json()
    assert (whole["done"], whole["about"]) == (True, {"seconds": 0.5})
    assert client.patch(f"{address}?offset={len(wav)}", content=b"x").status_code == 409
    assert [one["id"] for one in client.get("/api/uploads").json()["uploads"]] == [begun.json()["id"]]
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


def test_a_form_takes_a_small_file(client, wav):
    answer = client.post("/api/uploads/form", files={"file": ("voice.wav", wav)}, data={"purpose": "sound"})
    assert (answer.status_code, answer.json()["about"]) == (201, {"seconds": 0.5})


@pytest.mark.parametrize(("content", "purpose", "status"), [
    (b"#EXTM3U\nfile:///etc/passwd\n", "sound", 415), (b"tiny", "sound", 422), (bytes(100), "virus", 422),
])  # fmt: skip
def test_a_form_that_is_not_as_it_should_be_leaves_nothing(client, studio, content, purpose, status):
    answer = client.post("/api/uploads/form", files={"file": ("voice.wav", content)}, data={"purpose": purpose})
    assert (answer.status_code, set(answer.json())) == (status, {"error"})
    assert not list(studio.uploads.folder.iterdir())


def test_a_form_is_bounded_before_it_arrives(client, wav, monkeypatch):
    monkeypatch.setattr(upload_routes, "FORM", 1000)
    monkeypatch.setattr(upload_routes, "FORM_EXTRA", 1000)
    assert client.post("/api/uploads/form", files={"file": ("voice.wav", wav)}).status_code == 413
    assert client.post("/api/uploads/form", content=b"abc").status_code == 415


def test_limits_are_told(client):
    told = client.get("/api/limits").json()
    assert told["film"] == uploads.LIMITS["film"]
    assert told["free"] > 0


def test_an_upload_that_is_used_is_gone(client, studio, wav):
    name = send(client, wav, "voice.wav", "sound")
    note, _ = studio.uploads.whole(name, "sound")
    studio.uploads.take(note, studio.place / "taken.wav")
    assert (studio.place / "taken.wav").read_bytes() == wav
    assert client.get(f"/api/uploads/{name}").status_code == 404
