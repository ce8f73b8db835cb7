"""A run's name tells nothing of this machine; what is made says what the data says."""

import json
from types import SimpleNamespace

import pytest

from data_gen.origins import marks_of, permissions, run_name
from utils.media.marks.settings import MarkSettings


class Settings(MarkSettings):
    binary_data_dir: str = ""


def task(folder, digest="d1", **settings):
    source = {"path": "/home/anna/checkpoints/may/lm3d_nerf/model_ckpt_steps_5.ckpt", "sha256": "ab" * 32}
    return SimpleNamespace(
        cfg=Settings(binary_data_dir=str(folder), **settings), source=source, data_fingerprint=digest
    )


@pytest.fixture
def data(tmp_path):
    (tmp_path / "index.json").write_text(json.dumps({"fingerprint": "d1", "licence": "CC0", "consent": "agreed"}))
    return tmp_path


def test_licence_and_consent_are_those_of_the_same_data(data):
    assert permissions({"binary_data_dir": str(data)}, "d1") == ("CC0", "agreed")
    assert permissions({"binary_data_dir": str(data)}, "d2") == ("", "")
    assert permissions({"binary_data_dir": str(data)}, "") == ("", "")


def test_what_is_made_says_of_which_run_and_by_whose_leave(data):
    origin = marks_of(task(data), "film").origin
    assert origin.facts() | {"software": ""} == {
        "kind": "film", "run": "may/lm3d_nerf", "sha256": "ab" * 32, "consent": "agreed", "licence": "CC0",
        "software": "",
    }  # fmt: skip
    assert marks_of(task(data), "film", said=("", "in writing")).origin.consent == "in writing"


def test_settings_decide_and_others_may_be_given(data):
    assert marks_of(task(data, infer_mark=False), "film").origin is None
    assert marks_of(task(data, infer_mark=False), "film", MarkSettings(infer_label="eu")).label == "eu"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("checkpoints/may/lm3d_nerf/a.ckpt", "may/lm3d_nerf"),
        ("/home/anna/runs/secret/x/a.ckpt", "x"),
        ("checkpoints/checkpoints/x/a.ckpt", "x"),
        ("a.ckpt", ""),
        ("", ""),
    ],
)
def test_a_run_is_called_as_below_checkpoints(path, name):
    assert run_name(path) == name
