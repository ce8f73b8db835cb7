"""The tasks that learn from faces: what `test_every_task` asks of the others, on drawn faces, a little recogniser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from data_gen import run as data_run
from tasks import run
from tasks.core.checkpoints import read_checkpoint
from tasks.core.loading import load_task
from tests.made_faces import make_faces, make_recogniser, make_speakers
from tests.tasks import promises
from utils.errors import ConfigError
from utils.media.marks.tags import read_picture_tags
from utils.media.pictures import read_photo

ROOT = Path(__file__).resolve().parents[2]
ALWAYS = ["max_updates=4", "val_check_interval=2", "tb_log_interval=1", "num_ckpt_keep=5", "num_valid_plots=1"]
RECIPES = {
    "template_decoder": "egs/datasets/faces/template_decoder_light.yaml",
    "wav2pix": "egs/datasets/speakers/wav2pix_small.yaml",
}
SMALL = {
    "template_decoder": ["batch_size=2", "eval_max_samples=2", "control_samples=2", "recogniser_after=1"],
    "wav2pix": ["batch_size=2", "epochs=0"],
}
DATA = {"template_decoder": "faces_made", "wav2pix": "pairs_made"}
COVERS = tuple(SMALL)
"""Tasks that this file tests; `test_every_task` counts them."""


@pytest.fixture(autouse=True)
def few_batches(monkeypatch):
    """Measure the statistics of wav2pix's norms on few batches: every validation does, and every test validates."""
    monkeypatch.setattr("tasks.wav2pix.wav2pix.STATISTICS", 4)


@pytest.fixture(scope="module")
def house(module_path):
    """Make data and a place for runs; tests build on each other."""
    folder = module_path
    make_faces(folder / "faces", people=3, photos=3)
    make_recogniser(folder / "little.onnx")
    given = ["--faces", folder / "faces", "--out", folder / "faces_made", "--recogniser", folder / "little.onnx"]
    data_run.main(["templates", *map(str, given), "--aligned", "--val_identities", "1"])
    make_speakers(folder / "speakers")
    data_run.main(["wav2pix", "--pairs", str(folder / "speakers"), "--out", str(folder / "pairs_made")])
    return folder


def words(
    house: Path, name: str, exp: str = "", more: tuple[str, ...] = (), always: Sequence[str] = ALWAYS
) -> list[str]:
    settings = [*always, *SMALL[name], f"binary_data_dir={house / DATA[name]}"]
    if name == "template_decoder":
        settings.append(f"infer_recogniser={house / 'little.onnx'}")
    out = [f"--config={ROOT / RECIPES[name]}", f"--exp_name={house / 'runs' / (exp or name)}"]
    for setting in (*settings, *more):
        out += ["--set", setting]
    return out


