"""A run is checked by its name, or by its recipe before there is a run; slips are told before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks import run, talking_head
from tasks.verdicts.door import config_named, place_of_check, results_of, sheet_beside
from tests.made_persons import make_persons
from utils.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
RECIPE = ROOT / "egs/datasets/demo/ve_conv.yaml"


@pytest.fixture(scope="module")
def persons(tmp_path_factory):
    return make_persons(tmp_path_factory.mktemp("persons") / "made", 8, seconds=1.0).path


def test_a_recipe_is_checked_before_there_is_a_run(persons, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    assert run.main([f"--config={RECIPE}", "--exp_name=demo/ve_conv", f"--binary_data_dir={persons}", "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("        poor  persons: 6 to learn from (good from 200), 2 to measure on (good from 20)")
    assert any("100% shorter than 1.5 s, half of what is heard at once (good up to 10%)" in line for line in lines)
    assert lines[-3] == " not trained  training: not trained yet"
    train = "python tasks/run.py --config=egs/datasets/demo/ve_conv.yaml --exp_name=demo/ve_conv"
    assert lines[-2].strip() == f"-> {train}"
    assert lines[-1] == "infer_out/demo/ve_conv/check.json"
    assert not list((tmp_path / "checkpoints").iterdir()), "checking makes no run"


def test_a_run_is_checked_by_its_name(persons, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "checkpoints/demo/ve_conv"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(f"task_cls: ve_conv\nbinary_data_dir: {persons}\n")
    assert talking_head.main(["check", "demo/ve_conv", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["run"], said["task"]) == ("checkpoints/demo/ve_conv", "ve_conv")
    assert [stage["name"] for stage in said["stages"]] == ["persons", "faces", "voices", "files", "training"]
    assert said["limits"]["train_persons"] == {"good": 200, "fair": 50, "rising": True}
    assert (tmp_path / "infer_out/demo/ve_conv/check.json").is_file()
    assert talking_head.main(["check", "demo/ve_conv", "--out", "elsewhere.json"]) == 0
    assert (tmp_path / "elsewhere.json").is_file()


def test_slips_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_named("anna") is None, "a person may be called so"
    with pytest.raises(ConfigError, match=r"demo/none is no run: there is no config\.yaml in it"):
        config_named("demo/none")
    with pytest.raises(ConfigError, match=r"A run of syncnet is not checked by itself.*check ID"):
        place_of_check("syncnet")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"--out .*file is a file\. Name the folder to write\."):
        run.main([f"--config={RECIPE}", "--exp_name=demo/x", "--check", f"--out={tmp_path / 'file'}"])
    recipe = ROOT / "egs/datasets/demo/syncnet.yaml"
    with pytest.raises(ConfigError, match="A run of syncnet is not checked by itself"):
        run.main([f"--config={recipe}", "--exp_name=demo/x", "--check"])


def test_results_lie_where_a_persons_do():
    assert results_of(Path("checkpoints/demo/ve_conv")) == Path("infer_out/demo/ve_conv")
    assert results_of(Path("/elsewhere/run")) == Path("infer_out/run")
    assert sheet_beside(Path("a/check.json")) == Path("a/check_faces.png")
