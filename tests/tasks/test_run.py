"""The door, the trainer and the checkpoints, shown with a toy."""


import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tasks import run
from tasks.core.checkpoints import checkpoint_files, read_checkpoint
from tasks.core.loading import load_task
from tests.patience import HANG_S
from tests.reliability.harness import Command, Running
from tests.tasks.toy import ToyConfig
from utils.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def config(**settings):
    base = {"task_cls": "toy", "max_updates": 12, "val_check_interval": 4, "tb_log_interval": 1, "lr": 0.01}
    return ToyConfig(**{**base, **settings})


def recipe(tmp_path, text=""):
    path = tmp_path / "toy.yaml"
    path.write_text(f"task_cls: toy\nmax_updates: 8\nval_check_interval: 4\ntb_log_interval: 1\n{text}")
    return str(path)


def test_run_trains_says_what_changed_infers_and_validates(toy, tmp_path, capsys, caplog):
    caplog.set_level("INFO")
    exp = f"--exp_name={tmp_path / 'exp'}"
    path = recipe(tmp_path)
    assert run.main([f"--config={path}", exp]) == 0
    assert (
        run.main([f"--config={path}", exp, "--lr", "0.25", "--set", "weights.size=0", "--hparams", "max_updates=12"])
        == 0
    )
    assert "lr: 0.0005 -> 0.25" in caplog.text
    assert "max_updates: 8 -> 12" in caplog.text
    assert run.main([f"--config={path}", exp, "--infer", "--infer_ckpt_steps=12"]) == 0
    assert capsys.readouterr().out.startswith("answer ")
    assert run.main([f"--config={tmp_path / 'exp' / 'config.yaml'}", exp, "--validate"]) == 0
    assert "val/total_loss" in capsys.readouterr().out


def test_the_gpu_can_be_left_alone_and_can_be_demanded(toy, tmp_path, monkeypatch):
    words = [f"--config={recipe(tmp_path)}", f"--exp_name={tmp_path / 'exp'}"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert run.main([*words, "--hparams", "trainer.accelerator=cpu"]) == 0
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"trainer\.accelerator = gpu, but torch finds none here"):
        run.main([*words, "--max_updates=20", "--hparams", "trainer.accelerator=gpu"])


def test_debug_saves_nothing_and_overfit_repeats_one_batch(toy, tmp_path):
    assert run.main([f"--config={recipe(tmp_path)}", f"--exp_name={tmp_path / 'exp'}", "--debug"]) == 0
    assert not (tmp_path / "exp").exists()
    assert run.main([f"--config={recipe(tmp_path)}", f"--exp_name={tmp_path / 'exp'}", "--debug=overfit"]) == 0


def test_help_of_a_recipe_lists_its_settings(toy, tmp_path, capsys):
    run.main([f"--config={recipe(tmp_path)}", "--help"])
    text = capsys.readouterr().out
    assert "--weights.error" in text
    assert "Squared error." in text


def test_three_mistakes_are_named_at_once(toy, tmp_path):
    path = recipe(tmp_path, "lr: -1\nwidht: 3\nweights: {eror: 1}\n")
    with pytest.raises(ConfigError) as error:
        run.main([f"--config={path}", f"--exp_name={tmp_path / 'exp'}"])
    assert str(error.value) == (
        f"{path}: 3 setting(s) to mend\n"
        "  lr = -1: input should be greater than 0\n"
        "  weights.eror: no such setting; write 'error'\n"
        "  widht: no such setting; write 'width'"
    )


def test_an_unknown_task_names_the_nearest(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("task_cls: synknet\n")
    with pytest.raises(ConfigError, match=r"No task is called 'synknet'\. Did you mean 'syncnet'"):
        run.main([f"--config={path}", "--exp_name=x"])


@pytest.mark.parametrize("flag", ["--lr=0.25", "--weights.size=0.5", "--hparams=weights.size=0.5,lr=0.25"])
def test_every_setting_is_a_flag_also_inside_a_group(toy, tmp_path, flag):
    run.main([f"--config={recipe(tmp_path)}", f"--exp_name={tmp_path / 'exp'}", flag])
    cfg = load_task(tmp_path / "exp").cfg
    assert (cfg.lr == 0.25) == ("lr" in flag)
    assert (cfg.weights.size == 0.5) == ("size" in flag)


@pytest.mark.parametrize(("typed", "kept"), [("007", "007"), ("1e3", "1e3"), ("a: b", "a: b"), ("'x y'", "x y")])
def test_a_name_may_look_like_a_number(toy, tmp_path, typed, kept):
    run.main([f"--config={recipe(tmp_path)}", f"--exp_name={tmp_path / 'exp'}", "--flavour", typed])
    assert load_task(tmp_path / "exp").cfg.flavour == kept


def test_a_misspelt_flag_of_the_door_is_named_with_the_rest(toy, tmp_path):
    path = recipe(tmp_path, "lr: -1\n")
    with pytest.raises(ConfigError) as error:
        run.main([f"--config={path}", "--exp_nam", "x", "--widht=3"])
    assert str(error.value) == (
        f"{path}: 3 setting(s) to mend\n"
        "  --exp_nam: no such flag; write --exp_name\n"
        "  lr = -1: input should be greater than 0\n"
        "  widht: no such setting; write 'width'"
    )


def test_the_folder_of_all_runs_is_no_run(toy, tmp_path):
    for name in ("checkpoints", "checkpoints/", "."):
        with pytest.raises(ConfigError, match="name one run"):
            run.main([f"--config={recipe(tmp_path)}", f"--exp_name={name}", "--reset"])


def process(tmp_path, *words, **environment):
    """Start the door as a process of its own."""
    return Running(Command("tests/tasks/toy_door.py", words, ROOT, tmp_path / "said.txt", environment))


def test_a_mistake_exits_with_2_and_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "tasks/run.py", "--config=egs/nothing.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: No recipe at egs/nothing.yaml.")
    assert "Traceback" not in done.stderr


