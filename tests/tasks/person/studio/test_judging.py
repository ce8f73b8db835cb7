"""Checking and comparing are jobs; what they found is shown; the doctor is asked once."""

from __future__ import annotations

import sys

from tests.tasks.person.studio.conftest import client_of
from utils.files.tables import write_json


def test_what_was_found_is_shown(client, studio, anna):
    empty = client.get("/api/people/anna/judge").json()
    assert empty == {"check": None, "evaluation": None, "files": [], "jobs": {"check": None, "evaluate": None}}
    folder = studio.results("anna") / "evaluation"
    folder.mkdir(parents=True)
    write_json(studio.results("anna") / "check.json", {"id": "anna", "stages": [], "limits": {}})
    write_json(folder / "metrics.json", {"frames": [0, 1]})
    (folder / "side_by_side.mp4").write_bytes(b"film")
    (folder / "secret.py").write_text("no")
    (folder / "link.png").symlink_to("/etc/passwd")
    told = client.get("/api/people/anna/judge").json()
    assert (told["check"]["id"], told["evaluation"]) == ("anna", {"frames": [0, 1]})
    assert [file["name"] for file in told["files"]] == ["metrics.json", "side_by_side.mp4"]
    film = client.get(told["files"][1]["url"])
    assert (film.content, film.headers["content-type"]) == (b"film", "video/mp4")
    for name in ("secret.py", "link.png", "..%2fcheck.json", "none.png"):
        assert client.get(f"/api/people/anna/evaluation/{name}").status_code == 404


def test_checking_and_comparing_are_begun_once(client, studio, anna):
    checked = client.post("/api/people/anna/check", json={"frames": 2}).json()
    measured = client.post("/api/people/anna/evaluate", json={"protocol": "peers"}).json()
    assert studio.jobs.get(checked["id"]).words == ["check", "anna", "--frames=2"]
    assert studio.jobs.get(measured["id"]).words == ["evaluate", "anna", "--protocol=peers"]
    assert client.post("/api/people/anna/check").status_code == 409
    assert client.get("/api/people/anna/judge").json()["jobs"]["check"]["id"] == checked["id"]


def test_the_machine_is_looked_at_once_and_anew_when_asked(studio, tmp_path):
    doctor = tmp_path / "doctor.py"
    doctor.write_text("""
with open("asked", "a") as file:
    file.write("x")
print('{"ok": true, "lines": []}')
""")
    studio.foreman.doors = {"person": (sys.executable, "-I", "-S", str(doctor))}
    client = client_of(studio)
    told = client.get("/api/machine").json()
    assert (told["ok"], told["lines"], told["home"]) == (True, [], str(studio.place))
    client.get("/api/machine")
    assert (studio.place / "asked").read_text() == "x"
    client.get("/api/machine?again=1")
    assert (studio.place / "asked").read_text() == "xx"
    doctor.write_text("print('no')")
    assert client.get("/api/machine?again=1").status_code == 500
