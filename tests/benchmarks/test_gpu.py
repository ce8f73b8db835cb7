"""The first hour with a GPU: whatever one step does, the others are tried, and what is known is written whole."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.benchmarks import gpu, gpu_updates
from tests.benchmarks.gpu import Step, main
from tests.benchmarks.small_steps import SMALL

HERE = {"torch": "2.9", "gpu": "A GPU", "gpu_mib": 1, "bf16": True}
GOOD = Step("render", "draw", ("-c", 'print(\'{"way": "one by one", "picture": 256, "frames_per_s": 1500.0}\')'), 60)
BAD = Step("updates", "learn", ("-c", "print('hm'); raise SystemExit('no bread | no butter')"), 60)
SLEEP = 'import time; print(\'{"task": "a"}\\n{"tas\', flush=True); time.sleep(3600)'
SLOW = Step("person", "speak", ("-c", SLEEP), 60)


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Run the driver on steps of a test, as on a machine with a GPU; return its exit code and report."""

    def run(*plan: Step, words: tuple[str, ...] = ()):
        monkeypatch.setattr(gpu, "probe", lambda: dict(HERE))
        monkeypatch.setattr(gpu, "steps", lambda *_: list(plan))
        code = main([str(tmp_path / "out"), *words])
        return code, json.loads((tmp_path / "out/gpu.json").read_text())

    return run


def test_a_step_that_fails_or_takes_too_long_does_not_stop_the_others(check, tmp_path, capsys, monkeypatch):
    wait = subprocess.Popen.wait

    def wait_until_it_sleeps(child, timeout=None):
        log = tmp_path / "out/person.log"
        if timeout is None or child.args[-1] != SLOW.words[1]:
            return wait(child, timeout)
        while '"tas' not in log.read_text().replace('"task"', ""):
            time.sleep(0.01)
        raise subprocess.TimeoutExpired(child.args, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", wait_until_it_sleeps)
    code, report = check(BAD, SLOW, GOOD)
    assert code == 1
    assert [(step["name"], step["state"]) for step in report["steps"]] == [
        ("updates", "failed"), ("person", "too long"), ("render", "done"),
    ]  # fmt: skip
    assert report["steps"][0]["error"] == "no bread | no butter"
    assert report["steps"][1]["rows"] == [{"task": "a"}], "what a step had done before its end is kept, in whole lines"
    assert report["aims"] == [
        {"what": "frames/s, 256 px, one by one", "aim": 1000.0, "measured": 1500.0, "met": True}
    ]
    assert "hm" in (tmp_path / "out/updates.log").read_text()
    table = (tmp_path / "out/gpu.md").read_text()
    assert "| learn | failed |" in table
    assert "no bread / no butter" in table, "a bar would break the table"
    assert "| frames/s, 256 px, one by one | 1000 | 1500 | met |" in table
    assert "updates: failed" in capsys.readouterr().out


def test_when_all_is_done_the_exit_code_says_so_and_the_folder_may_be_used_again(check):
    for _ in range(2):
        code, report = check(GOOD)
        assert code == 0
        assert report["machine"]["gpu"] == "A GPU"
        assert report["steps"][0]["rows"][0]["frames_per_s"] == 1500.0


def test_what_no_time_is_left_for_is_said(check):
    code, report = check(GOOD, words=("--limit=9",))
    assert code == 1
    assert report["steps"][0]["state"] == "left out"
    assert report["steps"][0]["error"] == "no time was left for it"


def test_without_a_gpu_it_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "probe", lambda: {**HERE, "gpu": ""})
    assert main([str(tmp_path / "out")]) == 2
    told = "error: torch finds no GPU here. To see that the steps work: --device cpu --quick\n"
    assert capsys.readouterr().err == told
    assert not list(tmp_path.iterdir())


def test_a_folder_of_others_is_left_alone(check, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/letters.txt").write_text("mine")
    with pytest.raises(FileNotFoundError):
        check(GOOD)
    assert "is not an earlier check's folder" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["letters.txt"]


@pytest.mark.parametrize("made", [True, False])
def test_the_person_is_the_presenter_where_that_was_made(tmp_path, monkeypatch, made):
    videos = tmp_path / "home/data/binary/videos"
    (videos / "demo").mkdir(parents=True)
    if made:
        (videos / "demo/meta.json").write_text("{}")
    begun = []
    monkeypatch.setattr(gpu, "run_step", lambda step, log, limit_s, environment: begun.append((step, limit_s)) or {})
    gpu._next(SLOW, tmp_path, 40.0, {}, tmp_path / "home")
    (step, limit_s), given = begun[0], (f"--videos={videos}", "--video_id=demo")
    assert step.words == SLOW.words + (given if made else ())
    assert limit_s == 40, "no longer than what is left of all"


def test_packages_that_are_missing_are_named(monkeypatch):
    def version(name):
        if name == "kornia":
            raise gpu.importlib.metadata.PackageNotFoundError
        return "1"

    monkeypatch.setattr("importlib.metadata.version", version)
    assert gpu.missing() == ["kornia"]


def test_the_tests_for_a_gpu_are_found():
    assert "tests/modules/renderer/test_batch.py" in gpu.gpu_tests()
    assert all("tests/benchmarks" not in name for name in gpu.gpu_tests())


@pytest.mark.parametrize("quick", [True, False])
def test_every_step_is_a_module_or_a_program_that_is_there(quick):
    for step in gpu.steps("cpu", quick, Path("home")):
        if step.words[0] == "-m" and step.words[1] != "pytest":
            assert (gpu.ROOT / f"{step.words[1].replace('.', '/')}.py").is_file()
        if step.words[0] == "-c":
            compile(step.words[1], step.name, "exec")


def test_every_task_takes_its_updates_and_one_that_fails_is_told(monkeypatch, capsys):
    def broken(precision):
        raise RuntimeError("no\nmemory")

    monkeypatch.setitem(SMALL, "syncnet", broken)
    assert gpu_updates.main(["--small", "--updates=1", "--precision", "32", "--", "syncnet", "face_encoder"]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["task"] for row in rows] == ["syncnet", "face_encoder"]
    assert rows[0]["error"] == "RuntimeError: no memory"
    assert rows[1]["parameters"] > 0
    assert rows[1]["first_loss"] > 0


@pytest.mark.slow
def test_every_step_runs_small_without_a_gpu(tmp_path):
    assert main([str(tmp_path / "out"), "--device=cpu", "--quick"]) == 0
    report = json.loads((tmp_path / "out/gpu.json").read_text())
    assert [step["state"] for step in report["steps"]] == ["done"] * 6
    rows = {step["name"]: step["rows"] for step in report["steps"]}
    assert {row["task"] for row in rows["updates"]} == set(SMALL)
    assert rows["person"][0] == {"video": "demo"}, "the presenter, not a drawn face"
    assert {row["speak"] for row in rows["person"] if "speak" in row} == {"full", "head", "portrait"}
