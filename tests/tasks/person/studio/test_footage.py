"""New people need a film, a consent and a licence; their footage is shown frame by frame."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tasks.core.checkpoints import recipe_of
from tests.tasks.person.studio.conftest import send, settle
from utils.config.recipe import load_recipe
from utils.files.tables import write_json
from utils.media.video import VideoWriter
from utils.media.wav import write_wav

WHO = {"id": "anna", "consent": "Anna agreed on 1 May", "licence": "CC BY 4.0"}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Return the bytes of a film of 2.4 s with sound."""
    folder = tmp_path_factory.mktemp("film")
    write_wav(folder / "a.wav", (0.2 * np.sin(np.arange(38400) / 20)).astype(np.float32))
    with VideoWriter(folder / "a.mp4", 64, 64, 25, audio=folder / "a.wav") as video:
        for number in range(60):
            video.write(np.full((64, 64, 3), 4 * number, np.uint8))
    return (folder / "a.mp4").read_bytes()


def test_a_new_person_is_processed_and_then_trained(client, studio, film):
    upload = send(client, film, "me.mp4", "film")
    made = client.post("/api/people", json={
        **WHO, "upload": upload, "size": 64, "preset": "demo", "train": True, "settings": {"max_updates": 5}
    })  # fmt: skip
    assert made.status_code == 201
    assert made.json()["person"]["state"] == "new"
    process, train = (studio.jobs.get(one["id"]) for one in made.json()["jobs"])
    assert process.words[:3] == ["video", "anna", "studio/people/anna/film.mp4"]
    assert {"--size=64", "--consent=Anna agreed on 1 May", "--licence=CC BY 4.0"} <= set(process.words)
    assert train.words == ["train", "anna", "--preset=demo", "--set", "max_updates=5"]
    assert train.after == process.id
    assert studio.film("anna").read_bytes() == film
    settle(studio)
    assert (process.state, train.state) == ("done", "done")
    card = client.get("/api/people/anna").json()
    assert (card["consent"], card["licence"], card["film"]) == (WHO["consent"], WHO["licence"], True)
    again = client.post("/api/people/anna/process", json={"redo": ["parsing"]}).json()
    assert "id" in again, again
    words = studio.jobs.get(again["id"]).words
    assert {"--size=64", "--redo=parsing", "--consent=Anna agreed on 1 May"} <= set(words)


@pytest.mark.parametrize(("change", "field"), [
    ({"consent": ""}, "consent"), ({"licence": None}, "licence"), ({"consent": "   "}, "consent"),
    ({"id": "../anna"}, "id"), ({"id": "new"}, "id"), ({"size": 10}, "size"),
    ({"train": True, "preset": "../../etc"}, "preset"),
    ({"settings": {"bad name": 1}}, "settings.bad name.[key]"),
])  # fmt: skip
def test_without_consent_or_with_slips_nothing_is_begun(client, studio, film, change, field):
    upload = send(client, film, "me.mp4", "film")
    body = {name: value for name, value in {**WHO, "upload": upload, **change}.items() if value is not None}
    answer = client.post("/api/people", json=body)
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {field})
    assert (studio.people(), studio.jobs.every()) == ([], [])
    assert client.get(f"/api/uploads/{upload}").json()["done"], "and the film need not be sent again"


def test_a_film_for_something_else_is_refused(client, film):
    upload = send(client, film, "me.mp4", "sound")
    assert client.post("/api/people", json={**WHO, "upload": upload}).status_code == 409
    assert client.post("/api/people", json={**WHO, "upload": "0" * 16}).status_code == 404


def test_what_it_would_take_is_told_before(client, film, studio):
    upload = send(client, film, "me.mp4", "film")
    told = client.post("/api/ahead", json={"upload": upload, "size": 64, "preset": "demo"}).json()
    assert (told["frames"], told["minutes"], told["fits"]) == (60, 0.04, True)
    assert told["bytes"] == sum(told["kinds"].values()) > 10_000
    assert told["stages"][0] == "probe"
    assert told["processing_seconds"] > 0
    assert told["training_seconds"] == sum(stage["seconds"] for stage in told["training"]) > 60
    assert told["said"].startswith("0.0 minutes of film, about 0.00 GB")
    assert not (studio.place / "data").exists()
    wrong = client.post("/api/ahead", json={"upload": upload, "start_s": 100}).json()
    assert wrong["fields"]["upload"].startswith("the film ends at 2.4 s")


def test_what_may_be_given_is_told(client):
    form = client.get("/api/people/new").json()
    fields = {field["name"]: field for field in form["fields"]}
    assert (fields["size"]["kind"], fields["size"]["default"], fields["size"]["group"]) == ("whole", 512, "plain")
    sizes = {preset["name"]: preset["size"] for preset in form["presets"]}
    heads = {name: load_recipe(recipe_of(name, "lm3d_nerf")) for name in ("person", "person_small", "demo")}
    assert sizes == {name: head.values.get("size", 512) for name, head in heads.items()}


def test_the_report_is_given_with_what_to_mend_first(client, studio, anna):
    address = "/api/people/anna/footage"
    told = client.get(address).json()
    assert (told["report"], told["mend_first"], told["frames"], told["contact_sheet"]) == (None, None, 30, None)
    checks = [{"name": name, "value": "", "verdict": verdict, "remedy": ""}
              for name, verdict in (("a", "pass"), ("b", "warn"), ("c", "fail"))]  # fmt: skip
    folder = studio.processed("anna") / "report"
    folder.mkdir(parents=True)
    write_json(folder / "report.json", {"id": "anna", "checks": checks})
    Image.new("RGB", (4, 4)).save(folder / "curves.png")
    told = client.get(address).json()
    assert (told["mend_first"]["name"], told["cuts"]) == ("c", [15])
    assert client.get(told["curves"]).headers["content-type"] == "image/png"
    assert client.get(f"{address}/contact_sheet.png").status_code == 404
    assert client.get(f"{address}/report.json").status_code == 404


def test_frames_are_shown_with_what_was_found_in_them(client, anna):
    def shown(layers):
        answer = client.get(f"/api/people/anna/frames/7.jpg?layers={layers}")
        return np.asarray(Image.open(io.BytesIO(answer.content)), np.int16)

    plain = shown("")
    assert plain.shape == (64, 64, 3)
    for layer in ("landmarks", "masks", "pose"):
        assert np.abs(shown(layer) - plain).max() > 40
    assert client.get("/api/people/anna/frames/30.jpg").status_code == 404
    assert client.get("/api/people/anna/frames/1.jpg?layers=x-rays").status_code == 400
