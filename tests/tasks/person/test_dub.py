"""New speech in a person's own video: its size, rate and frames, of which only the lower face changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data_gen.video.dataset import VideoDataset
from data_gen.video.framing.source import Source
from tasks import talking_head
from tasks.person.dub import between, moments_of, poses_at
from tests.made import write_tone
from tests.made_heads import make_house
from utils.errors import DataError, UserError
from utils.files.digests import sha256
from utils.media.ffmpeg import run
from utils.media.marks.manifest import read_manifest
from utils.media.video import VideoWriter, probe, read_frames

CROP = (-8, 20, 56, 84)
"""Where the square lies: a little of it beyond the left edge."""


@pytest.fixture
def house(tmp_path, monkeypatch) -> Path:
    """Stand beside a person whose video is twice as large as what was cut out of it, with 50 frames a second."""
    monkeypatch.chdir(make_house(tmp_path))
    data = VideoDataset(Path("data/binary/videos/made"))
    rng = np.random.default_rng(0)
    with VideoWriter("own.mp4", 100, 120, 50, np.zeros(16_000 * 3, np.float32), crf=0) as writer:
        for index in range(2 * 60 + 50):
            frame = rng.integers(0, 256, (100, 120, 3)).astype(np.uint8) if index < 50 else np.full((100, 120, 3), 90)
            inside = data.frames[max(0, index - 50) // 2].repeat(2, axis=0).repeat(2, axis=1)
            frame[20:84, :56] = inside[:, 8:]
            writer.write(np.asarray(frame, np.uint8))
    made_of(Path("own.mp4"))
    return tmp_path


def made_of(video: Path) -> None:
    """Say that the person's dataset was made of a video."""
    meta = Path("data/binary/videos/made/meta.json")
    described = json.loads(meta.read_text())
    described["source"] = {"sha256": sha256(video), "crop_px": CROP, "start_s": 1.0}
    meta.write_text(json.dumps(described))


def test_only_the_lower_face_changes_and_size_rate_and_length_are_the_videos(house, monkeypatch):
    drawn = []
    monkeypatch.setattr("tasks.person.dub.write_frames", _keeping(drawn))
    monkeypatch.setattr("utils.media.marks.marks.LEAST_PART", 1)  # the pattern, too, lies where was drawn
    write_tone(Path("short.wav"), 0.3 * np.sin(np.arange(16_000) / 20))
    assert talking_head.main(["dub", "made", "own.mp4", "short.wav", "out.mp4", "--start_s=1.2", "--device=cpu"]) == 0
    info = probe("out.mp4")
    assert (info.height, info.width, info.fps, len(drawn)) == (100, 120, 50.0, 50)
    assert len(list(read_frames("out.mp4"))) == 50
    assert read_manifest(Path("out.mp4")).source_type == "compositeWithTrainedAlgorithmicMedia"
    true = list(read_frames("own.mp4"))[60:110]
    for before, after in zip(true, drawn, strict=True):
        changed = np.argwhere((before != after).any(axis=-1))
        assert len(changed)
        assert (changed.min(axis=0) >= (20 + 24, 0)).all()
        assert (changed.max(axis=0) < (84, 56)).all()


def test_a_telephones_film_that_lies_on_its_side_is_dubbed_upright(house, monkeypatch):
    drawn = []
    monkeypatch.setattr("tasks.person.dub.write_frames", _keeping(drawn))
    with VideoWriter("lying.mp4", 120, 100, 50, np.zeros(16_000 * 3, np.float32), crf=0) as writer:
        for frame in read_frames("own.mp4"):
            writer.write(np.rot90(frame, -1).copy())
    run(["-display_rotation:v:0", "90", "-i", "lying.mp4", "-c", "copy", "turned.mp4"], 60, "turning")
    made_of(Path("turned.mp4"))
    write_tone(Path("short.wav"), 0.3 * np.sin(np.arange(4_800) / 20))
    words = ["made", "turned.mp4", "short.wav", "out.mp4", "--start_s=1.2"]
    assert talking_head.main(["dub", *words, "--device=cpu"]) == 0
    info = probe("out.mp4")
    assert (info.height, info.width, info.rotation, info.fps, info.duration_s) == (100, 120, 0, 50.0, 0.3)
    assert len(list(read_frames("out.mp4"))) == len(drawn) == 15
    true = list(read_frames("turned.mp4"))[60:75]
    changed = np.argwhere((np.stack(true) != np.stack(drawn)).any(axis=(0, -1)))
    assert (changed.min(axis=0) >= (20 + 24, 0)).all()
    assert (changed.max(axis=0) < (84, 56)).all()


