"""JSON comes back, and what is missing or wrong in it is said."""

from __future__ import annotations

import numpy as np
import pytest

from utils.errors import DataError
from utils.files.tables import read_json, write_json


def test_json_comes_back(tmp_path):
    write_json(tmp_path / "a.json", {"n": np.float32(0.5), "list": np.arange(3)})
    assert read_json(tmp_path / "a.json") == {"n": 0.5, "list": [0, 1, 2]}


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(b"\x01\x02")
    with pytest.raises(DataError, match="Delete it"):
        read_json(tmp_path / "a.json")


def test_a_checked_file_says_what_is_missing_or_wrong(tmp_path):
    from pydantic import BaseModel

    from utils.files.tables import read_checked

    class Notes(BaseModel):
        count: int

    file = tmp_path / "notes.json"
    with pytest.raises(DataError, match=r"^No notes here\.$"):
        read_checked(file, Notes, missing="No notes here.", again="Make them again.")
    file.write_text('{"count": "many"}')
    with pytest.raises(DataError) as error:
        read_checked(file, Notes, missing="No notes here.", again="Make them again.")
    assert str(error.value).startswith(f"{file}: count: input should be a valid integer")
    assert str(error.value).endswith(". Make them again.")
    file.write_text('{"count": 3}')
    assert read_checked(file, Notes, missing="", again="").count == 3
