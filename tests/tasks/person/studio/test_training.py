"""Training is shown as a figure in words, curves of bounded length, and the newest pictures."""

from __future__ import annotations

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from tasks.person.studio.training import MOST_BOARDS, MOST_POINTS, Boards, curves
from tests.tasks.person.studio.conftest import new_job


def write_board(run, *pictures, file="events.out.tfevents.1.here"):
    """Add pictures (tag, update, bytes) to a run's file of TensorBoard."""
    (run / "tb_logs").mkdir(exist_ok=True)
    with (run / "tb_logs" / file).open("ab") as opened:
        writer = RecordWriter(opened)
        for tag, update, content in pictures:
            value = Summary.Value(tag=tag, image=Summary.Image(encoded_image_string=content))
            writer.write(Event(step=update, summary=Summary(value=[value])).SerializeToString())
        writer.flush()


def write_metrics(run, rows):
    lines = ["update,tr/total_loss,val/face_psnr,val/total_loss", *rows]
    (run / "metrics.csv").write_text("\n".join(lines) + "\n")


def test_a_stage_is_shown(client, studio, anna):
    run = studio.runs("anna") / "lm3d_nerf"
    write_metrics(run, ["50,0.5,,", "100,0.4,30.25,0.3", "150,nan,,", "half"])
    write_board(run, ("rendered_and_real/0", 50, b"\x89PNG old"), ("rendered_and_real/0", 100, b"\x89PNG new"))
    told = client.get("/api/people/anna/training").json()
    assert [stage["name"] for stage in told["stages"]][:2] == ["syncnet", "lm3d_vae_sync"]
    stage = told["stages"][3]
    assert stage["figure"]["said"] == "The drawn face is like the real one to 30.2 dB (30 is good)"
    assert {curve["name"]: curve["points"] for curve in stage["curves"]} == {
        "val/face_psnr": [[100, 30.25]], "val/total_loss": [[100, 0.3]], "tr/total_loss": [[50, 0.5], [100, 0.4]]
    }  # fmt: skip
    picture = stage["pictures"][0]
    assert (picture["title"], picture["update"], picture["kind"]) == ("Rendered and real (1)", 100, "picture")
    assert client.get(picture["url"]).content == b"\x89PNG new"
    write_board(run, ("rendered_and_real/0", 150, b"\x89PNG newer"), ("mouth/0_widest", 150, b"GIF89a"))
    pictures = client.get("/api/people/anna/training").json()["stages"][3]["pictures"]
    assert [(one["update"], one["kind"], one["title"]) for one in pictures] == [
        (150, "animation", "Mouth widest (1)"), (150, "picture", "Rendered and real (1)")
    ]  # fmt: skip
    assert client.get(pictures[0]["url"]).headers["content-type"] == "image/gif"


def test_without_runs_there_is_nothing_to_show_and_no_error(client, studio, anna):
    stage = client.get("/api/people/anna/training").json()["stages"][0]
    assert (stage["figure"], stage["curves"], stage["pictures"]) == (None, [], [])
    for address in ("syncnet/picture?tag=none", "..%2f..%2fetc/picture?tag=a", "nothing/picture"):
        assert client.get(f"/api/people/anna/training/{address}").status_code == 404


def test_curves_are_of_bounded_length_and_end_with_the_last_point(tmp_path):
    write_metrics(tmp_path, [f"{n},{1 / n},," for n in range(1, 5000)])
    points = curves(tmp_path, "lm3d_nerf")[1][0]["points"]
    assert len(points) <= MOST_POINTS
    assert points[-1] == (4999, 1 / 4999)
    (tmp_path / "metrics.csv").write_bytes(b"update,tr/total_loss\n1,\xff\xfe\n")
    assert curves(tmp_path, "lm3d_nerf") == (None, [])


def test_only_the_newest_pictures_of_some_runs_are_kept(tmp_path):
    boards = Boards()
    for number in range(MOST_BOARDS + 3):
        run = tmp_path / str(number)
        run.mkdir()
        write_board(run, *(("a", update, bytes(10)) for update in range(5)))
        assert boards.pictures(run) == {"a": (4, bytes(10))}
    assert len(boards._boards) == MOST_BOARDS
    (tmp_path / "0/tb_logs/events.out.tfevents.2.here").write_bytes(np.arange(200, dtype=np.uint8).tobytes())
    assert boards.pictures(tmp_path / "0") == {"a": (4, bytes(10))}, "a damaged file is passed over"


def test_a_record_that_is_being_written_waits_for_its_end(tmp_path):
    file = tmp_path / "tb_logs/events.out.tfevents.1.here"
    write_board(tmp_path, ("a", 1, b"one"), ("a", 2, b"two"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-10])
    boards = Boards()
    assert boards.pictures(tmp_path) == {"a": (1, b"one")}
    file.write_bytes(whole)
    assert boards.pictures(tmp_path) == {"a": (2, b"two")}


def test_training_is_begun_once_with_settings_of_its_stages(client, studio, anna):
    address = "/api/people/anna/train"
    made = client.post(address, json={"preset": "demo", "settings": {"lr": 0.001, "syncnet.max_updates": 5}})
    assert made.status_code == 201
    words = studio.jobs.get(made.json()["id"]).words
    assert words == ["train", "anna", "--preset=demo", "--set", "lr=0.001", "--set", "syncnet.max_updates=5"]
    assert client.post(address).status_code == 409


@pytest.mark.parametrize(("body", "field"), [
    ({"preset": "none"}, "preset"), ({"preset": "../videos/person"}, "preset"),
    ({"settings": {"nonsense": 1}}, "settings.nonsense"),
    ({"settings": {"syncnet.nonsense": 1}}, "settings.syncnet.nonsense"),
])  # fmt: skip
def test_slips_are_told(client, studio, anna, body, field):
    answer = client.post("/api/people/anna/train", json=body)
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {field})
    assert studio.jobs.every() == []


def test_training_waits_for_processing_and_needs_footage(client, studio, anna):
    processing = new_job(studio, "process")
    job = client.post("/api/people/anna/train").json()
    assert studio.jobs.get(job["id"]).after == processing.id
    (studio.runs("ben") / "syncnet").mkdir(parents=True)
    assert client.post("/api/people/ben/train").status_code == 409
