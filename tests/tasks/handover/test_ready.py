"""What cannot be packed or unpacked is told before torch is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.handover.ready import look_at_pack, look_at_pull, look_at_push, look_at_unpack
from tasks.handover.settings import PackCommand, PullCommand, PushCommand, UnpackCommand
from utils.arguments import read_words
from utils.errors import ConfigError, DataError


def test_packing_wants_runs_and_a_name_and_replaces_packs_only(house, packed, tmp_path, monkeypatch):
    monkeypatch.chdir(house)
    look_at_pack(PackCommand(id="made", out=packed))
    for changed, kind, text in (
        ({"id": "nobody"}, DataError, "No trained lm3d_nerf_torso for 'nobody'"),
        ({"out": Path("a.zip")}, ConfigError, r"let the name end in \.vizeme"),
        ({"steps": "7"}, DataError, "No checkpoint at step 7"),
        ({"id": ".."}, ConfigError, "use letters"),
    ):
        with pytest.raises(kind, match=text):
            look_at_pack(PackCommand(**({"id": "made"} | changed)))
    (tmp_path / "mine.vizeme").write_text("mine")
    with pytest.raises(DataError, match="is no sound pack"):
        look_at_pack(PackCommand(id="made", out=tmp_path / "mine.vizeme"))
    assert (tmp_path / "mine.vizeme").read_text() == "mine"


def test_unpacking_wants_a_pack_and_a_free_name(packed, tmp_path, monkeypatch):
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.chdir(tmp_path)
    look_at_unpack(UnpackCommand(pack=packed))
    (tmp_path / "checkpoints/made").mkdir()
    with pytest.raises(DataError, match="checkpoints/made is there already"):
        look_at_unpack(UnpackCommand(pack=packed))
    look_at_unpack(UnpackCommand(pack=packed, exp_name="other"))
    with pytest.raises(DataError, match=r"none\.vizeme does not exist"):
        look_at_unpack(UnpackCommand(pack=Path("none.vizeme")))


def test_what_pushing_and_pulling_want_is_told_before_anything_is_packed(house, monkeypatch):
    monkeypatch.chdir(house)
    monkeypatch.delenv("VIZEME_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    said = {"id": "made", "repo": "someone/made", "licence": "mine", "consent": "mine", "yes": True}
    for changed, text in (
        ({}, r"You are not logged in at huggingface\.co\. Do: hf auth login"),
        ({"consent": ""}, "Nobody has said the consent.* Give --consent"),
        ({"offline": True}, r"--offline was given, and this needs huggingface\.co"),
    ):
        with pytest.raises(ConfigError, match=text):
            look_at_push(PushCommand(**(said | changed)))
    monkeypatch.setenv("VIZEME_OFFLINE", "1")
    with pytest.raises(ConfigError, match="VIZEME_OFFLINE is set"):
        look_at_pull(PullCommand(repo="someone/made"))
    with pytest.raises(ConfigError, match="REPO made: write OWNER/NAME"):
        read_words(PullCommand, ["made"], "pull")
