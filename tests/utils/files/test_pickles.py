"""Pickles of plain data are read whatever wrote them, and what else a pickle can do is refused."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from utils.errors import DataError
from utils.files.pickle_values import Refused
from utils.files.pickles import read_plain_pickle, unpickle


class Runs:
    """Ask for a call when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch was_run",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_lists_texts_and_arrays_come_back(tmp_path, protocol):
    data = {
        "file": ["1/a.jpg", "2/\u00e9.jpg"], "count": 3, "share": 0.5, "none": None, "pair": (True, b"x"),
        "buffalo": [np.arange(4, dtype=np.float32)[None], np.full((1, 4), 2.5, ">f8"), np.asfortranarray(np.eye(3))],
        "one": np.float32(1.5), "more": OrderedDict(a=1), "set": {1, 2},
    }  # fmt: skip
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(data, protocol=protocol))
    again = read_plain_pickle(path, "templates")
    for name in ("file", "count", "share", "none", "pair", "one", "more", "set"):
        assert again[name] == data[name], name
    for ours, theirs in zip(again["buffalo"], data["buffalo"], strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_lists_of_python_2_come_back(tmp_path):
    (tmp_path / "x.pkl").write_bytes(b"(lp0\nS'/data/a.png'\np1\naS'/data/b.png'\np2\na.")
    assert read_plain_pickle(tmp_path / "x.pkl", "paths") == ["/data/a.png", "/data/b.png"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps([Runs()]), r"it holds a call of \w+\.system\. Nothing of it was run"),
        (pickle.dumps(Refused("x")), r"it holds a call of builtins.*\. Nothing|an object of|a call of"),
        (pickle.dumps([1, 2])[:-3], "a pickle that is damaged"),
        (b"no pickle at all", "a pickle that is damaged"),
    ],
)
def test_anything_else_is_refused_and_not_run(tmp_path, monkeypatch, content, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(DataError, match=rf"x\.pkl holds no templates that can be read: .*{said}"):
        read_plain_pickle(tmp_path / "x.pkl", "templates")
    assert not (tmp_path / "was_run").exists()


def test_a_pickle_has_so_many_instructions_at_most(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(list(range(100))))
    with path.open("rb") as file, pytest.raises(Refused, match="a pickle without end"):
        unpickle(file, most=50)
