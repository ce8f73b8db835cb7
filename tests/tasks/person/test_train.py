from __future__ import annotations

import threading
from pathlib import Path

import pytest
import yaml

from tasks.core import checkpoints
from tasks.person import plan
from tasks.person import train as training
from tasks.person.beginning import SIZES, SPEECH
from tasks.person.runs import HEARING, STAGES
from tests.made import make_video_dataset
from tests.patience import HANG_S
from utils.errors import ConfigError, DataError
from utils.processes.children import Children


@pytest.fixture(scope="module")
def binary_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("binary")
    make_video_dataset(folder / "made", frames=30, size=16)
    return str(folder)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Stand in an empty house: six recipes, no checkpoints, and children that only note what they were asked."""
    recipes = tmp_path / "egs/datasets/videos/tiny"
    recipes.mkdir(parents=True)
    for name in STAGES:
        (recipes / f"{name}.yaml").write_text(f"task_cls: {name}\nmax_updates: 10\nlr: 0.001\n")
    (tmp_path / "checkpoints").mkdir()
    for module in (plan, checkpoints):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    asked: list[list[str]] = []

    def child(self, command: list[str], name: str = "", environment=None) -> int:
        asked.append([*command, name])
        config = Path(next(word for word in command if word.startswith("--config=")).split("=")[1])
        updates = [word for word in command if word.startswith("max_updates=")]
        finish(tmp_path, config.stem, int(updates[0].split("=")[1]) if updates else 10)
        return 0

    monkeypatch.setattr(Children, "run", child)
    monkeypatch.setattr(training, "trains_side_by_side", lambda: False)
    return tmp_path, asked


def finish(house: Path, stage: str, updates: int = 10, **changed) -> None:
    folder = house / "checkpoints/made" / stage
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"model_ckpt_steps_{updates}.ckpt").write_bytes(b"")
    values = {"task_cls": stage, "max_updates": 10, "lr": 0.001, "video_id": "made", "audio_feature": "mel", **changed}
    if stage in ("lm3d_nerf_torso", "lm3d_nerf_portrait"):
        values["head_model_dir"] = "checkpoints/made/lm3d_nerf"
    (folder / "config.yaml").write_text("".join(f"{k}: {v}\n" for k, v in values.items()))


def stages_asked(asked: list[list[str]]) -> list[str]:
    return [Path(command[2].split("=")[1]).stem for command in asked]


def test_the_six_stages_run_in_order_with_the_persons_id(house, binary_dir, capsys):
    _, asked = house
    assert training.train_person("made", preset="tiny", binary_dir=binary_dir) == 0
    assert stages_asked(asked) == list(STAGES)
    assert {command[-1] for command in asked} == {""}, "one at a time each has the terminal"
    assert asked[0][1:3] == [
        str(house[0] / "tasks/run.py"),
        f"--config={house[0] / 'egs/datasets/videos/tiny/syncnet.yaml'}",
    ]
    assert "--exp_name=made/syncnet" in asked[0]
    assert "video_id=made" in asked[0]
    assert "audio_feature=mel" in asked[0]
    assert not any("audio_feature" in word for word in asked[3])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("[1/6] syncnet: 10 updates, about 13 s; about ")
    assert said[-1].startswith("made is ready: bash scripts/infer_talking_head.sh made speech.wav")


def test_what_is_done_is_skipped_until_its_recipe_changes(house, binary_dir, capsys):
    folder, asked = house
    for stage in STAGES:
        where = "person_binary_data_dir" if stage in HEARING else "binary_data_dir"
        finish(folder, stage, **{where: binary_dir})
    assert training.train_person("made", preset="tiny", binary_dir=binary_dir) == 0
    assert asked == []
    assert "[3/6] postnet: done before (10 updates, " in capsys.readouterr().out
    more = ["lm3d_nerf.max_updates=20"]
    assert training.train_person("made", preset="tiny", binary_dir=binary_dir, settings=more) == 0
    assert stages_asked(asked) == ["lm3d_nerf", "lm3d_nerf_torso", "lm3d_nerf_portrait"]
    assert "--reset" not in asked[0]
    assert "max_updates=20" in asked[0]
    assert "--reset" in asked[1]  # its head is new
    assert "max_updates=20" not in asked[1]


def test_a_stage_that_had_nothing_left_to_train_does_not_undo_those_after_it(house, binary_dir):
    folder, asked = house
    for stage in STAGES:
        where = "person_binary_data_dir" if stage in HEARING else "binary_data_dir"
        finish(folder, stage, **{where: binary_dir})
    training.train_person("made", preset="tiny", binary_dir=binary_dir, settings=["lm3d_nerf.lr=0.5"])
    assert stages_asked(asked) == ["lm3d_nerf"]  # which says that its updates are done


def test_a_dry_run_says_what_would_be_trained_and_trains_nothing(house, binary_dir, capsys):
    folder, asked = house
    where = {"person_binary_data_dir": binary_dir}
    finish(folder, "syncnet", **where)
    assert training.train_person("made", preset="tiny", binary_dir=binary_dir, dry_run=True) == 0
    said = capsys.readouterr().out.splitlines()
    assert asked == []
    assert said[0].startswith("[1/6] syncnet: done before")
    assert said[1].startswith("[2/6] lm3d_vae_sync: 10 updates, about ")
    assert (len(said), said[-1]) == (7, "nothing was trained (--dry_run); times are those of two cores")
    assert not (folder / "checkpoints/made/lm3d_nerf").exists()


def test_a_failing_stage_stops_the_rest_with_its_exit_code(house, binary_dir, monkeypatch, caplog):
    asked = []

    def child(self, command: list[str], name: str = "", environment=None) -> int:
        asked.append(command)
        return 2 if len(asked) == 2 else 0

    monkeypatch.setattr(Children, "run", child)
    assert training.train_person("made", preset="tiny", binary_dir=binary_dir) == 2
    assert len(asked) == 2
    assert "lm3d_vae_sync stopped with exit code 2" in caplog.text


def test_slips_are_named(house, binary_dir):
    with pytest.raises(ConfigError, match=r"The preset 'huge' has no recipe for syncnet\. Presets that have: tiny\."):
        training.train_person("made", preset="huge", binary_dir=binary_dir)
    with pytest.raises(DataError, match=r"python data_gen/run\.py video --id nobody"):
        training.train_person("nobody", preset="tiny", binary_dir=binary_dir)
    with pytest.raises(ConfigError, match="--set nonsense: no stage has this setting"):
        training.train_person("made", preset="tiny", binary_dir=binary_dir, settings=["nonsense=1"])


def test_the_preset_is_remembered_until_all_is_trained_anew(house, binary_dir):
    folder, asked = house
    (folder / "egs/datasets/videos/other").mkdir()
    for name in STAGES:
        (folder / f"egs/datasets/videos/other/{name}.yaml").write_text(f"task_cls: {name}\nmax_updates: 9\n")
    assert training.train_person("made", preset="tiny", binary_dir=binary_dir) == 0
    asked.clear()
    assert training.train_person("made", binary_dir=binary_dir, settings=["max_updates=20"]) == 0
    assert all("videos/tiny/" in command[2] for command in asked)
    with pytest.raises(ConfigError) as error:
        training.train_person("made", preset="other", binary_dir=binary_dir)
    assert "was begun with --preset tiny" in str(error.value)
    assert "--exp_name" not in str(error.value)
    assert training.choose_preset("made", "other", reset=True) == "other"
    assert training.choose_preset("nobody", "", reset=False) == "person"
    for text in ("[]", '"tiny"', '{"preset": null}'):
        (training.work_dir_of("made") / "preset.json").write_text(text)
        with pytest.raises(ConfigError, match=r"preset\.json names no preset\. Delete it"):
            training.choose_preset("made", "", reset=False)


def test_a_setting_reaches_every_stage_that_has_it(house, binary_dir):
    stages = training.plan("made", "tiny", ["audio_feature=mfcc", "max_updates=7", "lm3d_nerf.upsample=2"], binary_dir)
    assert [s.overrides.get("audio_feature") for s in stages] == ["mfcc", "mfcc", "mfcc", None, None, None]
    assert [s.updates for s in stages] == [7] * 6
    assert [s.overrides.get("upsample") for s in stages] == [None, None, None, 2, None, None]


def test_a_person_of_little_footage_begins_with_the_talkers_that_were_trained(house, binary_dir):
    run = training.work_dir_of("talkers/lm3d_vae_sync")
    run.mkdir(parents=True)
    (run / "model_ckpt_steps_1.ckpt").touch()
    settings = dict.fromkeys(SIZES[SPEECH], 3) | {"audio_feature": "mfcc", "centred": True, "pitch": False}
    settings |= {"audio_pairing": "pair", "direct_size": 48}
    (run / "config.yaml").write_text(yaml.safe_dump(settings))
    stages = training.plan("made", "tiny", ["audio_feature=mfcc", "max_updates=7"], binary_dir)
    assert [stage.values.get("start_from") for stage in stages[:3]] == [None, f"checkpoints/talkers/{SPEECH}", None]
    assert (stages[1].values["direct_size"], stages[1].updates) == (48, 7)
    stages = training.plan("made", "tiny", ["audio_feature=mfcc", "lm3d_vae_sync.start_from=mine"], binary_dir)
    assert stages[1].values["start_from"] == "mine"
    assert stages[1].values.get("direct_size") != 48


def test_time_left_is_learnt_from_what_was_measured(house, binary_dir):
    stages = training.plan("made", "tiny", ["max_updates=1000"], binary_dir)
    clock = training.Clock()
    before = clock.seconds(stages[1])
    clock.measured(stages[0], 3 * clock.seconds(stages[0]), 0)
    assert clock.seconds(stages[1]) == pytest.approx(3 * before)
    assert [training.duration(s) for s in (0.2, 59, 100, 3000, 9000)] == ["1 s", "59 s", "2 min", "50 min", "2.5 h"]


def test_what_moves_the_face_is_trained_beside_what_draws_it(house, binary_dir, monkeypatch):
    """Each stage of a row waits until the other row has come as far."""
    monkeypatch.setattr(training, "trains_side_by_side", lambda: True)
    monkeypatch.setattr(training, "cores", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    finished, together = Children.run, threading.Barrier(2, timeout=HANG_S)
    names, threads = [], set()

    def child(self, command, name="", environment=None):
        together.wait()
        names.append(name)
        threads.add(environment["OMP_NUM_THREADS"])
        return finished(self, command, name, environment)

    monkeypatch.setattr(Children, "run", child)
    assert training.train_person("made", preset="tiny", binary_dir=binary_dir) == 0
    rows = [[name for name in names if (name in HEARING) == hears] for hears in (True, False)]
    assert rows == [list(STAGES[:3]), list(STAGES[3:])]
    assert threads == {"3"}


def test_a_portrait_does_not_wait_for_a_head_that_failed(house, binary_dir, monkeypatch):
    monkeypatch.setattr(training, "trains_side_by_side", lambda: True)
    finished, moved = Children.run, threading.Event()

    def child(self, command, name="", environment=None):
        if name == "lm3d_nerf":
            assert moved.wait(HANG_S)
            return 2
        code = finished(self, command, name, environment)
        if name == "postnet":
            moved.set()
        return code

    monkeypatch.setattr(Children, "run", child)
    assert training.train_person("made", preset="tiny", binary_dir=binary_dir) == 2
    assert not (house[0] / "checkpoints/made/lm3d_nerf_portrait").exists()


def test_where_one_row_fails_the_other_is_asked_to_leave(house, binary_dir, monkeypatch, caplog):
    monkeypatch.setattr(training, "trains_side_by_side", lambda: True)
    left = threading.Event()

    def child(self, command, name="", environment=None):
        if name == "syncnet":
            return 2
        assert left.wait(HANG_S)
        return 143

    monkeypatch.setattr(Children, "run", child)
    monkeypatch.setattr(Children, "leave", lambda self: (setattr(self, "leaving", True), left.set()))
    assert training.train_person("made", preset="tiny", binary_dir=binary_dir) == 2
    assert "syncnet stopped with exit code 2" in caplog.text
    assert "lm3d_nerf" not in caplog.text

