from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_gen.stages import Done
from data_gen.video.job import VideoJob
from data_gen.video.stage import Bench, Stage
from utils.errors import DataError
from utils.files.arrays import save_arrays


@pytest.fixture
def bench(tmp_path) -> Bench:
    """Lay a bench on which the stage `plate` is done."""
    np.save(tmp_path / "torso_frames.npy", np.full((2, 3, 3), 7, np.uint8))  # as earlier versions did
    save_arrays(tmp_path / "arrays.safetensors", {"changes": np.arange(3.0)})
    done = Done("plate", tmp_path, {"background_seen": 0.5}, "abc", 1.0)
    return Bench(VideoJob("anna", Path("a.mp4")), {"plate": done}, (0, 0, 0))


def test_a_stage_finds_what_the_ones_before_it_left(bench):
    assert bench.pictures("plate", "torso_frames")[1].tolist() == np.full((3, 3), 7).tolist()
    assert bench.arrays("plate")["changes"].tolist() == [0, 1, 2]
    assert bench.summary("plate") == {"background_seen": 0.5}


@pytest.mark.parametrize("damage", ["gone", "torn"])
def test_a_file_that_cannot_be_read_is_named_with_the_stage_to_do_again(bench, damage):
    path = bench.done["plate"].folder / "torso_frames.npy"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"no array")
    with pytest.raises(DataError, match=r"torso_frames\..* cannot be read .*Run the command again with --redo plate\."):
        bench.pictures("plate", "torso_frames")


def test_a_stage_of_no_settings_depends_on_those_before_it_alone():
    stage = Stage("cuts", 1, lambda bench, folder, tick: {}, needs=("convert",))
    assert stage.settings(VideoJob("anna", Path("a.mp4"), size=64)) == {}


def test_what_is_left_out_is_a_shot_of_its_own(tmp_path):
    summaries = {"convert": {"frames": 50}, "cuts": {"cuts": [5, 20, 22]}, "landmarks": {"left_out": [[20, 30]]}}
    done = {name: Done(name, tmp_path, summary, "abc", 1.0) for name, summary in summaries.items()}
    bench = Bench(VideoJob("anna", Path("a.mp4")), done, (0, 0, 0))
    assert (bench.left_out(), bench.cuts(), int(bench.kept().sum())) == ([(20, 30)], [5, 20, 30], 40)
    before = Bench(bench.job, done | {"landmarks": Done("landmarks", tmp_path, {}, "abc", 1.0)}, (0, 0, 0))
    assert (before.left_out(), before.cuts(), bool(before.kept().all())) == ([], [5, 20, 22], True)
