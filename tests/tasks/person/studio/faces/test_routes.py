"""A face is a job: its file goes into the job's folder, and the run's own command draws it."""

from __future__ import annotations

import io

import numpy as np
import pytest

from tests.tasks.person.studio.conftest import send, settle
from tests.tasks.person.studio.faces.test_families import make_run
from utils.media.wav import write_wav

FAKE_FACE = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
def runs(studio):
    make_run(studio.place / "checkpoints", "demo/ve_conv", "ve_conv", 100)
    make_run(studio.place / "checkpoints", "faces/decoder", "template_decoder", 7)
    return studio


def voice(client, tmp_path) -> str:
    write_wav(tmp_path / "voice.wav", np.sin(np.arange(16_000) / 10).astype(np.float32))
    return send(client, (tmp_path / "voice.wav").read_bytes(), "anna speaks.wav", "sound")


def test_ways_and_runs_are_listed_with_what_is_to_be_read(client, runs):
    told = {one["name"]: one for one in client.get("/api/faces").json()["families"]}
    assert [(name, one["takes"]) for name, one in told.items()] == [
        ("voice", ["sound"]), ("template", ["picture", "template"]),
    ]  # fmt: skip
    assert told["voice"]["runs"] == [{"name": "demo/ve_conv", "task": "ve_conv", "updates": 100}]
    assert "not a likeness" in told["voice"]["says"][0]
    assert told["template"]["faces"] == []


def test_a_voice_becomes_a_job_and_its_face_a_file(client, runs, tmp_path):
    body = {"family": "voice", "run": "demo/ve_conv", "upload": voice(client, tmp_path), "agreed": True}
    answer = client.post("/api/faces", json=body)
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    job = runs.jobs.get(shown["id"])
    assert (job.kind, job.door, job.title) == ("face", "run", "anna speaks.wav")
    assert job.words == [
        "--config=checkpoints/demo/ve_conv/config.yaml", "--exp_name=demo/ve_conv", "--infer",
        "--infer_audio_source_name={job}/sound.wav", "--infer_out_image_name={job}/face.png",
    ]  # fmt: skip
    assert "live" not in shown["files"], "a face is no film"
    (runs.jobs.folder_of(job) / "face.png").write_bytes(FAKE_FACE)
    settle(runs)
    done = client.get(f"/api/jobs/{job.id}").json()
    assert done["state"] == "done"
    picture = client.get(done["files"]["face"])
    assert (picture.content, picture.headers["content-type"]) == (FAKE_FACE, "image/png")
    ways = client.get("/api/faces").json()["families"]
    assert [one["id"] for one in ways[0]["faces"]] == [job.id]
    assert client.delete(f"/api/jobs/{job.id}").status_code == 204
    assert not runs.jobs.folder_of(job).exists(), "all of it was ours"


def test_a_template_is_taken_as_a_photo_or_as_numbers(client, runs):
    stream = io.BytesIO()
    np.save(stream, np.ones((1, 16), np.float32))
    for content, name, purpose, kept in (
        (b"\xff\xd8\xff" + bytes(40), "me.jpeg", "picture", "picture.png"),
        (stream.getvalue(), "me.npy", "template", "template.npy"),
        (b"0.1,0.2,0.3,0.4,0.5,0.6\n", "me.csv", "template", "template.csv"),
    ):
        body = {
            "family": "template",
            "run": "faces/decoder",
            "upload": send(client, content, name, purpose),
            "agreed": True,
        }
        job = runs.jobs.get(client.post("/api/faces", json=body).json()["id"])
        assert f"--infer_source={{job}}/{kept}" in job.words
        assert (runs.jobs.folder_of(job) / kept).read_bytes() == content


def test_what_cannot_be_drawn_is_told_at_once(client, runs, tmp_path):
    upload = voice(client, tmp_path)
    body = {"family": "voice", "run": "demo/ve_conv", "upload": upload, "agreed": True}
    for change, field in (
        ({"agreed": False}, "agreed"),
        ({"run": "demo/none"}, "run"),
        ({"run": "faces/decoder"}, "run"),
    ):
        answer = client.post("/api/faces", json={**body, **change})
        assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])
    wrong = send(client, b"plain words, no template", "me.txt", "template")
    template = {"family": "template", "run": "faces/decoder", "agreed": True}
    assert client.post("/api/faces", json={**template, "upload": upload}).status_code == 409, "a voice is no template"
    answer = client.post("/api/faces", json={**template, "upload": wrong})
    assert answer.status_code == 415
    assert answer.json()["error"] == "me.txt is not called .npy, .csv or .b64: name it as what it is"
    assert runs.jobs.every() == [], "nothing is left behind"
    assert client.post("/api/uploads", json={"name": "x.npy", "bytes": 20, "purpose": "template"}).status_code == 201
