"""Texts and sounds become films; settings are controls; nothing else of this machine is read."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from data_gen.demo.speech import Speech
from tasks.person.settings import SpeakCommand
from tasks.person.studio import speaking
from tasks.person.studio.speaking import vtt
from tests.made import write_tone
from tests.tasks.person.studio.conftest import send, settle

SPEECH = Speech(np.zeros(16000, np.float32), (), (("Good", 0.0, 0.3), ("<b>", 0.3, 0.5), ("morning", 0.95, 1.0)))


@pytest.fixture
def speech(monkeypatch):
    """Let espeak-ng be a stand-in, and return the texts that it was given."""
    texts = []

    def speak_as(voice, text):
        texts.append((voice.voice, text))
        return SPEECH

    monkeypatch.setattr(speaking, "speak_as", speak_as)
    return texts


def ask(client, kind="speak", **body):
    return client.post(f"/api/people/anna/{kind}", json=body)


def test_a_text_is_spoken_at_once_and_becomes_a_film(client, studio, anna, speech):
    settings = {"size": 64, "mouth": 1.2, "still": True, "blink": None, "infer_temperature": 0}
    shown = ask(client, text="Good <b> morning", voice="en-gb", settings=settings).json()
    assert speech == [("en-gb", "Good <b> morning")]
    assert (shown["state"], shown["title"]) == ("queued", "Good <b> morning")
    assert set(shown["files"]) == {"sound", "words", "words_json", "live"}
    assert client.get(shown["files"]["words"]).headers["content-type"].startswith("text/vtt")
    assert client.get(shown["files"]["words_json"]).json()[2] == {"word": "morning", "start": 0.95, "end": 1.0}
    job = studio.jobs.get(shown["id"])
    assert job.words == [
        "speak", "anna", "{job}/sound.wav", "--out={job}/film.mp4", "--live={job}/live.mp4", "--label=en", "--size=64",
        "--mouth=1.2", "--still", "--set", "infer_temperature=0",
    ]  # fmt: skip
    settle(studio)
    films = client.get("/api/people/anna/films").json()["films"]
    assert ("film" in films[0]["files"], "live" in films[0]["files"]) == (True, False)
    again = ask(client, again=shown["id"], settings={"background": "green"}).json()
    assert (again["request"]["text"], set(again["files"])) == ("Good <b> morning", set(shown["files"]))
    client.delete(f"/api/jobs/{shown['id']}")
    assert client.get(again["files"]["sound"]).status_code == 200, "which is its own"


def test_a_sound_that_was_sent_becomes_a_film(client, studio, anna, tmp_path):
    wav = write_tone(tmp_path / "voice.wav", 0.2 * np.sin(np.arange(8000) / 20)).read_bytes()
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    sound, behind = send(client, wav, "voice.wav", "sound"), send(client, picture.getvalue(), "sea.png", "picture")
    shown = ask(client, upload=sound, settings={"background": behind}).json()
    job = studio.jobs.get(shown["id"])
    assert (shown["title"], job.words[-1]) == ("voice.wav", "--background={job}/background.png")
    assert client.get(shown["files"]["sound"]).content == wav
    assert client.get(f"/api/uploads/{sound}").status_code == 404


@pytest.mark.parametrize(("body", "field"), [
    ({}, "text"), ({"text": " "}, "text"), ({"text": "a", "again": "20260101000000-00000000"}, "text"),
    ({"text": "x" * 5001}, "text"), ({"text": "a", "voice": "../../x"}, "voice"),
    ({"text": "a", "settings": {"nonsense": 1}}, "settings.nonsense"),
    ({"text": "a", "settings": {"infer_bg_img_fname": "/etc/passwd"}}, "settings.infer_bg_img_fname"),
    ({"text": "a", "settings": {"infer_c2w_name": "/etc/passwd"}}, "settings.infer_c2w_name"),
    ({"text": "a", "settings": {"background": "/etc/passwd"}}, "settings.background"),
])  # fmt: skip
def test_slips_are_told_and_leave_nothing(client, studio, anna, speech, body, field):
    answer = ask(client, **body)
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {field})
    assert list((studio.folder / "jobs").iterdir()) == []


def test_a_value_that_a_setting_cannot_have_is_told_by_the_command_itself(client, studio, anna, speech):
    for settings in ({"size": 3}, {"infer_temperature": -1}, {"compose": "portrait", "background": "green"}):
        answer = ask(client, text="a", settings=settings)
        assert (answer.status_code, studio.jobs.every()) == (422, [])
        assert str(studio.place) not in answer.json()["error"]
    assert list((studio.folder / "jobs").iterdir()) == []


def test_who_is_not_trained_does_not_speak(client, studio, anna):
    (studio.runs("anna") / "postnet" / "model_ckpt_steps_100.ckpt").unlink()
    assert ask(client, text="Hello").status_code == 409


def test_a_dub_needs_the_film_that_a_person_was_made_of(client, studio, anna, speech):
    answer = ask(client, "dub", text="Hello", start_s=1)
    assert set(answer.json()["fields"]) == {"film"}
    assert list((studio.folder / "jobs").iterdir()) == []


def test_controls_come_from_the_schema(client, anna):
    told = client.get("/api/people/anna/speaking").json()
    fields = {field["name"]: field for field in told["fields"]}
    assert fields["compose"]["choices"] == ["auto", "portrait", "head", "full"]
    assert (fields["size"]["kind"], fields["size"]["least"], fields["size"]["most"]) == ("whole", 8, 8192)
    assert (fields["still"]["kind"], fields["still"]["default"]) == ("switch", False)
    assert (fields["infer_sil_seconds"]["kind"], fields["infer_sil_seconds"]["default"]) == ("number", 0.4)
    assert fields["infer_temperature"]["group"] == "more"
    assert "infer_bg_img_fname" not in fields
    assert all(field["help"] for field in told["fields"])
    assert told["voice"] in told["voices"]


def test_films_bear_a_label_where_there_is_one_unless_it_is_taken_away(studio):
    class Labelled(SpeakCommand):
        label: Literal["none", "en", "zh"] | None = None
        """a label"""

    for settings, words in (({}, ["--label=en"]), ({"label": "zh"}, ["--label=zh"]), ({"label": None}, [])):
        assert speaking.setting_words(studio, settings, Labelled, studio.folder) == words


def test_words_become_subtitles_with_what_stands_between_them():
    assert vtt(SPEECH, "Good <b>,\n & morning!") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.500\nGood &lt;b&gt;, &amp;\n\n00:00:00.950 --> 00:00:01.000\nmorning!\n"
    )
    many = Speech(np.zeros(1, np.float32), (), tuple(("a", n / 10, n / 10 + 0.1) for n in range(16)))
    said = [line for line in vtt(many, "a " * 16).splitlines() if line.startswith("a")]
    assert said == ["a a a a a a a", "a a a a a a a", "a a"]
    assert vtt(Speech(np.zeros(1, np.float32), (), ()), ".") == "WEBVTT\n"
