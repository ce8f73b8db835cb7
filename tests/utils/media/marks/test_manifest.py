"""What is signed is read again, a changed file is told, and the same file is signed to the same bytes."""

import sys

import numpy as np
import pytest

from tests.utils.media.marks.made import film
from utils.errors import DataError
from utils.media.marks.manifest import _may_be_read, read_manifest, sign, type_of
from utils.media.marks.origin import Origin
from utils.media.pictures import write_picture

ORIGIN = Origin("dub", "anna/lm3d_nerf", "ab" * 32, "agreed", "CC BY 4.0")


def made(tmp_path, suffix):
    if suffix == ".mp4":
        return film(tmp_path / "a.mp4")
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    write_picture(tmp_path / f"a{suffix}", picture)
    return tmp_path / f"a{suffix}"


@pytest.mark.parametrize("suffix", [".mp4", ".png", ".jpg"])
def test_there_and_back_the_same_bytes_twice(tmp_path, suffix):
    file = made(tmp_path, suffix)
    plain = file.read_bytes()
    sign(file, ORIGIN)
    signed = file.read_bytes()
    manifest = read_manifest(file)
    assert (manifest.is_ours, manifest.own, manifest.unchanged, manifest.problem) == (True, True, True, "")
    assert manifest.source_type == "compositeWithTrainedAlgorithmicMedia"
    assert manifest.facts == ORIGIN.facts()
    file.write_bytes(plain)
    sign(file, ORIGIN)
    assert file.read_bytes() == signed
    assert [path.name for path in tmp_path.iterdir()] == [file.name], "nothing is left beside it"
    changed = bytearray(signed)
    changed[changed.index(b"mdat") + 40 if suffix == ".mp4" else -30] ^= 1
    file.write_bytes(changed)
    again = read_manifest(file)
    assert not again.unchanged
    assert again.problem


def test_another_hand_is_told_from_ones_own(tmp_path, monkeypatch):
    file = made(tmp_path, ".png")
    sign(file, ORIGIN)
    monkeypatch.setenv("VIZEME_SIGNER", str(tmp_path / "signer"))
    other = read_manifest(file)
    assert (other.own, other.unchanged, other.signer) == (False, True, "Vizeme")


def test_files_without_one_and_of_other_kinds_bear_none(tmp_path):
    assert read_manifest(made(tmp_path, ".png")) is None
    (tmp_path / "b.mp4").write_bytes(b"no film at all")
    assert read_manifest(tmp_path / "b.mp4") is None
    assert type_of(tmp_path / "b.mp4") == ""


def test_a_box_larger_than_any_of_ours_is_not_read(tmp_path):
    file = tmp_path / "a.mp4"
    with file.open("wb") as opened:
        opened.write(b"\0\0\0\x08ftyp" + (1 << 27).to_bytes(4, "big") + b"uuid")
        opened.truncate(1 << 27)
    assert not _may_be_read(file)
    assert read_manifest(file) is None


def test_without_the_library_the_file_stays_and_the_reason_is_one_line(tmp_path, monkeypatch):
    file = made(tmp_path, ".png")
    plain = file.read_bytes()
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(DataError, match="c2pa"):
        sign(file, ORIGIN)
    assert file.read_bytes() == plain
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
