"""A zip is opened, and one whose table of contents would fill the memory is not."""

from __future__ import annotations

import tracemalloc
import zipfile

import pytest

from utils.files.zips import MOST_TABLE, open_zip


def test_a_large_member_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("member", bytes(2 * MOST_TABLE))
    with open_zip(tmp_path / "a.zip") as archive:
        assert (archive.namelist(), len(archive.read("member"))) == (["member"], 2 * MOST_TABLE)


def test_a_table_of_contents_without_end_is_refused_before_it_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("member", b"")
    content = (tmp_path / "a.zip").read_bytes()
    entry, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    table = content[entry:end] * (MOST_TABLE // (end - entry) + 1)
    size = len(table).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(content[:entry] + table + content[end : end + 12] + size + content[end + 16 :])
    tracemalloc.start()
    with pytest.raises(zipfile.BadZipFile, match="it lists more parts than any has"), open_zip(tmp_path / "a.zip"):
        pass
    assert tracemalloc.get_traced_memory()[1] < MOST_TABLE / 2
    tracemalloc.stop()
