"""Pickles are read as data: their tricks are refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tasks.weights.read import read_file
from utils.errors import DataError


def with_pickle(path: Path, pickle: bytes) -> Path:
    """Write a torch file around a pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle)
    return path


@pytest.mark.parametrize(
    ("pickle", "said"),
    [
        (b"\x80\x02c__builtin__\neval\n}b.", "a state given to a Named"),
        (b"\x80\x02cevil\nThing\n)\x81.", "holds no tensors"),
        (b"\x80\x02cevil\nThing\nK\x01\x85\x81.", "an object made of evil.Thing"),
        (b"\x80\x02ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00a\x94sb.", "a pickle that is damaged"),
        (b"\x80\x02(i__builtin__\neval\n.", "the pickle instruction INST"),
        (b"\x80\x02\x82\x01.", "the pickle instruction EXT1"),
        (b"\x80\x02X\x03\x00\x00\x00abcQ.", "a reference that is no tensor"),
        (b"\x80\x02K\x01K\x02.", "leaves nothing, or too much"),
        (b"\x80\x02" + b"(" * 9 + b"t" * 9 + b"K\x01r\xff\xff\xff\xff\x85" * 60 + b".", "."),
    ],
)
def test_tricks_of_pickles(tmp_path, pickle, said):
    with pytest.raises(DataError, match=said):
        read_file(with_pickle(tmp_path / "x.pth", pickle))
