"""The door, the trainer and the checkpoints, shown with a toy."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tasks import run
from tasks.core.checkpoints import checkpoint_files, find_checkpoint, read_checkpoint, work_dir_of
from tasks.core.loading import load_task
from tasks.core.trainer import train
from tests.tasks.toy import ToyConfig, ToyTask
from utils.errors import ConfigError, DataError, UserError

ROOT = Path(__file__).resolve().parents[2]


def config(**settings):
    base = {"task_cls": "toy", "max_updates": 12, "val_check_interval": 4, "tb_log_interval": 1, "lr": 0.01}
    return ToyConfig(**{**base, **settings})


def recipe(tmp_path, text=""):
    path = tmp_path / "toy.yaml"
    path.write_text(f"task_cls: toy\nmax_updates: 8\nval_check_interval: 4\ntb_log_interval: 1\n{text}")
    return str(path)


@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_broken_run_goes_on_to_the_same_next_losses_and_weights(toy, tmp_path, ema, accumulate):
    whole = ToyTask(config(ema_decay=ema, accumulate_grad_batches=accumulate))
    torch.manual_seed(0)
    start = {k: v.clone() for k, v in whole.state_dict().items()}
    train(whole, tmp_path / "whole")
    first = ToyTask(config(ema_decay=ema, accumulate_grad_batches=accumulate, max_updates=8))
    first.load_state_dict(start)
    train(first, tmp_path / "broken")
    second = ToyTask(config(ema_decay=ema, accumulate_grad_batches=accumulate))
    train(second, tmp_path / "broken")
    assert len(whole.seen) == 12 * accumulate
    assert first.seen + second.seen == whole.seen
    assert second.thrown
    a = read_checkpoint(tmp_path / "whole" / "last.ckpt")
    b = read_checkpoint(tmp_path / "broken" / "last.ckpt")
    for name, value in a["state_dict"].items():
        assert torch.equal(value, b["state_dict"][name]), name
    table = (tmp_path / "whole" / "metrics.csv").read_text()
    assert table == (tmp_path / "broken" / "metrics.csv").read_text()
    assert [line.split(",")[0] for line in table.splitlines()] == ["update", *(str(n) for n in range(1, 13))]


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_gradients_are_clipped_whatever_the_precision(toy, tmp_path, monkeypatch, precision):
    norms = []
    step = torch.optim.Adam.step

    def watched(self, closure=None):
        result = closure() if closure else None
        norms.append(float(torch.nn.utils.get_total_norm([p.grad for g in self.param_groups for p in g["params"]])))
        step(self)
        return result

    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    train(ToyTask(config(clip_grad_norm=0.25, precision=precision, max_updates=4)), tmp_path)
    assert norms == pytest.approx([0.25] * 4, rel=1e-3)


def test_an_edited_learning_rate_is_not_ignored_on_resume(toy, tmp_path):
    train(ToyTask(config(max_updates=4)), tmp_path)
    task = ToyTask(config(max_updates=8, lr=0.5))
    train(task, tmp_path)
    assert read_checkpoint(tmp_path / "last.ckpt")["optimizer_states"][0]["param_groups"][0]["lr"] == 0.5


def test_checkpoints_are_kept_by_age_and_the_best_besides(toy, tmp_path):
    train(ToyTask(config(max_updates=24, num_ckpt_keep=2)), tmp_path)
    index = json.loads((tmp_path / "checkpoints.json").read_text())
    steps = list(checkpoint_files(tmp_path))
    assert steps[-2:] == [20, 24]
    assert len(steps) in (2, 3)
    best = find_checkpoint(tmp_path, "best")
    assert index[best.stem.rsplit("_", 1)[1]]["val/total_loss"] == min(v["val/total_loss"] for v in index.values())
    assert (tmp_path / "config.yaml").is_file()
    assert "torch==" in (tmp_path / "environment.txt").read_text()
    assert list((tmp_path / "tb_logs").glob("events*"))


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(toy, tmp_path, caplog):
    train(ToyTask(config(max_updates=8)), tmp_path)
    newest = checkpoint_files(tmp_path)[8]
    newest.write_bytes(newest.read_bytes()[:300])
    assert find_checkpoint(tmp_path, "last").name == "model_ckpt_steps_4.ckpt"
    assert f"{newest} is damaged" in caplog.text
    with pytest.raises(DataError, match="is damaged or not a checkpoint"):
        load_task(newest)


def test_weights_that_are_not_finite_never_overlay_a_sound_checkpoint(toy, tmp_path):
    task = ToyTask(config(max_updates=8, tb_log_interval=1000))
    step = task.training_step

    def spoil(*inputs):
        if task.updates == 6:
            with torch.no_grad():
                next(task.parameters()).fill_(float("nan"))
        return step(*inputs)

    task.training_step = spoil
    with pytest.raises(UserError, match=r"is nan .* at update 6\. The last checkpoint is sound"):
        train(task, tmp_path)
    assert list(checkpoint_files(tmp_path)) == [4]


def test_a_changed_network_wants_reset(toy, tmp_path):
    train(ToyTask(config(max_updates=4)), tmp_path)
    with pytest.raises(ConfigError, match=r"width 4 -> 5.*--reset"):
        train(ToyTask(config(width=5)), tmp_path)
    with pytest.raises(ConfigError, match="flavour 'plain' -> 'sweet'"):
        train(ToyTask(config(flavour="sweet")), tmp_path)


def test_a_loss_that_is_not_finite_stops_the_run(toy, tmp_path):
    with pytest.raises(UserError, match=r"The loss is nan \(error nan\) at update 5\. "):
        train(ToyTask(config(nan_at=5)), tmp_path)
    assert list(checkpoint_files(tmp_path)) == [4]


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


def test_reset_sets_the_old_run_aside(toy, tmp_path):
    exp = f"--exp_name={tmp_path / 'exp'}"
    path = recipe(tmp_path)
    run.main([f"--config={path}", exp])
    run.main([f"--config={path}", exp, "--reset", "--width", "6"])
    assert (tmp_path / "exp/before_reset_1/model_ckpt_steps_8.ckpt").is_file()
    assert load_task(tmp_path / "exp").cfg.width == 6


def test_a_process_that_does_not_move_the_old_run_begins_anew_too(toy, tmp_path, monkeypatch):
    path = recipe(tmp_path)
    run.main([f"--config={path}", f"--exp_name={tmp_path / 'exp'}"])
    seen = []
    monkeypatch.setattr("tasks.core.trainer.make_trainer", lambda task, *_, **__: seen.append(task.updates) or exit(9))
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(SystemExit):
        run.main([f"--config={path}", f"--exp_name={tmp_path / 'exp'}", "--reset"])
    assert seen == [0]


def test_the_gpu_can_be_left_alone_and_can_be_demanded(toy, tmp_path, monkeypatch):
    words = [f"--config={recipe(tmp_path)}", f"--exp_name={tmp_path / 'exp'}"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert run.main([*words, "--hparams", "trainer.accelerator=cpu"]) == 0
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"trainer\.accelerator = gpu, but torch finds none here"):
        run.main([*words, "--max_updates=20", "--hparams", "trainer.accelerator=gpu"])


def test_precision_may_be_written_as_a_number(toy, tmp_path):
    words = [f"--config={recipe(tmp_path)}", f"--exp_name={tmp_path / 'exp'}", "--set", "precision=32"]
    assert run.main([*words, "--max_updates=2"]) == 0
    assert load_task(tmp_path / "exp").cfg.precision == "32"


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


def test_exp_name_means_the_same_folder_with_and_without_checkpoints():
    assert work_dir_of("May/postnet") == work_dir_of("checkpoints/May/postnet")


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


def test_settings_of_another_network_are_refused_in_one_line(toy, tmp_path):
    path, exp = recipe(tmp_path), f"--exp_name={tmp_path / 'exp'}"
    run.main([f"--config={path}", exp])
    with pytest.raises(ConfigError, match=r"another network than these settings make \(width=9\)"):
        run.main([f"--config={path}", exp, "--infer", "--width", "9"])


@pytest.mark.parametrize(
    ("exp", "command"),
    [
        ("lrs3/syncnet", "--config=egs/datasets/lrs3/lm3d_syncnet.yaml --exp_name=lrs3/syncnet"),
        ("checkpoints/May/lm3d_nerf", "--config=egs/datasets/videos/May/lm3d_nerf.yaml --exp_name=May/lm3d_nerf"),
        ("anna/postnet", "--config=egs/datasets/videos/person/postnet.yaml --exp_name=anna/postnet --video_id=anna"),
        ("anna/tuesday", "--config=<recipe> --exp_name=anna/tuesday"),
    ],
)
def test_an_untrained_stage_names_the_command_that_trains_it(tmp_path, monkeypatch, exp, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(DataError, match=re.escape(f"Train it first: python tasks/run.py {command}") + "$"):
        load_task(exp)


def command(*words, **more):
    code = (
        "import sys; from tasks.registry import TASKS; TASKS['toy']=('tests.tasks.toy:ToyTask','a toy');"
        "from tasks import run; from utils.command import run_command; run_command(run.main)"
    )
    return [sys.executable, *more.get("before", []), "-c", code, *words]


def test_a_mistake_exits_with_2_and_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "tasks/run.py", "--config=egs/nothing.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: No recipe at egs/nothing.yaml.")
    assert "Traceback" not in done.stderr


def test_help_is_quick_and_imports_nothing_heavy():
    code = (
        "import sys; sys.argv=['run.py','--help']; from tasks import run; run.main(); assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60).returncode == 0


def test_sigterm_saves_and_exits_with_143(tmp_path):
    path = recipe(tmp_path, "")
    words = [f"--config={path}", f"--exp_name={tmp_path / 'exp'}", "--max_updates=1000000", "--val_check_interval=100"]
    process = subprocess.Popen(command(*words), cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not checkpoint_files(tmp_path / "exp") and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143, stderr.decode()
    assert max(checkpoint_files(tmp_path / "exp")) == read_checkpoint(tmp_path / "exp/last.ckpt")["vizeme"]["updates"]


def test_kill_9_and_the_same_command_again_ends_where_an_unbroken_run_ends(toy, tmp_path):
    path = recipe(tmp_path, "")
    more = ["--max_updates=3000", "--val_check_interval=100", "--num_ckpt_keep=2", "--ema_decay=0.9"]
    process = subprocess.Popen(
        command(f"--config={path}", f"--exp_name={tmp_path / 'killed'}", *more), cwd=ROOT, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 300
    while not checkpoint_files(tmp_path / "killed") and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    assert process.wait(timeout=30) == -signal.SIGKILL
    assert 0 < max(checkpoint_files(tmp_path / "killed")) < 3000
    for name in ("killed", "whole"):
        assert run.main([f"--config={path}", f"--exp_name={tmp_path / name}", *more]) == 0
    killed, whole = (read_checkpoint(tmp_path / name / "last.ckpt") for name in ("killed", "whole"))
    assert killed["vizeme"]["updates"] == whole["vizeme"]["updates"] == 3000
    for name, value in whole["state_dict"].items():
        assert torch.equal(value, killed["state_dict"][name]), name
    tables = [(tmp_path / name / "metrics.csv").read_text() for name in ("killed", "whole")]
    assert tables[0] == tables[1], "no row twice, none missing"
    assert len(tables[0].splitlines()) == 1 + 3000


def test_torchrun_with_two_processes_trains(tmp_path):
    script = tmp_path / "door.py"
    script.write_text(command()[-1])
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", str(script)]
    done = subprocess.run(
        [sys.executable, *words, f"--config={recipe(tmp_path)}", f"--exp_name={tmp_path / 'exp'}"],
        cwd=ROOT, capture_output=True, text=True, timeout=180, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert list(checkpoint_files(tmp_path / "exp")) == [4, 8]


def test_a_task_without_an_evaluation_says_so(toy, tmp_path):
    exp = f"--exp_name={tmp_path / 'exp'}"
    assert run.main([f"--config={recipe(tmp_path)}", exp]) == 0
    with pytest.raises(ConfigError) as error:
        run.main([f"--config={tmp_path / 'exp' / 'config.yaml'}", exp, "--evaluate", "--steps=last"])
    assert str(error.value) == "The task toy has no evaluation beyond its validation figures: give --validate."
