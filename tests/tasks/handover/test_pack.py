"""A pack holds what speaking needs and nothing else, and is the same every time."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from tasks.handover.archive import open_archive
from tasks.handover.pack import main, pack
from tasks.handover.settings import PackCommand
from utils.errors import DataError


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


def test_the_same_person_gives_the_same_bytes(packed, portrayed, house, monkeypatch):
    monkeypatch.chdir(house)
    for before, portrait in ((packed, False), (portrayed, True)):
        said = ("CC BY 4.0", "the made person agreed")
        again = pack("made", house / "again.vizeme", said=said, portrait=portrait)
        assert again.read_bytes() == before.read_bytes()


def test_a_trained_portrait_brings_the_pictures_that_it_is_laid_into_as_they_lie_in_the_dataset(portrayed, house):
    with zipfile.ZipFile(portrayed) as opened:
        names = {name for name in opened.namelist() if "portrait" in name or name.startswith("footage/")}
        assert names == {
            "runs/lm3d_nerf_portrait.safetensors", "runs/lm3d_nerf_portrait.md", "footage/meta.json",
            "footage/motion.safetensors", "footage/audio.safetensors", "footage/frames.safetensors",
            "footage/torso_frames.safetensors", "footage/head_mask.safetensors",
        }  # fmt: skip
        for name in ("frames", "torso_frames", "head_mask"):
            file = house / f"data/binary/videos/made/{name}.safetensors"
            assert opened.read(f"footage/{name}.safetensors") == file.read_bytes()
        text = opened.read("README.md").decode()
    assert "- Renderer: `lm3d_nerf_torso`, `lm3d_nerf_portrait`" in text
    assert "The frames of the footage are." in text


def test_a_pack_of_whom_no_portrait_is_trained_is_as_small_as_without_one(packed, house, tmp_path, monkeypatch):
    shutil.copytree(house, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "checkpoints/made/lm3d_nerf_portrait")
    monkeypatch.chdir(tmp_path)
    assert pack("made", Path("a.vizeme"), said=("CC BY 4.0", "the made person agreed")).read_bytes() == (
        packed.read_bytes()
    )


def test_a_portrait_of_other_footage_is_refused(house, tmp_path, monkeypatch):
    shutil.copytree(house, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    shutil.copytree("data/binary/videos/made", "data/binary/videos/other")
    checkpoint = Path("checkpoints/made/lm3d_nerf_portrait/model_ckpt_steps_1.ckpt")
    saved = torch.load(checkpoint, weights_only=True)
    saved["vizeme"]["recipe"]["video_id"] = "other"
    torch.save(saved, checkpoint)
    with pytest.raises(DataError, match=r"lm3d_nerf_portrait was trained on .*/other, not on .*/made\. Give --no-por"):
        pack("made", Path("a.vizeme"))
    assert not Path("a.vizeme").exists()


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
