"""The delay of a sound is told by all clips of a video, or of a speaker, together, and put right when it is read."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.clips.corpus import MotionCorpus
from data_gen.clips.in_step import late_rows
from data_gen.clips.shard_writer import ClipShardWriter
from data_gen.clips.shards import ClipInfo
from tests.data_gen.clips.toy import a_clip

OFFSETS = np.arange(-30, 31)


def curve(late: int, seed: int, chance: float = 0.3) -> np.ndarray:
    """Return correlations with a peak `late` rows away, and one of chance that is as high somewhere."""
    rng = np.random.default_rng(seed)
    peaks = [(late, 0.4), (int(rng.integers(-30, 31)), 0.4), (int(rng.integers(-30, 31)), chance)]
    return sum(height * np.exp(-0.5 * ((OFFSETS - at) / 3) ** 2) for at, height in peaks) + rng.normal(0, 0.02, 61)


def clips(names: dict[str, str], frames: int = 75) -> list[ClipInfo]:
    return [ClipInfo(id=name, speaker=who, shard="s", key="0", frames=frames) for name, who in names.items()]


@pytest.mark.parametrize("late", [-6, 0, 5, 8])
def test_clips_of_which_none_can_tell_tell_together(late):
    infos = clips({f"anna/{number}": "anna" for number in range(12)})
    curves = {clip.id: curve(late, seed) for seed, clip in enumerate(infos)}
    assert set(late_rows(infos, curves).values()) <= {late - 1, late, late + 1}
    alone = late_rows(infos[:2], curves)
    assert set(alone.values()) == {0}, "150 frames are too few"


def test_a_video_is_judged_by_itself_and_a_short_one_by_its_speaker():
    names = {f"anna/long@{12 * n}s": "anna" for n in range(12)} | {f"anna/{n}": "anna" for n in range(20)}
    infos = clips(names)
    curves = {clip.id: curve(8 if "long" in clip.id else -6, seed) for seed, clip in enumerate(infos)}
    late = late_rows([*infos, *clips({"bert/1": "bert"})], curves)
    assert all(abs(late[name] - 8) <= 1 for name in names if "long" in name)
    assert len({late[name] for name in names if "long" not in name}) == 1
    assert late["bert/1"] == 0


def test_what_is_read_is_in_step_and_nothing_reaches_across_a_cut(tmp_path):
    writer = ClipShardWriter(tmp_path / "clips", {"mel": 80})
    told = []
    for number in range(6):
        extras = {"sync": curve(5, number).astype(np.float32), "cuts": np.array([40], np.int32)}
        extras["note"] = np.frombuffer(b"a cut", np.uint8)
        writer.write_part(f"{number}", a_clip(80, 1000 * number) | extras)
        told.append((f"anna/{number}", "anna", f"{number}"))
    writer.write(0, told, recipe="r")
    corpus = MotionCorpus([writer.finish(1).path], "mel", "all")
    info = corpus.sources[0].index.clips[0]
    assert (info.late_rows, info.cuts, info.note) == (5, [40], "a cut")
    assert [(run.start, run.stop) for run in corpus.runs[:2]] == [(0, 40), (40, 77)]
    for run in corpus.runs:
        window = corpus.read(run)
        rows = window.landmarks[:, 0, 0]
        np.testing.assert_array_equal(window.audio[::2, 0], rows + 2)  # row 2t + 5 says frame t + 2
        np.testing.assert_array_equal(window.audio[1::2, 0], rows + 3)
