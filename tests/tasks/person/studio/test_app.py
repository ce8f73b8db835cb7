"""The pages and the API are one application, and jobs run as long as it does."""

from __future__ import annotations

import time

from tasks.person.studio.app import PAGES, ROWS
from tests.patience import HANG_S
from tests.tasks.person.studio.conftest import client_of, new_job


def test_pages_are_served_as_they_lie(studio):
    client = client_of(studio)
    assert client.get("/").content == (PAGES / "index.html").read_bytes()
    assert client.get("/static/index.html").headers["content-type"].startswith("text/html")
    assert client.head("/").status_code == 200


def test_every_row_answers_without_an_error_of_ours(studio, anna):
    client = client_of(studio)
    for row in ROWS:
        if row.method == "GET" and "events" not in row.path:
            path = row.path.format(person="anna", job="20260101000000-00000000", upload="0" * 16, index=3, name="x.png",
                                   stage="syncnet")  # fmt: skip
            if row.path != "/api/machine":
                assert client.get(path).status_code in (200, 404), path


def test_jobs_run_while_the_application_does(studio):
    job = new_job(studio)
    with client_of(studio) as client:
        began = time.monotonic()
        while client.get(f"/api/jobs/{job.id}").json()["state"] != "done":
            assert time.monotonic() - began < HANG_S
            time.sleep(0.02)
    assert studio.stopping
