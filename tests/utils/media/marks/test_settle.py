"""Chance is taken out of a manifest that is one, and of nothing else."""

import pytest

from utils.media.marks.certificate import find_credential
from utils.media.marks.settle import _Odd, _string, settle, settled_manifest


@pytest.mark.parametrize("rubbish", [b"", b"\0" * 40, b"\0\0\0\x20jumb" + b"x" * 24, b"\xff" * 100])
def test_what_is_no_manifest_is_refused(rubbish):
    with pytest.raises((_Odd, ValueError, IndexError)):
        settled_manifest(rubbish, find_credential().key)


def test_a_file_with_something_odd_stays_as_it_is(tmp_path):
    file = tmp_path / "a.mp4"
    file.write_bytes(b"before" + b"\0\0\0\x20jumb" + b"x" * 24)
    assert not settle(file, b"\0\0\0\x20jumb" + b"x" * 24, find_credential())
    assert file.read_bytes() == b"before" + b"\0\0\0\x20jumb" + b"x" * 24


@pytest.mark.parametrize(
    ("size", "head"), [(3, b"\x43"), (30, b"\x58\x1e"), (300, b"\x59\x01\x2c"), (70000, b"\x5a\0\x01\x11\x70")]
)
def test_strings_are_written_as_cbor_has_them(size, head):
    assert _string(b"x" * size) == head + b"x" * size
