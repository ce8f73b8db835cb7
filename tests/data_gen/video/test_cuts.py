from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from data_gen.video.cuts import find_cuts, frame_changes, refuse_without_runs
from data_gen.video.job import VideoJob, first_held_out
from utils.errors import DataError


def moving(frames: int, jump: int | None = None, seed: int = 0) -> list[np.ndarray]:
    """Draw a bright disc that sways; at `jump` it leaps by seven of 128 pixels, as in a jump cut."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:128, 0:128]
    pictures = []
    for index in range(frames):
        x = 64 + 6 * np.sin(index / 12) + (7 if jump is not None and index >= jump else 0)
        disc = (xx - x) ** 2 + (yy - 60) ** 2 < 900
        noise = rng.integers(0, 6, (128, 128))
        pictures.append(np.repeat((40 + 150 * disc + noise).astype(np.uint8)[..., None], 3, axis=2))
    return pictures


def test_a_jump_cut_within_a_shot_is_found():
    assert find_cuts(frame_changes(moving(80, jump=47))) == [47]


def test_motion_alone_is_no_cut():
    assert find_cuts(frame_changes(moving(80))) == []


def test_frames_dropped_or_repeated_by_a_change_of_rate_are_no_cuts():
    frames = moving(120)
    assert find_cuts(frame_changes(frame for index, frame in enumerate(frames) if index % 6)) == []
    assert find_cuts(frame_changes(frames[index * 3 // 5] for index in range(120))) == []


def test_a_new_picture_is_a_cut_at_its_first_frame():
    frames = moving(30) + [255 - frame for frame in moving(30)]
    assert find_cuts(frame_changes(frames)) == [30]


def test_a_video_that_training_could_not_use_is_refused_with_the_part_and_the_length_it_takes():
    assert [first_held_out(frames) for frames in (50, 115, 1000)] == [38, 103, 900]
    job = VideoJob("a", Path("a.mp4"))
    refuse_without_runs(job, [20, 40], 60)
    refuse_without_runs(job, [950], 1000)
    with pytest.raises(DataError) as error:
        refuse_without_runs(job, [52], 60)
    assert str(error.value) == (
        "a.mp4: from 1.9 to 2.4 s, the part to validate on, no shot lasts 0.48 s. "
        "Use a longer video, or another part of it (--start_s, --duration_s)."
    )
    with pytest.raises(DataError, match=r"from 0.0 to 1.5 s, the part to learn from"):
        refuse_without_runs(job, [10, 20, 30], 50)


def test_what_is_left_out_is_no_run_and_what_is_held_out_is_counted_in_frames_that_are_used():
    job = VideoJob("a", Path("a.mp4"))
    refuse_without_runs(job, [], 1000, [(940, 950)])
    refuse_without_runs(job, [], 1000, [(900, 1000)])
    gaps = [(start, start + 10) for start in range(810, 1000, 20)]  # what is between them is too short
    with pytest.raises(DataError, match=r"the part to validate on, no shot with a face in it lasts 0\.48 s"):
        refuse_without_runs(job, [], 1000, gaps)
    refuse_without_runs(dataclasses.replace(job, val_seconds=10), [], 1000, gaps)
    refuse_without_runs(dataclasses.replace(job, val_seconds=60), [], 1000, gaps)  # told later, with both lengths
    with pytest.raises(DataError, match="the part to learn from"):
        refuse_without_runs(job, [], 120, [(8, 100)])
