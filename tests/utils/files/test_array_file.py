"""Arrays come back as they were written, row by row, in any process; a changed byte is noticed."""

from __future__ import annotations

import copy
import multiprocessing
import os

import numpy as np
import pytest

from tests.patience import HANG_S
from utils.errors import DataError
from utils.files.array_file import ArrayFile, ShardFolder
from utils.files.array_header import Header
from utils.files.arrays import load_arrays, save_arrays

ARRAYS = {
    "faces": np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3),
    "wav": np.arange(-6, 6, dtype=np.int16),
    "points": np.linspace(0, 1, 4000, dtype=np.float32).reshape(1000, 4),
    "single": np.float32(3.5),
    "nothing": np.zeros((0, 7), np.float32),
}


@pytest.fixture
def file(tmp_path):
    save_arrays(tmp_path / "a.safetensors", ARRAYS, {"who": "anna"})
    return tmp_path / "a.safetensors"


def test_rows_and_whole_arrays_come_back(file):
    opened = ArrayFile(file, "Make it again.")
    np.testing.assert_array_equal(opened.rows("faces", 1, 3), ARRAYS["faces"][1:3])
    np.testing.assert_array_equal(opened.rows("wav"), ARRAYS["wav"])
    assert opened.rows("points", 998, 5000).shape == (2, 4)
    assert opened.shape("nothing") == (0, 7)
    assert opened.metadata["who"] == "anna"
    for name, array in load_arrays(file).items():
        np.testing.assert_array_equal(array, ARRAYS[name])
    with pytest.raises(DataError, match=r"has no array torso\. Make it again\."):
        opened.rows("torso")


def test_a_changed_number_is_named(file):
    data = bytearray(file.read_bytes())
    data[data.index(ARRAYS["points"].tobytes()) + 8000] ^= 1
    file.write_bytes(data)
    opened = ArrayFile(file, "Make it again.")
    np.testing.assert_array_equal(opened.rows("wav"), ARRAYS["wav"])  # the others are sound
    with pytest.raises(DataError, match="the numbers of points are not those written"):
        opened.rows("points", 0, 1)


def read_again_and_again(opened: ArrayFile, seed: int, wrong) -> None:  # a multiprocessing value
    rng = np.random.default_rng(seed)
    for first in rng.integers(0, 990, 2000):
        if not np.array_equal(opened.rows("points", first, first + 9), ARRAYS["points"][first : first + 9]):
            wrong.value += 1


def test_forked_processes_do_not_move_each_other(file):
    opened = ArrayFile(file, "Make it again.")
    fork = multiprocessing.get_context("fork")
    wrong = fork.Value("i", 0)
    readers = [fork.Process(target=read_again_and_again, args=(opened, seed, wrong)) for seed in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(HANG_S)
    assert [reader.exitcode for reader in readers] == [0, 0, 0]
    assert wrong.value == 0


def test_a_folder_holds_only_so_many_shards_open_and_reads_them_all(tmp_path, monkeypatch):
    monkeypatch.setattr("utils.files.array_file.MOST_OPEN", 2)
    (tmp_path / "index.json").write_text("{}")
    for number in range(5):
        save_arrays(tmp_path / f"{number}.safetensors", {"x": np.full(3, number)})
    folder = ShardFolder(tmp_path, "Make it again.")
    for number in (*range(5), *range(5)):
        assert folder[f"{number}.safetensors"].rows("x").tolist() == [number] * 3
        assert len(folder._open) <= 2
    again = copy.copy(folder)  # as another process gets it: by what __getstate__ leaves
    assert not again._open
    assert again["4.safetensors"].rows("x").tolist() == [4] * 3


def test_a_shard_that_is_opened_again_is_not_compared_again(tmp_path, monkeypatch):
    monkeypatch.setattr("utils.files.array_file.MOST_OPEN", 1)
    for name in ("a", "b"):
        save_arrays(tmp_path / name, {"x": np.arange(10_000)})
    folder = ShardFolder(tmp_path, "Make it again.")
    read = []
    monkeypatch.setattr("os.pread", lambda *given, pread=os.pread: read.append(pread(*given)) or read[-1])
    for name in ("a", "b"):
        assert folder[name].rows("x", 7, 8).tolist() == [7]
    assert sum(map(len, read)) == 2 * (80_000 + 8)
    read.clear()
    for name in ("a", "b"):
        assert folder[name].rows("x", 9, 10).tolist() == [9]
    assert sum(map(len, read)) == 2 * 8


def test_a_header_is_read_once_however_often_its_shard_is_opened(tmp_path, monkeypatch):
    """A corpus of twice as many shards as are held open costs no more to read from than one that is all open."""
    monkeypatch.setattr("utils.files.array_file.MOST_OPEN", 2)
    monkeypatch.setattr("utils.files.array_file.MOST_KEPT", 5)
    read = []
    monkeypatch.setattr(
        "utils.files.array_file.Header", lambda *words, header=Header: read.append(1) or header(*words)
    )
    for number in range(6):
        save_arrays(tmp_path / str(number), {f"{clip}/x": np.full(3, number) for clip in range(9)})
    folder = ShardFolder(tmp_path, "Make it again.")
    for _ in range(3):
        for number in range(4):
            assert folder[str(number)].rows("8/x").tolist() == [number] * 3
    assert len(read) == 4
    save_arrays(tmp_path / "0", {"8/x": np.full(3, 7)})
    assert folder["0"].rows("8/x").tolist() == [7] * 3, "another file of that name is read anew"
    for number in range(6):
        folder[str(number)]
    assert len(folder._kept) == 5, "and no more are remembered than that"
    assert len(folder._open) == 2


def test_a_folder_opens_no_shard_of_another_index_and_none_outside(tmp_path):
    home = tmp_path / "data"
    save_arrays(home / "a.safetensors", {"x": np.zeros(3)})
    save_arrays(tmp_path / "b.safetensors", {"x": np.zeros(3)})
    (home / "index.json").write_text("{}")
    folder = ShardFolder(home, "Make it again.")
    with pytest.raises(DataError, match="leads out of the folder"):
        folder["../b.safetensors"]
    (home / "index.json").write_text("{ }")
    with pytest.raises(DataError, match="was made again"):
        folder["a.safetensors"]


def test_a_whole_array_is_read_once_and_still_compared(tmp_path, monkeypatch):
    file = tmp_path / "a.safetensors"
    save_arrays(file, {"x": np.arange(1000)})
    read = []
    monkeypatch.setattr("os.pread", lambda *given, pread=os.pread: read.append(pread(*given)) or read[-1])
    opened = ArrayFile(file, "Make it again.")
    assert opened.rows("x").tolist() == list(range(1000))
    assert sum(map(len, read)) == 8000
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(DataError, match="the numbers of x are not those written"):
        ArrayFile(file, "Make it again.").rows("x")


@pytest.mark.parametrize(
    "words",
    ['"shape":[0,4611686018427387904]', '"shape":[9223372036854775808,0]', f'"shape":{[1] * 100}', '"shape":[Infinity]',
     '"data_offsets":[0,Infinity]', f'"shape":{[1 << 62] * 20_000}'],
    ids=range(6),
)  # fmt: skip
def test_a_header_that_lies_of_a_shape_is_refused(tmp_path, words):
    header = '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],' + words + "}}"  # of two the later counts
    (tmp_path / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header.encode())
    with pytest.raises(DataError, match="is damaged"):
        ArrayFile(tmp_path / "x.safetensors", "Make it again.")
