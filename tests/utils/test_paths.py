"""A path that cannot be read is named with its reason."""

from __future__ import annotations

import pytest

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
