"""Whoever is unpacked speaks as before, from the pack alone; what is there already is not touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data_gen.video.dataset import VideoDataset
from tasks import talking_head
from tasks.handover import unpack as unpacking
from tasks.handover.archive import member_of, open_archive, write_archive
from tasks.handover.pack import pack
from tasks.handover.settings import UnpackCommand
from tasks.handover.unpack import unpack
from tasks.person.head import TalkingHead
from utils.errors import ConfigError, DataError
from utils.files.arrays import load_arrays, save_arrays
from utils.files.aside import _machine
from utils.media.picture_file import PictureWriter


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Stand in another clone, which has no data."""
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def film(person: str, sound, renderer: str = "auto", **settings) -> bytes:
    """Speak without marks, which name the run: one that was unpacked is another file."""
    head = TalkingHead.load(person, renderer=renderer, device="cpu", settings={"infer_mark": False, **settings})
    return head.speak_to(sound, "film.mp4").read_bytes()


def test_the_film_is_the_same_to_the_byte(packed, house, elsewhere, monkeypatch, capsys):
    unpacking.main(UnpackCommand(pack=packed, exp_name="other"))
    assert capsys.readouterr().out == "checkpoints/other\n"
    after = film("other", house / "voice.wav")
    monkeypatch.chdir(house)
    assert after == film("made", house / "voice.wav", infer_compose="full")
    video = VideoDataset(elsewhere / "data/binary/videos/other")
    assert (video.meta.id, video.meta.licence, video.meta.consent) == ("other", "CC BY 4.0", "the made person agreed")


def test_a_portrait_is_the_same_to_the_byte_since_the_frames_came_along(portrayed, house, elsewhere, monkeypatch):
    unpack(portrayed, "other")
    after = film("other", house / "voice.wav")
    video = VideoDataset(elsewhere / "data/binary/videos/other")
    assert TalkingHead.load("other", device="cpu").renderer.cfg.task_cls == "lm3d_nerf_portrait"
    monkeypatch.chdir(house)
    assert after == film("made", house / "voice.wav")
    assert video.unpacked
    assert not VideoDataset(house / "data/binary/videos/made").unpacked


def test_a_head_before_its_footage_is_the_same_too(house, elsewhere, monkeypatch):
    monkeypatch.chdir(house)
    path = pack("made", elsewhere / "head.vizeme", renderer="lm3d_nerf", portrait=False)
    before = film("made", house / "voice.wav", "lm3d_nerf", infer_bg_img_fname="green")
    footage = VideoDataset(house / "data/binary/videos/made")
    pictures, masks = np.array(footage.torso_frames), np.array(footage.torso_mask)
    monkeypatch.chdir(elsewhere)
    unpack(path)
    video = VideoDataset(elsewhere / "data/binary/videos/made")
    np.testing.assert_array_equal(video.torso_frames, pictures)
    np.testing.assert_array_equal(video.torso_mask, masks)
    assert film("made", house / "voice.wav", infer_bg_img_fname="green") == before


def test_a_portrait_of_whoever_is_unpacked_is_refused_since_the_frames_stayed_behind(packed, elsewhere):
    unpack(packed)
    with pytest.raises(DataError, match=r"holds no frames, which a portrait is laid into\. Use --infer_compose=full"):
        TalkingHead.load("made", device="cpu", settings={"infer_compose": "portrait"})


@pytest.mark.parametrize("place", ["checkpoints/made", "data/binary/videos/made"])
def test_what_is_there_is_not_replaced(packed, elsewhere, place):
    (elsewhere / place).mkdir(parents=True)
    (elsewhere / place / "mine").write_text("mine")
    with pytest.raises(DataError, match=f"{place} is there already; nothing of it is replaced"):
        unpack(packed)
    assert [path.name for path in (elsewhere / place).iterdir()] == ["mine"]
    assert not (elsewhere / "checkpoints/made/postnet").exists()


def test_a_name_that_leads_elsewhere_is_refused(packed, elsewhere):
    with pytest.raises(ConfigError, match=r"--exp_name '\.\./x': use letters"):
        unpack(packed, "../x")


def test_an_unpacking_that_was_killed_goes_on(packed, elsewhere, monkeypatch):
    unpack(packed)
    os.rename(elsewhere / "checkpoints/made", elsewhere / "gone")  # killed after the footage, before the runs
    left = elsewhere / f"data/binary/videos/.made.{_machine()}-999999999-abcdef.part"  # of one killed before that
    left.mkdir()
    (left / "0.md").write_text("x")
    assert unpack(packed).is_dir()
    assert os.listdir(elsewhere / "data/binary/videos") == ["made"]


def test_nothing_is_left_of_a_pack_whose_networks_do_not_fit(packed, elsewhere, monkeypatch):
    def refuse(*_):
        raise DataError("another network")

    monkeypatch.setattr(unpacking, "exported", refuse)
    with pytest.raises(DataError, match="another network"):
        unpack(packed)
    assert not [path for path in elsewhere.rglob("*") if path.is_file()]


