"""A path that cannot be read is named with its reason."""

from __future__ import annotations

import pytest

import data_gen.run
import utils.assets
from tasks import export_checkpoint, import_checkpoint, talking_head
from utils import paths
from utils.errors import DataError
from utils.paths import ROOT, existing_file, show_path


def test_a_path_inside_the_repository_is_shown_from_there(tmp_path):
    assert show_path(ROOT / "egs" / "a.yaml") == "egs/a.yaml"
    assert show_path(tmp_path) == str(tmp_path)


def test_a_file_that_cannot_be_read_is_named_with_its_reason(tmp_path):
    (tmp_path / "empty").write_text("")
    for path, reason in (
        (tmp_path / "none", "does not exist."),
        (tmp_path, "is not a file."),
        (tmp_path / "empty", "is empty."),
    ):
        with pytest.raises(DataError) as error:
            existing_file(path)
        assert str(error.value) == f"{path} {reason}"


def test_a_file_with_content_comes_back_absolute(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert existing_file("a.txt") == tmp_path / "a.txt"


def test_commands_are_called_as_they_are_here(monkeypatch, tmp_path):
    text = "Make it with: python data_gen/run.py video --id a; then bash scripts/train_talking_head.sh a"
    assert paths.as_typed(text) == text
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    assert paths.as_typed(text) == "Make it with: vizeme process --id a; then vizeme train a"
    doors = (talking_head, import_checkpoint, export_checkpoint, data_gen.run, utils.assets)
    named = {door.DOOR.typed for door in doors} | {"python tasks/run.py"}
    assert named <= set(paths.INSTALLED_AS)