def test_help_is_quick_and_imports_nothing_heavy():
    code = (
        "import sys; sys.argv=['run.py','--help']; from tasks import run; run.main(); assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=HANG_S).returncode == 0


def test_sigterm_saves_and_exits_with_143(tmp_path):
    path = recipe(tmp_path, "")
    words = [f"--config={path}", f"--exp_name={tmp_path / 'exp'}", "--max_updates=1000000", "--val_check_interval=100"]
    running = process(tmp_path, *words)
    while not checkpoint_files(tmp_path / "exp") and running.wait(0.1) is None:
        pass
    os.kill(running.pid, signal.SIGTERM)
    assert running.wait() == 143, running.said()
    assert max(checkpoint_files(tmp_path / "exp")) == read_checkpoint(tmp_path / "exp/last.ckpt")["vizeme"]["updates"]


def test_kill_9_and_the_same_command_again_ends_where_an_unbroken_run_ends(toy, tmp_path):
    path = recipe(tmp_path, "")
    more = ["--max_updates=120", "--val_check_interval=20", "--num_ckpt_keep=2", "--ema_decay=0.9"]
    killed_at = random.randint(21, 119)
    words = [f"--config={path}", f"--exp_name={tmp_path / 'killed'}", *more]
    assert process(tmp_path, *words, TOY_KILLED_AT=str(killed_at)).wait() == -signal.SIGKILL
    assert max(checkpoint_files(tmp_path / "killed")) == killed_at // 20 * 20
    for name in ("killed", "whole"):
        assert run.main([f"--config={path}", f"--exp_name={tmp_path / name}", *more]) == 0
    killed, whole = (read_checkpoint(tmp_path / name / "last.ckpt") for name in ("killed", "whole"))
    assert killed["vizeme"]["updates"] == whole["vizeme"]["updates"] == 120
    for name, value in whole["state_dict"].items():
        assert torch.equal(value, killed["state_dict"][name]), name
    tables = [(tmp_path / name / "metrics.csv").read_text() for name in ("killed", "whole")]
    assert tables[0] == tables[1], "no row twice, none missing"
    assert len(tables[0].splitlines()) == 1 + 120


def test_two_processes_that_are_told_of_each_other_train_together(tmp_path):
    """Say to each what torchrun says to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {
        "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "none", "GROUP_RANK": "0",
    }  # fmt: skip
    words = [f"--config={recipe(tmp_path)}", f"--exp_name={tmp_path / 'exp'}"]
    both = [process(tmp_path, *words, **told, RANK=rank, LOCAL_RANK=rank) for rank in "01"]
    assert [running.wait() for running in both] == [0, 0], both[0].said()
    assert list(checkpoint_files(tmp_path / "exp")) == [4, 8]
    assert read_checkpoint(tmp_path / "exp/last.ckpt")["vizeme"]["updates"] == 8


@pytest.mark.slow
def test_torchrun_with_two_processes_trains(tmp_path):
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "tests/tasks/toy_door.py"]
    done = subprocess.run(
        [sys.executable, *words, f"--config={recipe(tmp_path)}", f"--exp_name={tmp_path / 'exp'}"],
        cwd=ROOT, capture_output=True, text=True, timeout=HANG_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert list(checkpoint_files(tmp_path / "exp")) == [4, 8]


def test_a_task_without_an_evaluation_says_so(toy, tmp_path):
    exp = f"--exp_name={tmp_path / 'exp'}"
    assert run.main([f"--config={recipe(tmp_path)}", exp]) == 0
    with pytest.raises(ConfigError) as error:
        run.main([f"--config={tmp_path / 'exp' / 'config.yaml'}", exp, "--evaluate", "--steps=last"])
    assert str(error.value) == "The task toy has no evaluation beyond its validation figures: give --validate."
