"""Requests are read strictly; what goes wrong is one line."""

from __future__ import annotations

import errno

import pytest

from tasks.person.studio import app
from tasks.person.studio.answers import MOST_BODY, Row
from tests.tasks.person.studio.conftest import client_of
from utils.errors import DataError


def test_all_slips_of_a_body_are_named(client):
    answer = client.post("/api/uploads", json={"name": "", "bytes": 3, "purpose": "virus", "more": 1})
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {"name", "bytes", "purpose", "more"}


def test_bodies_are_json_of_a_bounded_size(client):
    assert client.post("/api/uploads", content=b"{", headers={"content-type": "application/json"}).status_code == 422
    assert client.post("/api/uploads", content=b"a=1").status_code == 415
    large = client.post("/api/uploads", content=b"x" * (MOST_BODY + 1), headers={"content-type": "application/json"})
    assert large.status_code == 413


@pytest.mark.parametrize("address", [
    "/api/people/..", "/api/people/%2e%2e", "/api/people/..%2f..%2fetc", "/api/people/a%00b", "/api/jobs/..",
    "/api/uploads/..%2f..", "/static/../app.py", "/static/..%2fapp.py", "/api/people/anna/frames/-1.jpg",
    "/api/people/%C3%A4", "/api/jobs/20260101000000-zzzzzzzz",
])  # fmt: skip
def test_no_address_leads_out(client, address):
    answer = client.get(address)
    assert answer.status_code in (404, 405)
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(("error", "status", "said"), [
    (DataError("voice.wav: no sound"), 422, "voice.wav: no sound"),
    (OSError(errno.ENOSPC, "No space left"), 507, "the disk of this machine is full: free some room"),
    (FileNotFoundError(errno.ENOENT, "No such file"), 404, "what was asked for is gone meanwhile"),
    (ValueError("secret"), 500, "it failed: see the terminal"),
])  # fmt: skip
def test_what_goes_wrong_is_one_line(studio, monkeypatch, error, status, said):
    def fail(studio, ask):
        raise error

    monkeypatch.setattr(app, "ROWS", (Row("GET", "/api/fails", fail, "fail"),))
    answer = client_of(studio).get("/api/fails")
    assert (answer.status_code, answer.json()) == (status, {"error": said})


def test_another_method_is_told(client):
    assert client.put("/api/people").json() == {"error": "this address does not answer to that method"}
