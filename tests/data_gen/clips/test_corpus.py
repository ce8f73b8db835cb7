"""A corpus gives whole, aligned windows of any mix of sources, the same for the same generator."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from data_gen.clips.corpus import MotionCorpus, collate
from data_gen.clips.shard_writer import ClipShardWriter
from data_gen.clips.shards import ClipShards
from tests.made import make_video_dataset
from utils.errors import DataError


def a_clip(frames: int, value: float) -> dict[str, np.ndarray]:
    """Make a clip whose every row says where it is from: frame number + `value`."""
    place = np.arange(frames, dtype=np.float32) + value
    rows = np.repeat(place, 2)
    return {
        "landmarks": np.tile(place[:, None, None], (1, 68, 3)),
        "mel": np.tile(rows[:, None], (1, 80)),
        "pitch_hz": rows,
    }


@pytest.fixture
def shards(tmp_path: Path) -> ClipShards:
    writer = ClipShardWriter(tmp_path / "clips", {"mel": 80})
    parts = {"a1": a_clip(30, 1000), "a2": a_clip(20, 2000), "b1": a_clip(40, 3000), "b2": "no face"}
    for digest, part in parts.items():
        writer.write_part(digest, part)
    writer.write(0, [("a/1", "a", "a1"), ("a/2", "a", "a2")], recipe="first")
    writer.write(1, [("b/1", "b", "b1"), ("b/2", "b", "b2")], recipe="second", first=2)
    return writer.finish(2)


def test_shards_are_read_back_and_split(shards):
    assert [clip.split for clip in shards.index.clips] == ["train", "train", "val"]
    assert shards.index.skipped == {"b/2": "no face"}
    clip = shards.index.clips[1]
    assert shards.read(clip, "pitch_hz", 4, 8).tolist() == [2002, 2002, 2003, 2003]
    again = pickle.loads(pickle.dumps(shards))  # noqa: S301 -- as a worker process gets it
    assert again.read(clip, "landmarks", 0, 1).shape == (1, 68, 3)


def test_a_shard_is_plain_safetensors(shards):
    from safetensors.numpy import load_file

    arrays = load_file(shards.path / "clips-00000.safetensors")
    clip = shards.index.clips[1]
    for name in ("landmarks", "mel", "pitch_hz"):
        whole = arrays[f"{clip.key}/{name}"]
        np.testing.assert_array_equal(shards.read(clip, name, 3, 9), whole[3:9])
        np.testing.assert_array_equal(shards.read(clip, name, 15, 99), whole[15:])


def test_a_damaged_shard_is_named(shards):
    file = shards.path / "clips-00000.safetensors"
    content = file.read_bytes()
    for damaged in (content[:-5], content[:100], b"", b"x" * 500):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=r"clips-00000\.safetensors is damaged: .* Make the clips again\."):
            ClipShards(shards.path).read(shards.index.clips[0], "mel", 0, 2)


def test_a_shard_made_of_the_same_files_is_kept(shards):
    writer = ClipShardWriter(shards.path, {"mel": 80})
    assert writer.has(0, "first")
    assert not writer.has(0, "other")
    assert not writer.has(7, "first")


def test_wrong_lengths_are_refused(tmp_path):
    clip = a_clip(20, 0)
    clip["mel"] = clip["mel"][:-1]
    with pytest.raises(DataError, match="clip x: mel wants 40 rows for 20 frames"):
        ClipShardWriter(tmp_path, {"mel": 80}).write_part("x", clip)


def test_windows_are_aligned_and_a_function_of_the_generator(shards):
    corpus = MotionCorpus([shards.path], "mel", "all")
    assert (corpus.frames, corpus.audio_dim, len(corpus.speakers)) == (90, 80, 2)
    batch = corpus.batch(np.random.default_rng(3), 16, 24)
    again = corpus.batch(np.random.default_rng(3), 16, 24)
    for one, other in zip(batch, again, strict=True):
        assert one.equal(other)
    assert batch.audio.shape == (16, 48, 80)
    assert batch.mask.sum(dim=1).unique().tolist() == [20, 24]
    for i in range(16):
        n = int(batch.mask[i].sum())
        place = batch.landmarks[i, :n, 0, 0]
        assert (place.diff() == 1).all()
        assert batch.audio[i, : 2 * n : 2, 5].equal(place)
        assert batch.pitch_hz[i, 1 : 2 * n : 2].equal(place)
        assert batch.landmarks[i, n:].abs().sum() == 0
        assert int(batch.speaker[i]) == (1 if place[0] >= 3000 else 0)


def test_validation_windows_cover_every_frame_once(shards):
    corpus = MotionCorpus([shards.path], "mel", "all")
    batches = corpus.whole(15, size=2)
    seen = sorted(float(v) for b in batches for v in b.landmarks[..., 0, 0][b.mask])
    # the remaining 5 and 10 frames are too short for a window
    wanted = [*range(1000, 1030), *range(2000, 2015), *range(3000, 3030)]
    assert seen == wanted


def test_a_video_and_clips_together(shards, tmp_path):
    video = make_video_dataset(tmp_path / "videos/made", frames=80, size=16)
    corpus = MotionCorpus([shards.path, video.path], "mel", "train")
    assert len(corpus.speakers) == 2
    stretches = [(run.start, run.stop) for run in corpus.runs if run.source == 1]
    assert stretches == video.shots("train")
    mean, std, landmarks = corpus.statistics()
    assert mean.shape == std.shape == (80,)
    assert landmarks.shape == (68, 3)
    window = corpus.read(corpus.runs[-1], 3, 5)
    first = corpus.runs[-1].start + 3
    np.testing.assert_array_equal(window.landmarks, video.landmarks[first : first + 5])
    np.testing.assert_array_equal(window.audio, video.audio("mel")[2 * first : 2 * first + 10])
    assert collate([window]).mask.all()


def test_missing_data_names_the_command(tmp_path):
    with pytest.raises(DataError) as error:
        MotionCorpus([tmp_path / "videos/may"], "mel")
    where = tmp_path / "videos/may"
    assert str(error.value) == (
        f"No processed video at {where}. Make it with: python data_gen/run.py video --id may --video <your video>.mp4"
    )
    with pytest.raises(DataError) as error:
        MotionCorpus([tmp_path / "lrs3"], "hubert")
    where = tmp_path / "lrs3"
    assert str(error.value) == (
        f"No clips at {where}. Make them with: python data_gen/run.py clips --out {where} --videos <folder of videos> "
        "--audio_features hubert"
    )


def test_a_missing_feature_is_named(shards):
    with pytest.raises(DataError, match=r"no audio feature 'hubert'\. It has mel.*--audio_features hubert"):
        MotionCorpus([shards.path], "hubert")


def test_many_clips_open_at_once_and_are_read_in_little_memory(tmp_path):
    """The small sister of `python -m tests.benchmarks.corpus`, which has ten times as many clips."""
    from tests.benchmarks.corpus import make_corpus, measure

    make_corpus(tmp_path / "corpus", 1000, 1.0, "mel")
    found = measure(tmp_path / "corpus", "mel", 32, 20, 20)
    assert found["clips"] == 990
    assert found["open_cpu_s"] < 0.5
    assert found["opened_mb"] - found["before_mb"] < 20
    assert found["peak_mb"] - found["before_mb"] < 400, "torch and its libraries themselves take some 300"
    assert found["batch_cpu_s"] < 0.2


def test_another_share_of_a_video_can_be_held_out(tmp_path):
    video = make_video_dataset(tmp_path / "made", frames=100, size=32)
    told, more = (MotionCorpus([video.path], "mel", "val", val_share=share) for share in (0.0, 0.3))
    assert told.frames == 100 - video.meta.val_start
    assert more.frames == 30
    train = MotionCorpus([video.path], "mel", "train", val_share=0.3)
    assert max(run.stop for run in train.runs) == min(run.start for run in more.runs) == 70
    assert train.frames + more.frames == 100
    assert more.fingerprint != told.fingerprint
