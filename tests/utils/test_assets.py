from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile

import pytest

from utils import assets
from utils.asset_table import ASSETS, Asset, Part
from utils.assets import asset_path, download, find_asset
from utils.errors import AssetError


@pytest.fixture(autouse=True)
def bare_machine(tmp_path, monkeypatch):
    monkeypatch.delenv("VIZEME_OFFLINE", raising=False)  # what is fetched here is fetched from a stand-in
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


def test_the_page_of_a_hotel_is_no_weight(bare_machine, monkeypatch):
    import pooch

    def fetch(url, known, fname, path, downloader):
        (path / fname).write_bytes(b"<html>Your room number, please</html>")

    row = Asset(("a.bin",), "a test", "MIT", (Part("http://127.0.0.1:9/a", "a.bin"),), megabytes=3)
    monkeypatch.setitem(ASSETS, "a", row)
    monkeypatch.setattr(pooch, "retrieve", fetch)
    with pytest.raises(AssetError, match="37 bytes came, not 3 MB"):
        download("a")
    assert not list((bare_machine / "cache").iterdir())


def flip(file):
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def test_a_flipped_bit_is_found_in_every_weight(bare_machine, monkeypatch):
    """Whether its SHA-256 is published, or only known from the first use; in each file of a folder."""
    for name, asset in ASSETS.items():
        place = bare_machine / "given" / asset.names[0]
        files = [place / part.file for part in asset.parts] if asset.folder else [place]
        for file in files:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(name.encode() * 5)
        published = {"digests": ("d" * 64,) if asset.digests else (), "parts": asset.parts}
        if asset.digests:
            published["digests"] = (hashlib.sha256(files[0].read_bytes()).hexdigest()[: len(asset.digests[0])],)
        published["parts"] = tuple(
            dataclasses.replace(part, sha256=part.sha256 and hashlib.sha256(name.encode() * 5).hexdigest())
            for part in asset.parts
        )
        monkeypatch.setitem(ASSETS, name, dataclasses.replace(asset, **published))
        for file in files:
            assert find_asset(name) == place.resolve()
            flip(file)
            with pytest.raises(AssetError, match="its SHA-256 is another"):
                find_asset(name)
            flip(file)


def test_a_weight_without_published_digest_may_be_replaced_by_one_of_another_size(bare_machine):
    file = bare_machine / "given" / "lpips_alexnet.safetensors"
    for content in (b"one", b"another"):
        file.write_bytes(content)
        assert find_asset("lpips_alexnet") == file.resolve()
    (bare_machine / "cache" / "digests.json").write_text("[")
    assert find_asset("lpips_alexnet") == file.resolve()


def test_a_home_of_nobody_is_told(monkeypatch):
    monkeypatch.setenv("VIZEME_ASSETS", "~nobodyatall/x")
    with pytest.raises(AssetError, match="there is no such user"):
        find_asset("vgg11")


def test_the_table_is_one_json_object_when_asked(bare_machine, capsys):
    (bare_machine / "given" / "face_landmarker.task").write_bytes(b"not it")
    assert assets.main(["list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["assets"]}
    assert list(rows) == list(ASSETS)
    assert (rows["face_landmarker"]["here"], rows["vgg11"]["here"]) == ("damaged", None)
    assert rows["vgg11"]["megabytes"] == 507
