"""Cards say how far everybody is; deleting takes what is ours and nothing else."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tasks.person.studio.people import training_stages
from tests.tasks.person.studio.conftest import new_job, send, settle
from utils.files.lock import hold, let_go
from utils.files.tables import write_json


def test_a_card_says_how_far_a_person_is(client, studio, anna):
    card = client.get("/api/people/anna").json()
    assert (card["state"], card["speaks"], card["frames"], card["size_px"]) == ("trained", True, 30, 64)
    assert (card["consent"], card["licence"], card["film"]) == ("no person", "made for tests", False)
    assert [stage["state"] for stage in card["stages"]] == ["done"] * 7
    assert card["bytes"]["all"] == sum(size for what, size in card["bytes"].items() if what != "all") > 1000
    assert client.get("/api/people").json() == {"people": [card]}
    (studio.runs("anna") / "lm3d_nerf" / "model_ckpt_steps_100.ckpt").rename(
        studio.runs("anna") / "lm3d_nerf" / "model_ckpt_steps_50.ckpt"
    )
    job = new_job(studio, "train")
    job.state = "running"
    card = client.get("/api/people/anna").json()
    assert (card["state"], card["jobs"]) == ("training", [job.id])
    assert card["stages"][4] == {
        "name": "lm3d_nerf", "title": "Drawing the head", "state": "running", "done": 50, "total": 100
    }  # fmt: skip
    job.state = "stopped"


def test_two_stages_may_be_trained_at_once(studio, anna):
    for name in ("syncnet", "lm3d_nerf", "lm3d_nerf_torso"):
        for file in (studio.runs("anna") / name).glob("*.ckpt"):
            file.unlink()
    states = {stage.name: stage.state for stage in training_stages(studio, "anna", "", True)}
    assert [name for name, state in states.items() if state == "running"] == ["syncnet", "lm3d_nerf"]
    (studio.runs("anna") / "lm3d_nerf" / "config.yaml").unlink()
    states = {stage.name: stage.state for stage in training_stages(studio, "anna", "", True)}
    assert [name for name, state in states.items() if state == "running"] == ["syncnet"], "the other waits, or begins"


def test_a_poster_is_a_picture(client, anna):
    poster = client.get(client.get("/api/people/anna").json()["poster"])
    assert poster.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(poster.content)).size == (64, 64)


def test_a_damaged_person_hides_nobody(client, studio, anna):
    (studio.dataset("anna") / "meta.json").write_text("{")
    card = client.get("/api/people").json()["people"][0]
    assert (card["id"], card["frames"], card["poster"]) == ("anna", 0, None)
    assert client.get("/api/people/anna/poster.jpg").status_code == 422


def test_nobody_is_nobody(client, studio):
    (studio.place / "checkpoints/.hidden/lm3d_nerf").mkdir(parents=True)
    (studio.place / "checkpoints/empty").mkdir()
    assert client.get("/api/people").json() == {"people": []}
    for name in ("anna", ".hidden", "empty", "x" * 80):
        answer = client.get(f"/api/people/{name}")
        assert (answer.status_code, set(answer.json())) == (404, {"error"})


def delete(client, confirm):
    return client.request("DELETE", "/api/people/anna", json={"confirm": confirm})


def test_a_person_is_deleted_as_far_as_they_are_ours(client, studio, anna):
    mine = [studio.dataset("anna") / "notes.txt", studio.runs("anna") / "lm3d_nerf" / "notes.txt",
            studio.runs("anna") / "mine.ckpt"]  # fmt: skip
    for path in mine:
        path.write_text("mine")
    strange = studio.runs("anna") / "postnet" / "config.yaml"
    strange.write_text("task_cls: none of ours\n")
    job = new_job(studio, "check")
    settle(studio)
    told = client.get("/api/people/anna/deletion").json()
    assert {path["path"] for path in told["kept"]} == {
        str(path.relative_to(studio.place)) for path in (*mine, strange, strange.parent / "model_ckpt_steps_100.ckpt")
    }
    assert delete(client, "ben").json()["fields"] == {"confirm": "write anna, who is to be deleted"}
    assert delete(client, "anna").json() == told
    left = {path for path in studio.place.rglob("*") if path.is_file() and "studio" not in path.parts}
    assert {path.name for path in left} == {"notes.txt", "mine.ckpt", "config.yaml", "model_ckpt_steps_100.ckpt",
                                            "order.txt"}  # fmt: skip
    assert client.get(f"/api/jobs/{job.id}").status_code == 404


def test_nothing_is_deleted_behind_a_link(client, studio, anna, tmp_path):
    away = tmp_path / "away"
    studio.dataset("anna").rename(away)
    studio.dataset("anna").symlink_to(away)
    files = sorted(away.iterdir())
    delete(client, "anna")
    assert sorted(away.iterdir()) == files


def test_who_is_worked_on_is_not_deleted(client, studio, anna):
    job = new_job(studio, "train")
    assert delete(client, "anna").status_code == 409
    studio.foreman.stop(job)
    handle = hold(studio.runs("anna") / "lm3d_nerf")
    try:
        assert "another process" in delete(client, "anna").json()["error"]
    finally:
        let_go(handle)
    assert (studio.dataset("anna") / "meta.json").is_file()


def test_a_deletion_that_was_broken_off_goes_on(client, studio, anna):
    (studio.dataset("anna") / "frames.safetensors").unlink()
    (studio.dataset("anna") / "audio.wav").unlink()
    assert delete(client, "anna").status_code == 200
    assert not studio.dataset("anna").exists()
    assert client.get("/api/people").json() == {"people": []}


def test_a_person_is_packed_and_unpacked_by_the_commands(client, studio, anna):
    packed = client.post("/api/people/anna/pack", json={}).json()
    job = studio.jobs.get(packed["id"])
    assert job.words == ["pack", "anna", "--out", "{job}/pack.vizeme", "--renderer", "auto"]
    upload = send(client, b"PK\x03\x04" + bytes(100), "anna.vizeme", "pack")
    assert client.post("/api/unpack", json={"upload": upload, "id": "anna"}).status_code == 409
    job = studio.jobs.get(client.post("/api/unpack", json={"upload": upload, "id": "ben"}).json()["id"])
    assert job.words == ["unpack", "{job}/pack.vizeme", "--exp_name", "ben"]
    assert (studio.jobs.folder_of(job) / "pack.vizeme").stat().st_size == 104


def test_who_cannot_speak_is_not_packed(client, studio):
    (studio.runs("ben") / "syncnet").mkdir(parents=True)
    assert client.post("/api/people/ben/pack").status_code == 409


@pytest.mark.parametrize("content", ["[]", "{", '{"preset": 3, "more": 1}'])
def test_odd_notes_are_left_alone(client, studio, anna, content):
    (studio.runs("anna") / "preset.json").write_text(content)
    assert client.get("/api/people/anna").status_code == 200
    assert delete(client, "anna").status_code == 200
    assert (studio.runs("anna") / "preset.json").read_text() == content


def test_what_an_evaluation_wrote_is_deleted_with_whom_it_is_about(client, studio, anna):
    folder = studio.results("anna") / "evaluation"
    folder.mkdir(parents=True)
    (folder / "side_by_side.mp4").write_bytes(b"film")
    write_json(folder / "metrics.json", {"video_id": "anna", "frames": [0, 12]})
    assert delete(client, "anna").status_code == 200
    assert not folder.exists()
