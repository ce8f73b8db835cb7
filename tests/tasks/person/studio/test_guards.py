"""Nobody without the key, from elsewhere, or with an odd request is answered; every answer is held to the page."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tasks.person.studio.app import make_app
from tests.tasks.person.studio.conftest import KEY, PORT, client_of


@pytest.fixture
def stranger(studio):
    return TestClient(make_app(studio, PORT, KEY), base_url=f"http://127.0.0.1:{PORT}")


@pytest.mark.parametrize("address", ["/", "/api/people", "/static/index.html", "/api/openapi.json", "/nothing"])
def test_without_the_key_nothing_is_shown(stranger, address):
    answer = stranger.get(address)
    assert (answer.status_code, set(answer.json())) == (403, {"error"})
    assert stranger.get(address + "?token=wrong").status_code == 403


def test_the_printed_address_sets_a_cookie_that_opens_the_rest(stranger):
    assert stranger.get(f"/?token={KEY}").status_code == 200
    cookie = stranger.get(f"/?token={KEY}").headers["set-cookie"]
    assert cookie == f"vizeme-studio-{PORT}={KEY}; Path=/; HttpOnly; SameSite=Strict"
    assert stranger.get("/api/people").json() == {"people": []}


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example"}, {"Host": "127.0.0.1:1"}, {"Origin": "http://evil.example"}, {"Origin": "null"},
    {"Authorization": "Bearer wrong"}, {"Authorization": "Basic " + KEY},
])  # fmt: skip
def test_other_names_pages_and_keys_are_refused(studio, headers):
    assert client_of(studio, **headers).get("/api/people").status_code == 403


def test_a_question_has_no_body(client):
    assert client.request("GET", "/api/people", content=b"{}").status_code == 400


def test_every_answer_says_what_a_browser_may_do(client):
    for address in ("/", "/api/people", "/nothing", "/static/index.html"):
        headers = client.get(address).headers
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
