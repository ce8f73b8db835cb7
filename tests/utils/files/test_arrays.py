"""Arrays come back from disk as they were written, and what is not numbers is named."""

from __future__ import annotations

import numpy as np
import pytest

from utils.errors import DataError
from utils.files.arrays import load_array, load_arrays, map_new_array, save_arrays, write_arrays_in_turn


def test_arrays_come_back(tmp_path):
    arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3).T}
    save_arrays(tmp_path / "a.safetensors", arrays)
    np.testing.assert_array_equal(load_arrays(tmp_path / "a.safetensors")["x"], arrays["x"])


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        load_arrays(tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").write_bytes(b"\x01\x02")
    with pytest.raises(DataError, match="Delete it"):
        load_arrays(tmp_path / "a.safetensors")


def test_arrays_written_in_turn_are_those_written_together(tmp_path):
    arrays = {"a": np.arange(5, dtype=np.float32), "b": np.eye(3, dtype=np.float32)}
    write_arrays_in_turn(tmp_path / "turn.safetensors", iter(arrays.items()))
    back = load_arrays(tmp_path / "turn.safetensors")
    assert list(back) == ["a", "b"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
    assert [path.name for path in tmp_path.iterdir()] == ["turn.safetensors"]


def test_a_file_of_something_else_than_finite_numbers_is_named(tmp_path):
    file = tmp_path / "a.npy"
    np.save(file, np.array([1.0, np.nan]))
    with pytest.raises(DataError) as error:
        load_array(file, "landmarks")
    assert str(error.value) == f"{file}: 1 values are not finite numbers, the first at [1]."
    np.save(file, np.array(["text"]))
    with pytest.raises(DataError, match=r"holds no landmarks, but values of type <U4\. Save plain numbers\."):
        load_array(file, "landmarks")
    file.write_bytes(b"hello")
    with pytest.raises(DataError, match=r"holds no landmarks that can be read \(it is not an \.npy file\)\."):
        load_array(file, "landmarks")


def test_what_is_mapped_lies_on_the_disk(tmp_path):
    mapped = map_new_array(tmp_path / "frames.npy", (2, 3))
    mapped[:] = 7
    mapped.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "frames.npy"), np.full((2, 3), 7, np.uint8))
