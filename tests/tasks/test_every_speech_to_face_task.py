"""Every task of speech to face, on persons drawn in a moment: trains, saves, loads, goes on exactly, draws, infers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from data_gen.face_voice.faces import mean_shape
from tasks import run
from tasks.core.loading import load_task
from tests.made import write_tone
from tests.made_persons import made_face, made_voice, make_persons
from tests.tasks import promises
from utils.errors import DataError
from utils.faces.detector import Face, LandmarkDetector
from utils.media.marks.tags import read_picture_tags
from utils.media.pictures import read_photo

ROOT = Path(__file__).resolve().parents[2]
ALWAYS = [
    "max_updates=4", "val_check_interval=2", "tb_log_interval=1", "num_ckpt_keep=5", "num_valid_plots=1",
    "feature_dim=16", "batch_size=4",
]  # fmt: skip
VOICE = ["eval_max_pairs=8", "weights={direction: 1.0, distil: 0.1, decoder: 1.0, contrastive: 0.1}"]
SMALL = {
    "face_encoder": ["size=32", "width=0.05", "eval_max_faces=8", "weights.landmarks=10.0", "colour_jitter=0.5"],
    "face_decoder": ["size=32", "width=0.03", "eval_max_faces=8", "save_images=true"],
    "face_space_encoder": ["eval_max_faces=8"],
    "face_space_decoder": ["size=32", "eval_max_faces=8"],
    "ve_ridge": ["eval_max_pairs=8", "hidden=8", "audio_seconds=2.8"],
    "ve_conv": [*VOICE, "batch_size=2", "width=0.05", "audio_seconds=2.8", "lr_decay_updates=3", "save_images=true"],
    "ve_ast": [
        *VOICE, "pretrained=none", "rows=64", "audio_seconds=0.64", "hidden=16", "layers=2", "heads=2",
        "head_updates=3", "lr_fine_tune=1.0e-3", "batch_size_fine_tune=2",
    ],
}  # fmt: skip
ORDER = list(SMALL)
COVERS = [name for name in ORDER if not name.startswith("face_space")]
"""Which tasks this file tests; test_every_task.py reads it."""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Make persons and a place for runs; the tests of this file run in the tasks' order and build on each other."""
    folder = tmp_path_factory.mktemp("speech2face")
    make_persons(folder / "persons", 8, seconds=2.9)
    return folder


def words(house: Path, name: str, exp: str = "") -> list[str]:
    recipe = ROOT / f"egs/datasets/face_voice/{name}.yaml"
    out = [f"--config={recipe}", f"--exp_name={house / 'runs' / (exp or name)}"]
    settings = [*ALWAYS, *SMALL[name], f"binary_data_dir={house / 'persons'}"]
    kind = "face_space" if name.startswith("face_space") or name == "ve_ridge" else "face"
    if not name.endswith("_encoder"):
        settings.append(f"face_encoder={house / f'runs/{kind}_encoder'}")
    if name.startswith("ve_"):
        settings.append(f"face_decoder_work_dir={house / f'runs/{kind}_decoder'}")
    for setting in settings:
        out += ["--set", setting]
    return out


@pytest.mark.parametrize("name", ORDER)
def test_a_task_trains_saves_loads_and_goes_on_exactly(house, name):
    promises.trains_saves_loads_and_goes_on_exactly(lambda exp: words(house, name, exp), house / "runs" / name)


@pytest.mark.parametrize("name", ORDER)
def test_a_task_draws_pictures(house, name):
    promises.draws_pictures_and_curves(house / "runs" / name)
    pictures = {"face_decoder": 4, "ve_conv": 2}.get(name, 0)
    assert len(list((house / "runs" / name / "images").glob("*.png"))) == pictures


@pytest.mark.parametrize("name", ORDER)
def test_validation_gives_the_same_figures_twice(house, name, capsys):
    promises.validates_twice_alike(words(house, name), capsys)
    told = json.loads((house / "runs" / name / "evaluation.json").read_text())
    figures = told["figures"]
    mains = {"encoder": "verification AUC", "decoder": "face-to-face cosine"}
    main = mains.get(name.rpartition("_")[2], "feature cosine")
    assert figures[main]["low"] <= figures[main]["mean"] <= figures[main]["high"]
    if name.startswith("ve_"):
        assert -1 <= figures["drawn face's feature cosine"]["mean"] <= 1
        assert figures["R@10, whole sounds"]["mean"] == 1, "two persons to choose from"
    assert (house / "runs" / name / "evaluation.png").stat().st_size > 1000
    assert "95 % interval" in (house / "runs" / name / "evaluation.md").read_text()


@pytest.mark.parametrize("name", ORDER)
def test_an_evaluation_writes_what_a_validation_does_elsewhere(house, name, tmp_path, capsys):
    assert run.main([*words(house, name), "--evaluate", f"--out={tmp_path}"]) == 0
    kept, again = (json.loads((folder / "evaluation.json").read_text()) for folder in (house / "runs" / name, tmp_path))
    assert again["figures"] == kept["figures"]
    assert (tmp_path / "evaluation.png").is_file()
    assert "val/" in capsys.readouterr().out