def repacked(pack: Path, change: Callable[[dict[str, Path]], None]) -> Path:
    """Write a pack anew whose members were changed, all digests right, as a stranger would."""
    with open_archive(pack) as archive:
        Path("members").mkdir()
        files = {name: Path("members") / str(number) for number, name in enumerate(archive.manifest.members)}
        for name, file in files.items():
            archive.copy_out(name, file)
        manifest = archive.manifest
    change(files)
    members = {name: member_of(file) for name, file in files.items()}
    write_archive(Path("odd.vizeme"), manifest.model_copy(update={"members": members}), files)
    shutil.rmtree("members")
    return Path("odd.vizeme")


def test_footage_of_another_form_is_refused_in_words_about_the_pack(packed, elsewhere):
    def change(files: dict[str, Path]) -> None:
        motion = files["footage/motion.safetensors"]
        save_arrays(motion, load_arrays(motion) | {"world_from_camera": np.zeros((60, 3, 4), np.float32)})

    with pytest.raises(DataError) as error:
        unpack(repacked(packed, change))
    assert str(error.value).startswith("odd.vizeme: its footage is not sound: footage/motion.safetensors, world_from")
    assert "rocess" not in str(error.value)
    assert ".part" not in str(error.value)
    assert [path.name for path in elsewhere.rglob("*") if path.is_file()] == ["odd.vizeme"]


def larger_frames(files: dict[str, Path]) -> None:
    with PictureWriter(files["footage/frames.safetensors"], (34, 32, 3)) as out:
        for _ in range(60):
            out.add(np.zeros((34, 32, 3), np.uint8))


def bomb_of_a_frame(files: dict[str, Path]) -> None:
    with PictureWriter(files["footage/frames.safetensors"], (32, 32, 3)) as out:
        (tile,) = out.pack(np.zeros((32, 32, 3), np.uint8))
        place = tile.index(b"\xff\xc0") + 5
        for _ in range(60):
            out.add([tile[:place] + (60000).to_bytes(2, "big") * 2 + tile[place + 4 :]])


def one_tile_for_all(files: dict[str, Path]) -> None:
    file = files["footage/head_mask.safetensors"]
    arrays = load_arrays(file)
    save_arrays(file, arrays | {"index": np.repeat(arrays["index"][:1], 60, axis=0)})


def no_frames(files: dict[str, Path]) -> None:
    del files["footage/frames.safetensors"]


def not_pictures(files: dict[str, Path]) -> None:
    files["footage/frames.safetensors"].write_bytes(files["footage/audio.safetensors"].read_bytes())


@pytest.mark.parametrize(("change", "text"), [
    (larger_frames, "footage/frames.safetensors holds pictures (60, 34, 32, 3), not (60, 32, 32, 3)"),
    (bomb_of_a_frame, "footage/frames.safetensors is damaged: picture 0 is not what was written"),
    (one_tile_for_all,
     "footage/head_mask.safetensors is damaged: the tiles of picture 1 do not lie one after the other"),
    (no_frames, "footage/frames.safetensors is missing"),
    (not_pictures, "footage/frames.safetensors is damaged: form is missing"),
])  # fmt: skip
def test_pictures_of_a_stranger_are_looked_through_before_anything_stays(portrayed, elsewhere, change, text):
    with pytest.raises(DataError) as error:
        unpack(repacked(portrayed, change))
    assert str(error.value) == f"odd.vizeme: its footage is not sound: {text}. Ask who made it."
    assert [path.name for path in elsewhere.rglob("*") if path.is_file()] == ["odd.vizeme"]


def test_a_disk_without_room_is_told_before_anything_is_written(portrayed, elsewhere, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(OSError, match=r"What is in the pack needs 0\.\d GB, and 0\.0 GB are free"):
        unpack(portrayed)
    assert not [path for path in elsewhere.rglob("*") if path.is_file()]


def test_runs_and_footage_lie_together_wherever_the_command_is_typed(packed, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("VIZEME_HOME", str(tmp_path))
    assert unpack(packed) == tmp_path / "checkpoints/made"
    assert (tmp_path / "data/binary/videos/made/meta.json").is_file()
    assert not list((tmp_path / "elsewhere").iterdir())
    assert TalkingHead.load("made", device="cpu").video.meta.id == "made"


@pytest.mark.parametrize("what", ["packed", "portrayed"])
def test_what_needs_the_footage_says_where_it_is(what, elsewhere, house, request):
    unpack(request.getfixturevalue(what))
    voice = str(house / "voice.wav")
    for words in (
        ["dub", "made", voice, voice, "out.mp4"], ["evaluate", "made"], ["check", "made"],
        ["train", "made"], ["train", "made", "--dry_run"],
    ):  # fmt: skip
        with pytest.raises(DataError, match=r"and not all its footage\. Dub, measure and train where they were made"):
            talking_head.main(words)
    assert not (elsewhere / "checkpoints/made/preset.json").exists()
