"""What cannot be imported or exported is told before torch is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.exchange.ready import look_at_export, look_at_import
from tasks.exchange.settings import ExportCommand, ImportCommand
from utils.errors import ConfigError, DataError


def test_the_list_ends_the_command(capsys):
    assert look_at_import(ImportCommand(listed=True)) == 0
    assert "geneface/syncnet             syncnet            does a mouth" in capsys.readouterr().out


def test_an_import_wants_something_that_is_there(tmp_path):
    with pytest.raises(ConfigError, match="Say which file or folder to import"):
        look_at_import(ImportCommand())
    with pytest.raises(DataError, match="There is nothing at none"):
        look_at_import(ImportCommand(path=Path("none")))
    with pytest.raises(ConfigError, match="No source is called 'x'"):
        look_at_import(ImportCommand(path=tmp_path, source="x"))
    assert look_at_import(ImportCommand(path=tmp_path)) is None


def test_an_export_wants_a_run_that_is_there_and_a_name_that_fits(tmp_path):
    run = tmp_path / "run"
    with pytest.raises(DataError, match=r"No checkpoint in .*run"):
        look_at_export(ExportCommand(run=str(run)))
    run.mkdir()
    (run / "model_ckpt_steps_3.ckpt").touch()
    look_at_export(ExportCommand(run=str(run)))
    with pytest.raises(DataError, match=r"No checkpoint at step 4 in .*There are: 3\."):
        look_at_export(ExportCommand(run=str(run), steps="4"))
    with pytest.raises(ConfigError, match=r"let the name end in \.safetensors"):
        look_at_export(ExportCommand(run=str(run), out=Path("a.bin")))
    with pytest.raises(ConfigError, match="--weights raw is for safetensors"):
        look_at_export(ExportCommand(run=str(run), format="onnx", weights="raw"))