def _keeping(drawn: list[np.ndarray]):
    from tasks.speaking.frames import write_frames

    def write(frames, *arguments, **more):
        drawn.extend(frames)
        return write_frames(iter(drawn), *arguments, **more)

    return write


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["own.mp4", "voice.wav", "own.mp4"], "own.mp4"),
        (["voice.mp4", "voice.wav", "out.mp4"], "is not the video that made was made of"),
        (["own.mp4", "voice.wav", "out.mp4", "--start_s=2.5"], "the person is known from 1 to 3.4 s of the video"),
        (["own.mp4", "voice.wav", "out.mp4", "--start_s=0.2"], "the person is known from 1 to 3.4 s of the video"),
        (["own.mp4", "voice.wav", "out.mp4", "--start_s=1e30"], "the person is known from 1 to 3.4 s of the video"),
        (["own.mp4", "voice.wav", "out.mp4", "--start_s=inf"], "should be a finite number"),
    ],
)
def test_what_cannot_be_dubbed_is_told(house, words, said):
    Path("voice.mp4").write_bytes(Path("own.mp4").read_bytes() + b" ")
    before = sha256(Path("own.mp4"))
    with pytest.raises(UserError, match=said):
        talking_head.main(["dub", "made", *words, "--device=cpu"])
    assert sha256(Path("own.mp4")) == before
    assert not Path("out.mp4").exists()


def test_a_dataset_of_an_earlier_version_names_the_remedy(tmp_path, video):
    with pytest.raises(DataError, match=r"does not say where in its video it lies: .* Process the video again"):
        video.source_in(tmp_path / "own.mp4")


def test_moments_follow_the_videos_own_rate(video):
    source = Source(sha256="", crop_px=(0, 0, 1, 1), start_s=2.0)
    moments = moments_of(video, source, 30.0, 2.2, 0.5)
    assert (moments.first, len(moments.places)) == (66, 15)
    np.testing.assert_allclose(moments.places[:3], [5, 5 + 25 / 30, 5 + 50 / 30])
    assert moments.nearest()[:3].tolist() == [5, 6, 7]


def test_between_frames_is_between_values_but_not_across_a_cut():
    values = np.array([0.0, 10, 20, 100], np.float32)
    np.testing.assert_allclose(between(values, np.array([0.25, 1.5, 2.4, 2.6, 3.0]), [3]), [2.5, 15, 20, 100, 100])


def test_a_pose_between_two_is_a_pose():
    turned = np.tile(np.eye(4, dtype=np.float32), (2, 1, 1))
    turned[1, :3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    turned[1, 0, 3] = 2
    (half,) = poses_at(turned, np.array([0.5]), [])
    np.testing.assert_allclose(half[:3, :3] @ half[:3, :3].T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(half[:2, :2], np.array([[1, -1], [1, 1]]) / np.sqrt(2), atol=1e-6)
    assert half[0, 3] == 1


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"start_s": 2.9}, r"own\.mp4: its pictures end at 3\.\d+ s, before the sound"),
        ({"crop_px": (500, 500, 564, 564)}, r"crop_px lies beyond the pictures of own\.mp4"),
        ({"crop_px": (0, 0, 64, 60)}, "crop_px is no square"),
    ],
)
def test_a_dataset_that_is_wrong_about_its_video_is_told(house, where, said):
    file = Path("data/binary/videos/made/meta.json")
    described = json.loads(file.read_text())
    described["source"] |= where
    file.write_text(json.dumps(described))
    with pytest.raises(DataError, match=said):
        talking_head.main(["dub", "made", "own.mp4", "voice.wav", "out.mp4", "--start_s=2.9", "--device=cpu"])
    assert not Path("out.mp4").exists()
