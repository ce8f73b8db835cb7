"""What strangers' files and a night's accidents may do: the attacks that once got further."""

from __future__ import annotations

import json
import os
import signal
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from data_gen.video.dataset import VideoDataset
from tasks import export_checkpoint, import_checkpoint
from tasks.core.checkpoints import read_checkpoint
from tasks.core.run_folder import tell_differences
from tasks.exchange.sources.geneface_renderers import original_settings
from tests.made import make_video_dataset
from tests.made_heads import make_house
from tests.reliability.harness import Command, Running
from utils.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def house(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(make_house(tmp_path))
    export_checkpoint.main(["made/postnet", "--out", "hp.safetensors"])
    return tmp_path


def changed(facts: dict | str | None = None, weights: float | None = None) -> None:
    """Write the export anew with other words about itself, or another number for all weights."""
    with safe_open("hp.safetensors", framework="pt") as opened:
        metadata = opened.metadata()
    tensors = load_file("hp.safetensors")
    if weights is not None:
        tensors = {k: torch.full_like(v, weights) if v.is_floating_point() else v for k, v in tensors.items()}
    if facts is not None:
        text = facts if isinstance(facts, str) else json.dumps(json.loads(metadata["vizeme"]) | facts)
        metadata = {"vizeme": text}
    save_file(tensors, "hp.safetensors", metadata)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_not_imported(house, value):
    changed(weights=value)
    with pytest.raises(DataError, match=r"(?s)does not fit; nothing was written.*not finite"):
        import_checkpoint.main(["hp.safetensors", "--exp_name", "ex/po"])
    assert not Path("checkpoints/ex").exists()


@pytest.mark.parametrize(
    "facts",
    [{"updates": float("inf")}, {"imported": {"preprocessing": [1]}}, {"imported": {"preprocessing": "x"}},
     "[" * 100_000, {"imported": 7}],
    ids=range(5),
)  # fmt: skip
def test_what_an_export_says_of_itself_is_refused_in_words(house, facts):
    changed(facts)
    with pytest.raises(DataError, match="was not exported by this project, or its description is damaged"):
        import_checkpoint.main(["hp.safetensors", "--exp_name", "ex/po"])


def test_control_characters_of_a_file_do_not_reach_the_terminal(house, caplog):
    caplog.set_level("INFO")
    changed({"imported": {"preprocessing": {"note": "\x1b]0;owned\x07"}}})
    import_checkpoint.main(["hp.safetensors", "--exp_name", "ex/po"])
    assert "note: \\x1b]0;owned\\x07" in caplog.text
    assert "\x1b" not in caplog.text


def test_control_characters_of_a_name_do_not_reach_the_terminal(house, caplog, capsys):
    caplog.set_level("INFO")
    capsys.readouterr()
    Path("release").mkdir()
    Path("hp.safetensors").rename("release/a\x1b]0;owned\x07.safetensors")
    import_checkpoint.main(["release"])
    import_checkpoint.main(["release/a\x1b]0;owned\x07.safetensors", "--exp_name", "ex/po\x1b]0;owned"])
    said = capsys.readouterr().out
    assert "a\\x1b]0;owned\\x07" in caplog.text
    assert "po\\x1b]0;owned" in said
    assert "\x1b" not in caplog.text + said


@pytest.mark.parametrize("width", [10**12, 10**18])
def test_an_export_of_sizes_without_end_is_refused_in_words(house, width):
    with safe_open("hp.safetensors", framework="pt") as opened:
        recipe = json.loads(opened.metadata()["vizeme"])["recipe"]
    changed({"recipe": recipe | {"width": width}})
    with pytest.raises((ConfigError, DataError), match=r"is of another network than its recipe makes|width"):
        import_checkpoint.main(["hp.safetensors", "--exp_name", "ex/po"])
    assert not Path("checkpoints/ex").exists()


def test_a_compressed_checkpoint_is_refused_before_it_is_unpacked(tmp_path):
    torch.save({"state_dict": {"w": torch.zeros(1 << 20)}, "vizeme": {}}, tmp_path / "a.ckpt")
    deflated = zipfile.ZipFile(tmp_path / "b.ckpt", "w", zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(tmp_path / "a.ckpt") as plain, deflated:
        for name in plain.namelist():
            deflated.writestr(name, plain.read(name))
    assert (tmp_path / "b.ckpt").stat().st_size < 10_000
    with pytest.raises(DataError, match="its parts are compressed"):
        read_checkpoint(tmp_path / "b.ckpt")


@pytest.mark.parametrize(
    "text",
    ["".join(f"a{i + 1}: &a{i + 1} {{<<: [*a{i},*a{i}]}}\n" for i in range(40)), "a: 2020-13-45", "a: !!int x",
     "a: !!float x", "a: !!timestamp x", "[" * 3000, "- 1", "a: " + "9" * 5000],
    ids=range(8),
)  # fmt: skip
def test_a_config_beside_a_checkpoint_is_read_or_passed_over_at_once(tmp_path, text):
    (tmp_path / "config.yaml").write_text("a0: &a0 {x: 1}\n" + text if text.startswith("a1") else text)
    settings, where = original_settings(tmp_path / "model.ckpt")
    assert settings == {} or text == "a: " + "9" * 5000
    assert where


def test_validation_cannot_begin_beyond_the_end(tmp_path):
    make_video_dataset(tmp_path / "May", frames=26, size=32)
    file = tmp_path / "May" / "meta.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"val_start": 1_000_000_000}))
    with pytest.raises(DataError, match="val_start lies beyond the last frame"):
        VideoDataset(tmp_path / "May")


@pytest.mark.parametrize(("name", "code"), [("SIGHUP", 129), ("SIGUSR1", 138)])
def test_a_dropped_connection_and_a_batch_system_end_a_training_with_a_checkpoint(tmp_path, name, code):
    if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        pytest.skip(f"{name} does not come here: these tests were started with nohup")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "toy.yaml").write_text("task_cls: toy\nmax_updates: 100000\nval_check_interval: 1000\n")
    words = ("--config=toy.yaml", "--exp_name=toy")
    signals = {"TOY_KILLED_AT": "5", "TOY_SIGNAL": name}
    running = Running(Command("tests/tasks/toy_door.py", words, tmp_path, tmp_path / "said.txt", signals))
    assert running.wait() == code, running.said()
    assert list((tmp_path / "checkpoints/toy").glob("model_ckpt_steps_*.ckpt"))


@pytest.mark.parametrize("content", [b"task_cls: postn\xe5t\n", b"[" * 3000, b"a: !!timestamp x\n"], ids=range(3))
def test_a_config_that_a_flipped_bit_spoiled_stops_nobody(house, content, caplog):
    file = Path("checkpoints/made/postnet/config.yaml")
    file.write_bytes(content)
    export_checkpoint.main(["made/postnet", "--steps", "best", "--out", "again.safetensors"])
    assert Path("again.safetensors").exists()
    tell_differences(file, None)
    assert "What this run was trained with before is not known" in caplog.text


def test_a_folder_with_a_linked_folder_and_a_pipe_is_imported(house):
    Path("release/inner").mkdir(parents=True)
    Path("elsewhere").mkdir()
    Path("hp.safetensors").rename("elsewhere/hp.safetensors")
    Path("release/inner/link").symlink_to(Path("elsewhere").resolve())
    Path("release/inner/circle").symlink_to(Path("release").resolve())
    os.mkfifo("release/pipe.ckpt")
    import_checkpoint.main(["release"])
    assert Path("checkpoints/release/inner/link/config.yaml").is_file()
    with pytest.raises(DataError, match="is not a file"):
        import_checkpoint.main(["release/pipe.ckpt"])


def test_a_name_of_a_run_with_nul_is_refused(house):
    with pytest.raises(ConfigError, match="NUL"):
        import_checkpoint.main(["hp.safetensors", "--exp_name", "a\0b"])
