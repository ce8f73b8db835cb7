"""The measuring of template decoders is exact, and its commands do what they say."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from data_gen import run as data_run
from data_gen.templates.files import read_templates
from data_gen.templates.shards import TemplateShards
from modules.faces.lpips import Lpips
from tasks import export_checkpoint
from tasks.template_to_face.config import TemplateDecoderConfig
from tasks.template_to_face.evaluate import (
    apart_to_the_eye,
    evaluate,
    first_of_each,
    impostor_thresholds,
    sampled,
    spread,
    statistics,
    under,
)
from tasks.template_to_face.template_decoder import TemplateDecoderTask
from tests.made_faces import make_faces, make_recogniser
from utils.errors import ConfigError
from utils.faces.recogniser import RecogniserId, units


def test_thresholds_let_through_what_they_say():
    rng = np.random.default_rng(0)
    templates = rng.normal(size=(300, 8)).astype(np.float32)
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    who = np.arange(300) // 3
    found, pairs = impostor_thresholds(templates, who)
    assert pairs == 300 * 299 // 2 - 100 * 3
    cosines = (templates @ templates.T)[np.triu_indices(300, 1)]
    impostors = cosines[(who[:, None] != who[None])[np.triu_indices(300, 1)]]
    for rate in (1e-2, 1e-3, 1e-4):
        assert (impostors > found[rate]).mean() <= rate
        assert (impostors > found[rate] - 2e-4).mean() >= 0.9 * rate - 1 / pairs
    assert found[1e-5] is None
    assert found[1e-6] is None


def test_statistics_by_hand():
    found = statistics(np.array([0.1, 0.2, 0.9], np.float32), {1e-2: 0.15, 1e-6: None})
    assert found["median"] == pytest.approx(0.2)
    assert found["pmr"] == {"0.01": pytest.approx(2 / 3), "1e-06": None}


def test_one_photo_of_each():
    assert first_of_each(np.array([5, 5, 2, 5, 2]), 1).tolist() == [0, 2]
    assert first_of_each(np.array([5, 5, 2]), 0).tolist() == [0, 1, 2]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tools")
    make_faces(folder / "faces", people=4, photos=3)
    for name, seed, width in (("one", 0, 16), ("two", 1, 12)):
        recogniser = make_recogniser(folder / f"{name}.onnx", width, seed)
        given = ["--faces", folder / "faces", "--out", folder / name, "--recogniser", recogniser]
        data_run.main(["templates", *map(str, given), "--aligned", "--val_identities", "1"])
    return folder


@pytest.fixture(scope="module")
def task(made):
    torch.manual_seed(0)
    config = TemplateDecoderConfig(
        task_cls="template_decoder", binary_data_dir=str(made / "one"), infer_recogniser=str(made / "one.onnx")
    )
    task = TemplateDecoderTask(config).eval()
    task.recogniser = TemplateShards(made / "one").index.recogniser
    return task


def test_an_evaluation_writes_its_table(made, task, tmp_path, capsys):
    figures = evaluate(task, str(made / "one"), tmp_path, second=str(made / "two.onnx"))
    assert "STATISTICS ON 3 TEST SAMPLES FROM 'one' (1 people)" in capsys.readouterr().out
    assert set(figures["under"]) == {"one", "two"}
    own = figures["under"]["one"]
    assert own["impostor_pairs"] == 12 * 11 // 2 - 4 * 3
    templates = [TemplateShards(made / "one").templates(split)[0] for split in ("val", "train")]
    val, train = (t / np.linalg.norm(t, axis=1, keepdims=True) for t in templates)
    assert own["cosines"]["nearest training photo"]["mean"] == pytest.approx((val @ train.T).max(1).mean(), rel=1e-4)
    assert json.loads((tmp_path / "one.json").read_text())["samples"] == 3
    assert (tmp_path / "one.png").is_file()


class Brightness:
    """Take the first numbers of a picture for its template."""

    id = RecogniserId(name="brightness", sha256="0" * 64, width=8)

    def templates(self, crops):
        return crops[:, 0, :8, 0].astype(np.float32)


def test_a_line_up_stands_beside_the_cosines():
    rng = np.random.default_rng(0)
    people = rng.integers(0, 256, (4, 112, 112, 3), dtype=np.uint8)
    faces, whose = people.repeat(2, axis=0), np.arange(4).repeat(2)
    truth = units(Brightness().templates(faces))
    figures = under(Brightness(), truth, faces, people[0], truth[:1], truth, whose)
    assert figures["line_up"]["people"] == 4
    assert figures["line_up"]["reconstruction"]["another_photo"]["mean"] == 1
    assert figures["line_up"]["the photo itself"] == figures["line_up"]["reconstruction"]
    assert figures["line_up"]["nearest training photo"]["same_photo"]["mean"] == pytest.approx(0.25)


def test_pictures_are_compared_as_the_eye_does_where_the_weights_are_here(tmp_path, monkeypatch):
    torch.manual_seed(0)
    state = {name: value for name, value in Lpips().state_dict().items() if name.startswith("features.")}
    state |= {f"lin{i}.model.1.weight": torch.rand(1, c, 1, 1) for i, c in enumerate((64, 192, 384, 256, 256))}
    save_file(state, tmp_path / "lpips.safetensors")
    monkeypatch.setattr("tasks.weights.lpips.find_asset", lambda name: tmp_path / "lpips.safetensors")
    real = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)
    found = apart_to_the_eye(real, {"same": real, "one for all": real[:1]}, np.arange(4))
    assert found["same"]["mean"] == pytest.approx(0, abs=1e-6)
    assert found["one for all"]["mean"] > 0.01
    monkeypatch.setattr("tasks.weights.lpips.find_asset", lambda name: None)
    assert apart_to_the_eye(real, {"same": real}, np.arange(4)) == {}


def test_a_large_set_is_sampled_and_says_so(made, task, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tasks.template_to_face.evaluate.MOST_COMPARED", 8)
    monkeypatch.setattr("tasks.template_to_face.evaluate.MOST_TRAINING", 7)
    drawn = [evaluate(task, str(made / "one"), tmp_path, most=2) for _ in range(2)]
    assert drawn[0] == drawn[1], "the same every time"
    said = capsys.readouterr().out
    assert "2 of 3 validation photos" in said
    assert "7 of 9 training photos, for the nearest" in said
    assert "among 8 of 9 templates (drawn with seed 0)" in said
    own = drawn[0]["under"]["one"]
    assert own["impostor_pairs"] < 8 * 7 / 2
    assert (own["impostor_templates"], own["impostor_seed"]) == (8, 0)


def test_what_is_compared_does_not_grow_with_the_set():
    assert len(sampled(10**6, 500)) == 500
    assert (np.diff(sampled(10**6, 500)) > 0).all()
    assert sampled(3, 500).tolist() == [0, 1, 2]
    assert spread(np.array([4, 6, 8, 9]), 2).tolist() == [4, 9]
    assert spread(np.array([4, 6]), 0).tolist() == [4, 6]


def test_another_recognisers_data_is_refused(made, task, tmp_path):
    with pytest.raises(ConfigError, match="mean nothing to another"):
        evaluate(task, str(made / "two"), tmp_path)


def test_an_export_runs_elsewhere(task, tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.exchange.commands.load_task", lambda *_: task)
    monkeypatch.setattr("tasks.exchange.ready.look_at_export", lambda command: None)
    export_checkpoint.main(["some/run", "--format", "onnx", "--out", str(tmp_path / "decoder.onnx")])
    session = onnxruntime.InferenceSession(tmp_path / "decoder.onnx", providers=["CPUExecutionProvider"])
    assert session.run(None, {"input": np.ones((2, 16), np.float32)})[0].shape == (2, 3, 112, 112)


def test_templates_are_brought_over(made, tmp_path, capsys):
    made_adapter, source = tmp_path / "adapter.safetensors", tmp_path / "some.npy"
    data_run.main(["adapt", str(made / "one"), str(made / "two"), str(made_adapter)])
    assert "on 3 of unseen people the cosine is" in capsys.readouterr().out
    np.save(source, TemplateShards(made / "one").templates("val")[0])
    data_run.main(["apply", str(made_adapter), str(source), str(tmp_path / "over.npy")])
    two = TemplateShards(made / "two").index.recogniser
    assert read_templates(tmp_path / "over.npy", two)[1].shape == (3, 12)
