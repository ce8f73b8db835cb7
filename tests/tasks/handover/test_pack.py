"""A pack holds what speaking needs and nothing else, and is the same every time."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tasks.handover.archive import open_archive
from tasks.handover.pack import main, pack
from tasks.handover.settings import PackCommand


def test_a_pack_holds_three_runs_and_little_of_the_footage(packed):
    with open_archive(packed) as archive:
        manifest = archive.manifest
    assert sorted(manifest.members) == [
        "README.md", "footage/audio.safetensors", "footage/meta.json", "footage/motion.safetensors",
        "runs/lm3d_nerf_torso.md", "runs/lm3d_nerf_torso.safetensors", "runs/lm3d_vae_sync.md",
        "runs/lm3d_vae_sync.safetensors", "runs/postnet.md", "runs/postnet.safetensors",
    ]  # fmt: skip
    assert (manifest.id, manifest.renderer) == ("made", "lm3d_nerf_torso")
    assert (manifest.licence, manifest.consent) == ("CC BY 4.0", "the made person agreed")
    with zipfile.ZipFile(packed) as opened:
        card = opened.read("README.md").decode()
        assert "vizeme speak made speech.wav" in card
        assert manifest.members["runs/postnet.safetensors"].sha256 in card
        assert "| Consent | the made person agreed |" in opened.read("runs/postnet.md").decode()
        meta = json.loads(opened.read("footage/meta.json"))
    assert (meta["licence"], meta["consent"]) == ("CC BY 4.0", "the made person agreed")


def test_no_member_is_a_pickle_or_names_a_place_of_this_machine(packed, house):
    with zipfile.ZipFile(packed) as opened:
        for entry in opened.infolist():
            data = opened.read(entry)
            assert not data.startswith((b"PK", b"\x80")), entry.filename
            assert str(house).encode() not in data, entry.filename


def test_the_same_person_gives_the_same_bytes(packed, house, monkeypatch):
    monkeypatch.chdir(house)
    again = pack("made", house / "again.vizeme", said=("CC BY 4.0", "the made person agreed"))
    assert again.read_bytes() == packed.read_bytes()


def test_the_motion_is_that_of_the_footage(packed, house, tmp_path):
    with zipfile.ZipFile(packed) as opened:
        (tmp_path / "motion.safetensors").write_bytes(opened.read("footage/motion.safetensors"))
    packed_motion = load_file(tmp_path / "motion.safetensors")
    motion = load_file(house / "data/binary/videos/made/motion.safetensors")
    for name, values in packed_motion.items():
        np.testing.assert_array_equal(values, motion[name].astype(np.float32))


def test_the_command_prints_the_path_and_leaves_nothing_else(house, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(house)
    main(PackCommand(id="made", out=tmp_path / "a.vizeme"))
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "a.vizeme")
    assert [path.name for path in tmp_path.iterdir()] == ["a.vizeme"]


def test_a_pack_that_cannot_be_written_leaves_nothing(house, tmp_path, monkeypatch):
    monkeypatch.chdir(house)
    monkeypatch.setattr("tasks.handover.pack.write_archive", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        pack("made", Path(tmp_path / "a.vizeme"))
    assert not list(tmp_path.iterdir())