CHECKED = {
    "face_encoder": ["persons are told apart", "known and unseen", "features differ"],
    "face_decoder": ["the drawn face is the person", "known and unseen", "faces differ"],
    "ve_conv": ["the voice finds its owner", "nearer than a mean face", "known and unseen", "faces differ"],
}  # fmt: skip
CHECKED["ve_ast"] = CHECKED["ve_ridge"] = CHECKED["ve_conv"]
CHECKED |= {f"face_space_{kind}": CHECKED[f"face_{kind}"] for kind in ("encoder", "decoder")}


@pytest.mark.parametrize("name", ORDER)
def test_a_run_is_checked_stage_by_stage(house, name, tmp_path, capsys):
    assert run.main([*words(house, name), "--check", f"--out={tmp_path}"]) == 0
    told = {stage["name"]: stage for stage in json.loads((tmp_path / "check.json").read_text())["stages"]}
    heard = ["voices"] if name.startswith("ve_") else []
    curves = ["loss", "training against validation"]
    assert list(told) == ["persons", "faces", *heard, "files", *curves, *CHECKED[name]]
    assert (told["persons"]["verdict"], told["files"]["verdict"]) == ("poor", "good"), "six persons are few"
    assert told["persons"]["figures"] == {"train_persons": 6, "val_persons": 2}
    assert all(told[stage]["source"].endswith(".ckpt") for stage in CHECKED[name])
    sheet = tmp_path / "check_faces.png"
    assert read_photo(sheet).shape[0] > 3 * 144
    assert bool(read_picture_tags(sheet)) == (not name.endswith("_encoder")), "what shows made faces says so"
    assert capsys.readouterr().out.endswith(f"{tmp_path / 'check.json'}\n")


@pytest.mark.parametrize("name", ["ve_conv", "ve_ast", "ve_ridge"])
def test_an_evaluation_has_baselines_and_a_sheet(house, name):
    folder = house / "runs" / name
    figures = json.loads((folder / "evaluation.json").read_text())["figures"]
    for baseline in ("mean face", "another person", "nearest training face"):
        one = figures[f"feature cosine, {baseline}"]
        assert -1 <= one["low"] <= one["mean"] <= one["high"] <= 1
    assert "drawn mean face's feature cosine" in figures
    assert read_photo(folder / "faces.png").shape[0] > 4 * 144
    assert read_picture_tags(folder / "faces.png")


@pytest.mark.parametrize("name", ["ve_conv", "ve_ast", "ve_ridge"])
def test_a_voice_becomes_a_picture(house, name, tmp_path):
    from PIL import Image

    task = load_task(house / "runs" / name)
    long = made_voice(0.4, 7.0)
    feature = task.listen(long)
    assert feature.shape == (16,)
    torch.testing.assert_close(task.listen(0.1 * long), feature, atol=2e-3, rtol=1e-2)
    voice = write_tone(tmp_path / "voice.wav", long)
    out = tmp_path / "there" / "face.png"
    more = ["--infer", f"--infer_audio_source_name={voice}", f"--infer_out_image_name={out}"]
    assert run.main([*words(house, name), *more]) == 0
    assert Image.open(out).size == (32, 32)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there", "voice.wav"], "nothing lies beside the voice"
    write_tone(tmp_path / "voice.wav", np.zeros(32000))
    with pytest.raises(DataError, match=r"voice\.wav: no speech in it"):
        run.main([*words(house, name), *more])


class Fixed(LandmarkDetector):
    """Find the made face where it was drawn, in pictures that are not black."""

    name = "fixed"
    smoothing_frames = 0.0

    def detect(self, frame):
        return [Face(mean_shape(), (0, 0, 1, 1))] if frame.any() else []


def test_photographs_become_frontal_faces(house, tmp_path, monkeypatch, capsys):
    from PIL import Image

    monkeypatch.setattr("tasks.speech_to_face.face_decoder.make_detector", lambda name: Fixed())
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(2):
        Image.fromarray(made_face(number)[0]).save(photos / f"{number}.JPG")
    Image.fromarray(np.zeros((50, 50, 3), np.uint8)).save(photos / "black.png")
    base = [*words(house, "face_decoder"), "--infer"]
    assert run.main([*base, f"--infer_image={photos}", f"--infer_out_image_name={tmp_path / 'out'}"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "1.png"]
    assert f"skipped {photos / 'black.png'}: no face in it" in capsys.readouterr().out
    assert run.main([*base, f"--infer_image={photos / '0.JPG'}", f"--infer_out_image_name={tmp_path / 'one.png'}"]) == 0
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "out/0.png").read_bytes()
    with pytest.raises(DataError, match="no face in it"):
        run.main([*base, f"--infer_image={photos / 'black.png'}", f"--infer_out_image_name={tmp_path / 'two.png'}"])
