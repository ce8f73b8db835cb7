from __future__ import annotations

import hashlib
import zipfile

import pytest

from utils import assets
from utils.asset_table import ASSETS, Asset, Part
from utils.assets import asset_path, download, find_asset
from utils.errors import AssetError


@pytest.fixture(autouse=True)
def bare_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZEME_ASSETS", str(tmp_path / "given"))
    monkeypatch.setattr(assets, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "given").mkdir()
    return tmp_path


def test_a_typo_is_named():
    with pytest.raises(AssetError, match="Did you mean 'face_parsing'"):
        find_asset("face_parsin")


def test_nothing_is_found_on_a_bare_machine():
    assert all(find_asset(name) is None for name in ASSETS)


def test_a_non_commercial_weight_is_never_fetched_in_passing(monkeypatch):
    monkeypatch.setattr(assets, "download", lambda name: pytest.fail("downloaded"))
    with pytest.raises(AssetError, match=r"python -m utils\.assets download arcface_mbf"):
        asset_path("arcface_mbf")


def test_a_file_of_another_content_is_refused(bare_machine):
    (bare_machine / "given" / "face_landmarker.task").write_bytes(b"not it")
    with pytest.raises(AssetError, match=r"is not the face_landmarker\.task expected"):
        find_asset("face_landmarker")


def test_without_a_network_both_ways_out_are_told(monkeypatch):
    import pooch

    def refuse(*args, **kwargs):
        raise OSError("no route")

    monkeypatch.setattr(pooch, "retrieve", refuse)
    with pytest.raises(AssetError) as error:
        asset_path("face_landmarker")
    assert "python -m utils.assets download face_landmarker" in str(error.value)
    assert "$VIZEME_ASSETS" in str(error.value)


def test_a_member_of_an_archive_is_kept_and_checked(bare_machine, monkeypatch):
    import pooch

    def fetch(url, known, fname, path, downloader):
        with zipfile.ZipFile(path / fname, "w") as archive:
            archive.writestr("inside.bin", b"weights")

    digest = hashlib.sha256(b"weights").hexdigest()
    row = Asset(("a.bin",), "a test", "MIT", (Part("http://x/a.zip", "a.bin", digest, "inside.bin"),), (digest,))
    monkeypatch.setitem(ASSETS, "a", row)
    monkeypatch.setattr(pooch, "retrieve", fetch)
    assert download("a").read_bytes() == b"weights"
    assert find_asset("a") == (bare_machine / "cache" / "a.bin").resolve()
    assert [file.name for file in (bare_machine / "cache").iterdir()] == ["a.bin"]
    monkeypatch.setitem(
        ASSETS, "a", Asset(("b.bin",), "a test", "MIT", (Part("http://x", "b", "0" * 64, "inside.bin"),))
    )
    with pytest.raises(AssetError, match="not the file expected"):
        download("a")
    assert not (bare_machine / "cache" / "b.bin").exists()
