"""One process at a time fills a folder, and says who it is."""

from __future__ import annotations

import os

import pytest

from utils.errors import DataError
from utils.files.lock import HOLDER, alone_in, filling


def test_a_folder_is_made_held_and_let_go(tmp_path):
    folder = tmp_path / "new" / "folder"
    with alone_in(folder, "busy"):
        assert (folder / HOLDER).is_file()
    assert list(folder.iterdir()) == []
    with alone_in(folder, "busy"):
        pass


def test_the_second_is_told_who_holds_it(tmp_path):
    with alone_in(tmp_path, "It is busy"), pytest.raises(DataError) as error, filling(tmp_path):
        pass
    assert f"(it is process {os.getpid()} on " in str(error.value)
    assert str(error.value).startswith(f"{tmp_path} is being filled by another process. Wait for it")


def test_a_lock_ends_with_an_error(tmp_path):
    with pytest.raises(KeyError), alone_in(tmp_path, "busy"):
        raise KeyError
    with alone_in(tmp_path, "busy"):
        pass


@pytest.mark.parametrize("text", ["", "[]", '{"pid": "x"}', '{"pid": 7}'])
def test_a_damaged_note_is_passed_over(tmp_path, text):
    with alone_in(tmp_path, "It is busy"):
        (tmp_path / HOLDER).write_text(text)
        with pytest.raises(DataError, match=r"^It is busy\.$"), alone_in(tmp_path, "It is busy"):
            pass
