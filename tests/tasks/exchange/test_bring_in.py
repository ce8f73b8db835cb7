"""Imported runs are runs like any other; what is not imported yet, or cannot be, is said in one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks import run
from tasks.core.checkpoints import checkpoint_files, read_checkpoint
from tasks.core.loading import load_task
from tasks.import_checkpoint import main
from tests.made import make_video_dataset
from tests.tasks.exchange import geneface_files as files
from utils.errors import ConfigError, DataError
from utils.files.arrays import load_arrays, save_arrays


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Make a video that has HuBERT features, and import a SyncNet and a postnet."""
    folder = tmp_path_factory.mktemp("house")
    video = folder / "binary" / "made"
    make_video_dataset(video, frames=150, size=32)
    rows = np.random.default_rng(0).normal(size=(300, 1024)).astype(np.float32)
    save_arrays(video / "audio.safetensors", {**load_arrays(video / "audio.safetensors"), "hubert": rows})
    meta = json.loads((video / "meta.json").read_text())
    meta["audio_features"]["hubert"] = 1024
    (video / "meta.json").write_text(json.dumps(meta))
    assert main([str(files.save_syncnet(folder / "s.ckpt")), f"--exp_name={folder / 'syncnet'}"]) == 0
    assert main([str(files.save_postnet(folder / "p.ckpt")), f"--exp_name={folder / 'postnet'}"]) == 0
    return folder


@pytest.mark.parametrize(("name", "updates"), [("syncnet", 40_000), ("postnet", 4_000)])
def test_an_imported_run_trains_on_from_where_it_was(house, name, updates):
    words = [f"--config={house / name / 'config.yaml'}", f"--exp_name={house / name}"]
    for setting in (
        "video_id=made", f"person_binary_data_dir={house / 'binary'}", "binary_data_dir=", "sync_clips=8",
        "batch_size=2", "window_frames=20", "eval_max_batches=1", "num_valid_plots=0", "num_ckpt_keep=3",
        f"max_updates={updates + 2}", "val_check_interval=2", "tb_log_interval=1",
        *(["weights.sync=0"] if name == "postnet" else []),
    ):  # fmt: skip
        words += ["--set", setting]
    assert run.main(words) == 0
    assert list(checkpoint_files(house / name)) == [updates, updates + 2]
    before, after = (read_checkpoint(path) for path in checkpoint_files(house / name).values())
    key = "model.mouth_encoder.5.conv_block.0.weight" if name == "syncnet" else "model.block2.1.conv_block.0.weight"
    change = (after["state_dict"][key] - before["state_dict"][key]).abs().max()
    assert 0 < change < 0.01, "training went on from the imported weights"
    assert after["lr_schedulers"][0]["last_epoch"] == updates + 2, "and the schedule from where it was"


@pytest.fixture
def release(tmp_path, monkeypatch):
    """Unzip a release as its guide tells."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "checkpoints" / "lrs3" / "syncnet"
    content = files.checkpoint(40000, model={"hubert_encoder.0.conv_block.0.weight": torch.zeros(2)})
    content["checkpoint_callback_best"] = np.float64(0.25)  # which torch.load(weights_only=True) refuses
    files.save(folder / "model_ckpt_steps_40000.ckpt", content)
    (folder / "config.yaml").write_text("task_cls: tasks.motion.syncnet.lm3d_syncnet.SyncNetTask\nlr: 0.0005\n")
    return folder


IMPORT = "python tasks/import_checkpoint.py checkpoints/lrs3/syncnet"


def test_a_release_that_is_not_imported_yet_names_the_command(release):
    for use in (
        lambda: run.main([f"--config={release / 'config.yaml'}", "--infer"]),
        lambda: run.main(["--config=egs/datasets/lrs3/lm3d_syncnet.yaml", "--exp_name=lrs3/syncnet", "--validate"]),
        lambda: load_task("lrs3/syncnet"),
        lambda: load_task("lrs3/syncnet", 40000),
    ):
        with pytest.raises((ConfigError, DataError)) as error:
            use()
        said = str(error.value).replace(str(Path.cwd()) + "/", "")
        assert said.endswith(f": {IMPORT}")
        assert "\n" not in said


def test_training_does_not_begin_in_the_folder_of_a_release(release):
    from tasks.core.checkpoints import newest_sound

    with pytest.raises(DataError, match="not a checkpoint of this project"):
        newest_sound(release)
    assert sorted(path.name for path in release.iterdir()) == ["config.yaml", "model_ckpt_steps_40000.ckpt"]


class Harmful:
    def __reduce__(self):
        return (print, ("harm",))


def test_each_thing_that_cannot_be_imported_gets_its_line(tmp_path, capsys):
    good = files.save_syncnet(tmp_path / "good.ckpt").read_bytes()
    made = {
        "text.ckpt": b"step 40000 of syncnet\n" * 50,
        "short.ckpt": good[: len(good) // 2],
        "empty.ckpt": b"",
    }
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    files.save(tmp_path / "harm.ckpt", {"state_dict": {"model": Harmful()}})
    files.save(tmp_path / "other.ckpt", {"state_dict": {"layer.weight": torch.zeros(3, 4)}})
    said = {
        "text.ckpt": "is a text file",
        "short.ckpt": "cannot be imported|ends early",
        "empty.ckpt": "is empty",
        "harm.ckpt": "holds a call of builtins.print.*Nothing of it was run",
        "other.ckpt": r"is no checkpoint that is known here.*1 tensors: state_dict.layer.weight \(3, 4\)",
        "none.ckpt": "There is nothing at",
    }
    for name, pattern in said.items():
        with pytest.raises(DataError, match=pattern) as error:
            main([str(tmp_path / name), f"--exp_name={tmp_path / 'run'}"])
        assert "\n" not in str(error.value)
    assert "harm" not in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_of_a_folder_what_can_be_imported_is_and_the_rest_named(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    files.save_syncnet(tmp_path / "zip" / "syncnet" / "model_ckpt_steps_40000.ckpt")
    (tmp_path / "zip" / "broken.ckpt").write_bytes(b"no")
    with pytest.raises(DataError, match=r"1 imported, 1 not:\n.*broken.ckpt is a text file"):
        main(["zip"])
    assert capsys.readouterr().out.strip() == "checkpoints/zip/syncnet"
    assert load_task("zip/syncnet").updates == 40000
    (tmp_path / "bare").mkdir()
    with pytest.raises(DataError, match="bare holds no checkpoint"):
        main(["bare"])


def test_files_that_share_a_folder_become_runs_inside_it(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "checkpoints" / "zip"
    for name in ("a.ckpt", "b.ckpt"):
        files.save_syncnet(folder / name)
    assert main(["checkpoints/zip"]) == 0
    assert capsys.readouterr().out.split() == ["checkpoints/zip/a", "checkpoints/zip/b"]
    assert sorted(path.name for path in folder.iterdir()) == ["a", "a.ckpt", "b", "b.ckpt"]
    assert main(["checkpoints/zip"]) == 0  # again: the same files may, and what is ours is passed over
