"""Jobs over the API: every tab sees the same, from any offset on."""

from __future__ import annotations

import asyncio
import json

from tasks.person.studio.job_routes import _changes, _events, _growing
from tests.tasks.person.studio.conftest import new_job, plan, settle


def events_of(text):
    """Return (kind, id, data) of every event in a stream."""
    parts = [dict(line.split(": ", 1) for line in part.splitlines()) for part in text.strip().split("\n\n")]
    return [(part["event"], part.get("id"), json.loads(part["data"])) for part in parts]


def take(stream, count):
    """Return the first events of an endless stream."""

    async def some():
        taken = []
        async for text in stream:
            taken += events_of(text)
            if len(taken) >= count:
                break
        await stream.aclose()
        return taken

    return asyncio.run(some())


def test_a_job_is_shown_stopped_resumed_and_deleted(client, studio, home):
    plan(home, check="fail")
    job = new_job(studio, title="Check anna")
    address = f"/api/jobs/{job.id}"
    shown = client.get(address).json()
    assert (shown["state"], shown["before"], shown["title"], shown["files"]) == ("queued", 0, "Check anna", {})
    assert client.post(f"{address}/stop").json()["state"] == "stopped"
    assert client.post(f"{address}/stop").status_code == 409
    assert client.post(f"{address}/resume").json()["state"] == "queued"
    settle(studio)
    shown = client.get(address).json()
    assert (shown["state"], shown["error"], shown["resumable"]) == ("failed", "the sound cannot be read", True)
    log = client.get(f"{address}/log?offset=7")
    assert log.text == "the sound cannot be read\n"
    assert log.headers["x-next-offset"] == str(7 + len(log.text))
    assert [one["id"] for one in client.get("/api/jobs?person=anna&kind=check").json()["jobs"]] == [job.id]
    assert client.get("/api/jobs?person=ben").json() == {"jobs": []}
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


def test_events_come_from_any_offset_on(client, studio):
    job = new_job(studio)
    settle(studio)
    address = f"/api/jobs/{job.id}/events"
    first, *steps, last = events_of(client.get(address).text)
    assert (first[0], first[1], last[0], last[2]["state"]) == ("state", "0", "state", "done")
    assert [(kind, data["done"]) for kind, _, data in steps] == [("progress", 1), ("progress", 3)]
    _, *rest, _ = events_of(client.get(address, headers={"Last-Event-ID": steps[0][1]}).text)
    assert rest == steps[1:]
    assert events_of(client.get(f"{address}?offset={steps[0][1]}").text)[1:-1] == steps[1:]
    assert last[1].endswith(".end")
    assert client.get(address, headers={"Last-Event-ID": last[1]}).status_code == 204
    assert client.get(address, headers={"Last-Event-ID": "../x"}).status_code == 400
    assert events_of(client.get(f"{address}?offset=999999").text)[-1][2]["state"] == "done"


def test_a_line_that_is_half_written_waits_for_its_end(studio):
    job = new_job(studio)
    studio.jobs.events(job).write_bytes(b'{"event": "start", "done": 0}\n{"event": "prog')
    kinds = [kind for kind, _, _ in take(_events(studio, job, 0), 2)]
    assert kinds == ["state", "start"]


def test_all_jobs_are_followed(studio):
    job = new_job(studio)

    async def watch():
        stream = _changes(studio)
        told = events_of(await anext(stream))
        job.state = "stopped"
        later = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        studio.jobs.keep(job)
        told += events_of(await later)
        studio.jobs.delete(job)
        told += events_of(await anext(stream))
        await stream.aclose()
        return told

    told = asyncio.run(watch())
    assert [kind for kind, _, _ in told] == ["jobs", "job", "deleted"]
    assert [one["id"] for one in told[0][2]["jobs"]] == [job.id]
    assert told[1][2]["state"] == "stopped"


def test_a_film_is_fetched_by_ranges_and_under_a_good_name(client, studio):
    job = new_job(studio, "speak", title="Good morning!")
    job.words.append(f"--out={studio.jobs.folder_of(job)}/film.mp4")
    settle(studio)
    film = client.get(f"/api/jobs/{job.id}").json()["files"]["film"]
    whole = client.get(film)
    assert (whole.headers["content-type"], whole.headers["accept-ranges"]) == ("video/mp4", "bytes")
    part = client.get(film, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert client.get(film, headers={"Range": "bytes=99999999-"}).status_code == 416
    kept = client.get(f"{film}?download=1").headers["content-disposition"]
    assert kept == 'attachment; filename="anna-Good-morning.mp4"'


def test_only_results_are_fetched(client, studio):
    job = new_job(studio)
    settle(studio)
    for name in ("job.json", "begun.json", "events.jsonl", "..%2Fjob.json", "film.mp4"):
        assert client.get(f"/api/jobs/{job.id}/files/{name}").status_code == 404


def test_a_film_is_watched_while_it_is_drawn(studio):
    job = new_job(studio, "speak")
    job.state = "running"
    live = studio.jobs.folder_of(job) / "live.mp4"
    live.write_bytes(b"first")

    async def watch():
        stream = _growing(studio, job)
        pieces = [await anext(stream)]
        with live.open("ab") as file:
            file.write(b"second")
        pieces.append(await anext(stream))
        with live.open("ab") as file:
            file.write(b"third")
        job.state = "done"
        live.unlink()
        return pieces + [piece async for piece in stream]

    assert asyncio.run(watch()) == [b"first", b"second", b"third"]


def test_a_dub_comes_as_a_whole_and_nobody_is_sent_to_watch_it(studio):
    assert ["live" in studio.show(new_job(studio, kind)).files for kind in ("speak", "dub")] == [True, False]


def test_what_is_not_drawn_is_not_watched(client, studio):
    job = new_job(studio)
    settle(studio)
    assert client.get(f"/api/jobs/{job.id}/live.mp4").status_code == 404
