"""Damaged sounds, videos and pictures are refused in plain words; odd ones that hold something are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_gen.face_voice.process import Limits, PersonFiles, process_person
from data_gen.speech_features import audio_features
from tasks.speaking.backdrop import read_background
from tasks.speaking.sound import Sound
from tests.patience import HANG_S
from tests.reliability.hostile import Table, flipped, in_time, truncated
from tests.reliability.hostile_media import (
    BAD_PICTURES,
    BAD_SOUNDS,
    EITHER_SOUNDS,
    GOOD_PICTURES,
    GOOD_SOUNDS,
    make_videos,
    picture,
    wav,
)
from utils.media.pictures import cover, read_photo
from utils.media.video import VideoWriter, probe, read_frames
from utils.media.wav import no_sound, read_wav

SOUNDS, VIDEOS, PICTURES, NAMES = "sounds", "videos", "pictures", "file names"
SHARES = (0.02, 0.2, 0.5, 0.9, 0.99)


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    """Make one video of each kind."""
    with in_time():
        return make_videos(tmp_path_factory.mktemp("videos"))


def heard(path: Path) -> np.ndarray:
    """Read a sound as training and as inference does: what both give is the same, finite and not empty."""
    found = read_wav(path)
    with Sound(path) as sound:
        np.testing.assert_array_equal(sound.read(0, sound.frames)[: len(found)], found)
    assert found.dtype == np.float32
    assert len(found)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 1
    return found


def food(table: Table, data: bytes, name: str) -> Path:
    path = table.folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", GOOD_SOUNDS)
def test_an_odd_sound_is_heard(table, name):
    path = food(table, GOOD_SOUNDS[name](), "sound.wav")
    wave = table.reads(SOUNDS, lambda: heard(path))
    assert wave is not None
    assert np.isfinite(audio_features(wave, "mel")).all()


@pytest.mark.parametrize("name", BAD_SOUNDS)
def test_what_is_no_sound(table, name):
    path = food(table, BAD_SOUNDS[name](), "sound.wav")
    first = table.read_refuses(SOUNDS, lambda: read_wav(path), says="sound.wav")

    def other() -> None:
        with Sound(path):
            pass

    assert table.read_refuses(SOUNDS, other, says="sound.wav") == first


@pytest.mark.parametrize("name", EITHER_SOUNDS)
def test_what_may_be_a_sound(table, name):
    path = food(table, EITHER_SOUNDS[name](), "sound.wav")
    table.reads(SOUNDS, lambda: heard(path), name="sound.wav")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", ["sound.wav", "sound.mp3", "sound.flac"])
def test_a_sound_with_changed_bytes(table, videos, name, seed):
    data = wav() if name == "sound.wav" else videos[name].read_bytes()
    path = food(table, flipped(data, seed, count=1 + 5 * seed), name)
    table.reads(SOUNDS, lambda: heard(path), name=name)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", ["sound.mp3", "sound.ogg"])
def test_a_sound_that_is_cut_off(table, videos, name, share):
    path = food(table, truncated(videos[name].read_bytes(), share), name)
    table.reads(SOUNDS, lambda: heard(path), name=name)


def seen(path: Path) -> np.ndarray:
    """Read a video at 25 frames a second; the frames are of the size that was told."""
    info = probe(path)
    frames = np.stack(list(read_frames(path, fps=25, count=100)))
    assert frames.shape[1:] == (info.height, info.width, 3)
    return frames


GOOD_VIDEOS = [
    "plain.mp4", "no_sound.mp4", "odd_size.mkv", "variable_rate.mkv", "one_frame.mp4", "wide_pixels.mp4", "slow.mp4",
    "fast.mp4", "grey.mkv", "ten_bit.mkv", "alpha.mov", "interlaced.mkv", "animation.gif", "turned.mp4", "tiny.mkv",
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD_VIDEOS)
def test_an_odd_video_is_seen(table, videos, name):
    frames = table.reads(VIDEOS, lambda: seen(videos[name]))
    assert frames is not None
    sizes = {"odd_size.mkv": (47, 63), "turned.mp4": (64, 48), "wide_pixels.mp4": (48, 85), "tiny.mkv": (1, 1)}
    assert frames.shape[1:3] == sizes.get(name, (48, 64))


@pytest.mark.parametrize("name", ["sound_alone.mp4", "sound.mp3"])
def test_a_sound_is_no_video(table, videos, name):
    table.read_refuses(VIDEOS, lambda: seen(videos[name]), says=name)


@pytest.mark.parametrize("name", ["no_sound.mp4", "animation.gif"])
def test_a_silent_film_is_no_sound(table, videos, name):
    table.read_refuses(VIDEOS, lambda: read_wav(videos[name]), says=f"{name} has no sound")


NO_VIDEOS = ["nothing", "a text", "zeros", "a play list", "a concat list", "a session description"]


@pytest.mark.parametrize("name", NO_VIDEOS)
def test_what_is_no_video(table, name):
    path = food(table, BAD_SOUNDS[name](), "video.mp4")
    table.read_refuses(VIDEOS, lambda: seen(path), says="video.mp4")


@pytest.mark.parametrize("seed", range(12))
def test_a_video_with_changed_bytes(table, videos, seed):
    name = ("plain.mp4", "odd_size.mkv")[seed % 2]
    path = food(table, flipped(videos[name].read_bytes(), seed, count=1 + seed), name)
    table.reads(VIDEOS, lambda: seen(path), name=name)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", ["plain.mp4", "odd_size.mkv"])
def test_a_video_that_is_cut_off(table, videos, name, share):
    path = food(table, truncated(videos[name].read_bytes(), share), name)
    table.reads(VIDEOS, lambda: seen(path), name=name)


@pytest.mark.parametrize("name", GOOD_PICTURES)
def test_an_odd_picture_is_seen(table, name):
    path = food(table, GOOD_PICTURES[name](), "picture")
    found = table.reads(PICTURES, lambda: read_photo(path))
    assert found is not None
    assert (found.dtype, found.shape[2]) == (np.uint8, 3)
    if "EXIF turn" in name:
        assert found.shape[:2] == ((40, 30) if int(name.split()[2].rstrip(",")) in (5, 6, 7, 8) else (30, 40))
    if "16-bit" in name:
        assert found.std() > 20, "a picture of 16 bits must not become white or black"
    background = read_background(str(path))
    assert background is not None
    assert cover(background, 20, 30).shape == (20, 30, 3)


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_what_is_no_picture(table, name):
    path = food(table, BAD_PICTURES[name](), "picture.png")
    table.read_refuses(PICTURES, lambda: read_photo(path), says="picture.png")
    table.read_refuses(PICTURES, lambda: read_background(str(path)), says="picture.png")


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_a_picture_with_changed_bytes(table, form, seed):
    path = food(table, flipped(picture(form), seed, count=1 + 2 * seed), f"picture.{form.lower()}")
    found = table.reads(PICTURES, lambda: read_photo(path), name="picture.")
    assert found is None or found.shape[2] == 3


@pytest.mark.parametrize("what", ["folder", "missing", "dangling"])
def test_a_file_that_is_none(table, what):
    path = table.folder / "food"
    if what == "folder":
        path.mkdir()
    elif what == "dangling":
        path.symlink_to("nowhere")
    for read in (read_wav, read_photo, probe):
        table.read_refuses(NAMES, lambda read=read: read(path), says="food")


STRANGE = [
    "with space", "new\nline", "tab\tbed", "quo'te", 'quo"te', "-i", "--help", "-", "ünï", "日本語", "☃", "%d", "%04d",
    "%s%n", "a%20b", "$(touch hacked)", "`touch hacked`", ";touch hacked", "|touch hacked", "&", "*", "?", "[a-z]",
    "{}", "~", "back\\slash", "file:x", "http:x", "pipe:0", "concat:a", "data:x", "#", "a=b", "a,b", ":", "é",
    "x" * 200, "\u202eabc", "esc\x1b[31m", "\udcff\udcfe", " ", ". .", "a.b.c", "CON", "null\u200b",
]  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_a_name_of_any_kind_is_read_and_written(table, videos, monkeypatch, name):
    monkeypatch.chdir(table.folder)
    Path(name + ".wav").write_bytes(wav())
    Path(name + ".png").write_bytes(picture("PNG"))
    assert table.reads(NAMES, lambda: heard(Path(name + ".wav"))) is not None
    assert table.reads(NAMES, lambda: read_photo(name + ".png")) is not None
    (table.folder / "out").mkdir()
    target = Path("out", name + ".mp4")
    with VideoWriter(target, 16, 16, audio=name + ".wav") as out:
        out.write(np.zeros((16, 16, 3), np.uint8))
    assert probe(target).has_audio
    assert [path.name for path in Path("out").iterdir()] == [target.name]
    assert not Path("hacked").exists()


@pytest.mark.parametrize("name", ["x" * 252, "x" * 300, "x/" * 3000 + "y"], ids=["252", "300", "6001"])
def test_a_name_that_is_too_long(table, monkeypatch, name):
    monkeypatch.chdir(table.folder)

    def write() -> None:
        with VideoWriter(f"{name}.mp4", 16, 16) as out:
            out.write(np.zeros((16, 16, 3), np.uint8))

    for use in (lambda: read_wav(name), lambda: read_photo(name), lambda: read_background(name), write):
        table.read_refuses(NAMES, use)


class Blind:
    """Find no face, and do what else a detector does."""

    def forget(self) -> None:
        """Do nothing."""

    def detect(self, frame: np.ndarray) -> list[object]:
        """Find nothing."""
        return []


@pytest.mark.parametrize("name", ["a text", "zeros", "a head alone"])
def test_a_person_of_bad_files_alone_stops_nobody_else(table, name):
    files = {}
    for kind, suffix in (("sounds", "wav"), ("pictures", "png"), ("videos", "mp4")):
        files[kind] = (food(table, BAD_SOUNDS[name](), f"food.{suffix}"),)
        found = process_person(PersonFiles("anna", "train", **files), Blind(), Limits())  # type: ignore[arg-type]
        assert set(found.skipped) >= {str(path) for paths in files.values() for path in paths if kind != "videos"}
        assert not found.person.faces
        files = {} if kind == "pictures" else files
    assert str(files["videos"][0]) in found.skipped
    table.note("files among others", "refused")


DEAF = f"#!/usr/bin/env bash\nexec sleep {2 * HANG_S}\n"


@pytest.fixture
def deaf(table, monkeypatch):
    """Put a program that neither reads nor writes nor ends in the place of ffmpeg."""
    program = table.folder / "ffmpeg"
    program.write_text(DEAF)
    program.chmod(0o755)
    monkeypatch.setattr("utils.media.ffmpeg.executable", lambda: str(program))
    for module in ("utils.media.ffmpeg", "tasks.person.mp4_stream"):
        monkeypatch.setattr(f"{module}.STALL_S", 0.4)
    return program


def test_an_ffmpeg_that_hangs_is_ended_wherever_it_is_called(table, deaf):
    from tasks.person.mp4_stream import Mp4Stream
    from utils.media.ffmpeg import Stream, describe
    from utils.media.ffmpeg import run as run_ffmpeg

    sound = food(table, wav(), "sound.wav")

    def stream() -> None:
        with Stream([], stall_s=0.4) as opened:
            opened.read_into(memoryview(bytearray(10)))
            if opened.finish() != 0:
                raise no_sound(sound, opened)

    def live() -> None:
        frames = (np.zeros((256, 256, 3), np.uint8) for _ in range(20))
        with Mp4Stream(frames, (256, 256), sound, 20) as opened:
            b"".join(opened)

    for hang in (lambda: describe(sound, 0.4), lambda: run_ffmpeg([], 0.4, "copying"), stream, live):
        with in_time():
            table.read_refuses("programs that hang", hang)