def curves(folder):
    """Read the curves of a run: name -> events."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / "tb_logs")).Reload()
    return {name: found.Scalars(name) for name in found.Tags()["scalars"]}


@pytest.mark.parametrize("name", COVERS)
def test_a_task_trains_saves_loads_and_goes_on_exactly(house, name, monkeypatch):
    from tasks.template_to_face import template_decoder as template_decoder

    monkeypatch.setattr(template_decoder, "POWERS", (4,))
    promises.trains_saves_loads_and_goes_on_exactly(lambda exp: words(house, name, exp), house / "runs" / name)


@pytest.mark.parametrize("name", COVERS)
def test_a_task_draws_pictures(house, name):
    promises.draws_pictures_and_curves(house / "runs" / name)


@pytest.mark.parametrize("name", COVERS)
def test_validation_gives_the_same_figures_twice(house, name, capsys):
    promises.validates_twice_alike(words(house, name), capsys, every=True)


def test_checkpoints_at_powers_of_ten_load_too(house):
    whole = house / "runs/template_decoder"
    assert load_task(whole / "model_ckpt_samples_4.ckpt").updates == 2
    assert (whole / "control_samples_4.png").is_file()
    assert (whole / "control_last.png").is_file()


def test_photos_and_templates_become_faces_with_their_cosines(house, capsys):
    task = load_task(house / "runs/template_decoder")
    np.save(house / "some.npy", np.random.default_rng(0).normal(size=(2, 16)).astype(np.float32))
    for source, count in ((house / "faces/person0", 3), (house / "some.npy", 2)):
        out = house / f"out_{count}"
        more = (f"infer_source={source}", f"infer_out_dir={out}", "infer_aligned=true")
        assert run.main([*words(house, "template_decoder", more=more), "--infer"]) == 0
        said = json.loads((out / "reconstruction.json").read_text())
        assert said["recogniser"]["sha256"] == task.recogniser.sha256
        files = sorted(path.name for path in out.glob("*.png"))
        assert files == sorted(f"{name}_{cosine:.4f}.png" for name, cosine in said["cosines"].items())
        assert len(files) == count


def test_templates_of_another_recogniser_are_refused(house):
    other = make_recogniser(house / "other.onnx", seed=5)
    more = (f"infer_source={house / 'faces/person0'}", f"infer_recogniser={other}", "infer_aligned=true")
    with pytest.raises(ConfigError, match="Templates of one recogniser mean nothing to another"):
        run.main([*words(house, "template_decoder", more=more), "--infer"])


def test_mixtures_are_learnt_from_when_they_are_weighed(house):
    more = ("weights.mixed=1", "recogniser_after=0", "max_updates=2")
    assert run.main(words(house, "template_decoder", "mixed", more)) == 0
    assert {"tr/mixed", "tr/identity"} <= set(curves(house / "runs/mixed"))


def test_a_face_space_is_worked_out_once_and_kept_in_the_run(house):
    more = ("network=face_space", "weights.mixed=1", "recogniser_after=0", "ema_decay=0.9", "val_check_interval=1")
    assert run.main(words(house, "template_decoder", "space", (*more, "max_updates=1"))) == 0
    first = load_task(house / "runs/space").model
    assert first.width == 16
    assert first.deviations.max() > 0
    assert run.main(words(house, "template_decoder", "space", (*more, "max_updates=2"))) == 0
    task = load_task(house / "runs/space")
    assert task.updates == 2
    assert torch.equal(task.model.colours, first.colours)
    assert not torch.equal(task.model.straight.weight, first.straight.weight)
    assert task.reconstruct(np.eye(2, 16, dtype=np.float32)).shape == (2, 112, 112, 3)


def test_the_published_settings_of_a_decoder_are_kept_in_its_run(house, capsys):
    more = (
        "mean=[0.485, 0.456, 0.406]", "std=[0.229, 0.224, 0.225]", "swap_red_blue=true", "lr_scheduler=StepPlateau",
        "num_epochs=2", "max_batches_per_train_epoch=1", "visualize_each_step=1", "val_check_interval=9",
    )  # fmt: skip
    always = [setting for setting in ALWAYS if not setting.startswith("max_updates")]
    assert run.main(words(house, "template_decoder", "published", more, always)) == 0
    folder = house / "runs/published"
    task = load_task(folder)
    assert task.updates == task.cfg.max_updates == 2
    assert task.model.scale.flatten().tolist() == pytest.approx([0.458, 0.448, 0.45])
    assert task.model.swapped
    assert (folder / "control_last.png").is_file(), "drawn although nothing was validated"
    assert "step_size" in read_checkpoint(folder / "last.ckpt")["vizeme"]["extra"]
    with pytest.raises(ConfigError, match=r"mean .*swap_red_blue True -> False"):
        run.main(words(house, "template_decoder", "published", ("max_updates=3",)))


def test_the_recogniser_is_asked_only_when_there_is_a_face(house):
    assert run.main(words(house, "template_decoder", "late", ("recogniser_after=2",))) == 0
    found = curves(house / "runs/late")
    assert [event.step for event in found["tr/identity"]] == [2, 3]
    assert [event.step for event in found["tr/pixel"]] == [0, 1, 2, 3]


def test_a_critic_takes_part_when_it_is_weighed(house):
    more = ("weights.adv=0.01", "weights.laplace=1000", "max_updates=2", "precision=bf16")
    assert run.main(words(house, "template_decoder", "adversarial", more)) == 0
    state = read_checkpoint(house / "runs/adversarial/last.ckpt")["state_dict"]
    assert "critic.conv1.weight" in state


def test_statistics_of_a_checkpoint_are_those_of_its_weights(house):
    task = load_task(house / "runs/wav2pix")
    task.prepare()
    first = task.generator.audio_embedding.disc[0]
    said = first.bn.running_mean.clone()
    torch.nn.init.zeros_(first.bn.running_mean)
    task.on_validation_start()
    assert torch.allclose(first.bn.running_mean, said, atol=1e-6)
    assert not any(module.training for module in task.generator.modules())


def test_voices_become_faces_the_same_whatever_is_beside_them(house):
    single, folder = house / "out_single", house / "out_folder"
    sound = house / "speakers/speaker0/2.wav"
    for source, out, door in ((sound, single, "--infer"), (house / "speakers", folder, "--inference=true")):
        more = (f"infer_audio_source_name={source}", f"infer_out_dir={out}")
        assert run.main([*words(house, "wav2pix", more=more), door]) == 0
    (alone,) = single.glob("2_speaker*.png")
    (among,) = (folder / "speaker0").glob("2_speaker*.png")
    assert len(list(folder.rglob("*.png"))) == 12
    assert np.abs(read_photo(alone).astype(int) - read_photo(among)).max() <= 1


def test_a_checkpoint_of_voices_needs_no_data(house):
    task = load_task(house / "runs/wav2pix", settings={"binary_data_dir": "nowhere"})
    assert task.speakers == ["speaker0", "speaker1"]
    assert task.make(np.ones((1, 16_000), np.int16))[0].shape == (1, 64, 64, 3)


def test_the_recipe_at_128_pixels_trains_and_draws(house, monkeypatch):
    monkeypatch.setattr("tasks.wav2pix.wav2pix.open_lpips", lambda: None)
    line = words(house, "wav2pix", "at_128", more=("width=0.1",))
    line[0] = f"--config={ROOT / 'egs/datasets/speakers/wav2pix_128_small.yaml'}"
    assert run.main(line) == 0
    told = curves(house / "runs/at_128")
    assert len(told["tr/pose"]) == 4
    assert [event.step for event in told["tr/d_loss"]] == [2, 3], "two of four updates are not judged"
    task = load_task(house / "runs/at_128", settings={"binary_data_dir": "nowhere"})
    assert task.make(np.ones((1, 16_000), np.int16))[0].shape == (1, 128, 128, 3)


def test_wav2pix_is_evaluated(house, capsys):
    more = (f"eval_recogniser={house / 'little.onnx'}", "eval_detector=dlib")
    assert run.main([*words(house, "wav2pix", more=more), "--evaluate"]) == 0
    folder = house / "runs/wav2pix/evaluation"
    figures = json.loads((folder / "metrics.json").read_text())
    assert 0 <= figures["right_speaker_made"] <= 1
    assert figures["pairs"] == 2
    assert read_photo(folder / "faces.png").ndim == 3
    assert "speaker_told_by_classifier" in capsys.readouterr().out


CHECKED = {
    "template_decoder": ["photos", "files", "loss", "training against validation", "the rebuilt face is the person",
                         "known and unseen", "faces found", "faces differ"],
    "wav2pix": ["pairs", "files", "loss", "training against validation", "the voice is told", "known and unseen",
                "the face is the right speaker's", "nearer than a mean face", "faces found", "faces differ", "modes"],
}  # fmt: skip


@pytest.mark.parametrize("name", COVERS)
def test_a_run_is_checked_stage_by_stage(house, name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recogniser = "infer_recogniser" if name == "template_decoder" else "eval_recogniser"
    more = (f"{recogniser}={house / 'little.onnx'}", *(("eval_detector=dlib",) if name == "wav2pix" else ()))
    monkeypatch.setenv("VIZEME_ASSETS", str(tmp_path))
    assert run.main([*words(house, name, more=more), "--check", f"--out={tmp_path}", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [stage["name"] for stage in said["stages"] if stage["name"] != "recognised"] == CHECKED[name]
    verdicts = {stage["name"]: stage["verdict"] for stage in said["stages"]}
    assert verdicts["files"] == "good"
    assert verdicts["pairs" if name == "wav2pix" else "photos"] == "poor", "three people teach nothing"
    assert verdicts["loss"] in ("good", "fair", "poor"), "four updates are a curve"
    sheet = read_photo(tmp_path / "check_faces.png")
    assert sheet.shape[0] > 3 * 144
    assert read_picture_tags(tmp_path / "check_faces.png"), "what shows made faces says so"


def test_a_run_that_is_not_trained_yet_is_told_how(house, tmp_path, capsys):
    line = [*words(house, "wav2pix", "later"), "--check", f"--out={tmp_path}"]
    assert run.main(line) == 0
    said = capsys.readouterr().out
    assert " not trained  training: not trained yet" in said
    assert f"-> python tasks/run.py --config={RECIPES['wav2pix']} --exp_name={house / 'runs/later'}" in said
    assert not (house / "runs/later").exists(), "checking makes no run"
    more = ("binary_data_dir=nowhere",)
    assert run.main([*words(house, "wav2pix", "later", more), "--check", f"--out={tmp_path}"]) == 0
    assert "No pairs at nowhere. Make them with" in capsys.readouterr().out
