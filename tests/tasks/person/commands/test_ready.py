"""What is missing or misspelt is told before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.person.commands import ready
from tasks.person.settings import CheckCommand, EvaluateCommand, InferCommand, PlayCommand
from utils.errors import ConfigError, DataError


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Stand where anna's runs seem to lie: the checkpoints are empty, for nothing may read them."""
    for name in ("postnet", "lm3d_nerf"):
        run = tmp_path / "checkpoints/anna" / name
        run.mkdir(parents=True)
        (run / "model_ckpt_steps_10.ckpt").touch()
        (run / "config.yaml").write_text("video_id: anna\nbinary_data_dir: videos\n")
    (tmp_path / "a.wav").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def film(**changed) -> InferCommand:
    return InferCommand(**({"id": "anna", "audio": Path("a.wav"), "out": Path("a.mp4")} | changed))


def test_a_dataset_that_is_gone_is_told_with_its_command(house):
    for look, command in (
        (ready.look_at_film, film()), (ready.look_at_page, PlayCommand(id="anna")),
        (ready.look_at_measuring, EvaluateCommand(id="anna")),
    ):  # fmt: skip
        with pytest.raises(DataError, match=r"No processed video at videos/anna\. Make it with: .* video --id anna"):
            look(command)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"out": Path("a.mp4"), "audio": Path("a.mp4")}, "a.mp4"),
        ({"steps": "20"}, "No checkpoint at step 20 in checkpoints/anna/postnet. There are: 10."),
        ({"renderer": "lm3d_nerf_torso"}, "No trained lm3d_nerf_torso for 'anna'"),
        ({"settings": ("infer_pose_mode=jump",)}, "infer_pose_mode = 'jump'"),
        ({"settings": ("infer_scale_facto=2",)}, "infer_scale_facto: no such setting; write 'infer_scale_factor'"),
        ({"settings": ("n_samples_per_ray=-1",)}, "n_samples_per_ray = -1"),
    ],
)
def test_slips_are_told_before_the_dataset_is_looked_for(house, changed, text):
    (house / "a.mp4").write_bytes(b"x")
    with pytest.raises((ConfigError, DataError)) as error:
        ready.look_at_film(film(**changed))
    assert text in str(error.value)


def test_a_run_that_does_not_say_what_it_was_trained_on_passes(house):
    for config in house.rglob("config.yaml"):
        config.unlink()
    with pytest.raises(DataError, match=r"a\.wav"):  # which holds no sound: the runs have passed
        ready.look_at_film(film())


def test_a_check_writes_a_file(house):
    with pytest.raises(ConfigError, match="--out checkpoints is a folder"):
        ready.look_at_check(CheckCommand(id="anna", out=Path("checkpoints")))
    with pytest.raises(ConfigError, match=r"--out a\.wav: what is written is JSON"):
        ready.look_at_check(CheckCommand(id="anna", out=Path("a.wav")))
    with pytest.raises(ConfigError, match=r"--out a\.wav is a file\. Name the folder"):
        ready.look_at_measuring(EvaluateCommand(id="anna", out=Path("a.wav")))
    with pytest.raises(DataError, match="No processed video at"):
        ready.look_at_check(CheckCommand(id="anna"))
