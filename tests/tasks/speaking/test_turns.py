"""Footage is turned round where the head hardly moves and the eyes are open."""

from __future__ import annotations

import numpy as np

from tasks.speaking.turns import BLOCK, Path, find_turns, path_of
from tests.made import make_video_dataset


def nodding(frames: int, blinks: tuple[int, ...] = ()) -> Path:
    """Return a head that nods once in 50 frames, from rest, and so rests in every 25th."""
    places = np.cos(np.arange(frames) * np.pi / 25)[:, None]
    blinking = np.isin(np.arange(frames), blinks)
    return Path(places, blinking, unsteady=2 * float(np.abs(np.diff(places, 2, axis=0)).max()))


def test_it_turns_where_the_head_rests_and_at_the_ends():
    turns = find_turns(nodding(120))
    assert turns.frames.tolist() == [0, 25, 50, 75, 100, 119]
    assert turns.jolts[1:-1].max() < 1 < turns.jolts[-1]


def test_it_does_not_turn_in_a_blink():
    assert 50 not in find_turns(nodding(120, blinks=(49, 50, 51))).frames


def test_there_is_one_turn_in_so_many_frames_of_a_head_that_never_moves():
    still = Path(np.zeros((100, 2)), np.zeros(100, bool), 1.0)
    turns = find_turns(still)
    assert len(turns.frames) <= 100 / BLOCK + 2
    assert {0, 99} <= set(turns.frames.tolist())


def test_a_head_that_sways_is_seen_to(tmp_path):
    """The made head turns to and fro as sin(t / 9): it is slowest 9 * pi / 2 frames from the middle."""
    video = make_video_dataset(tmp_path / "made", frames=60, size=32)
    path = path_of(video, 0, 30)
    speed = np.linalg.norm(np.diff(path.places, axis=0), axis=1)
    assert abs(int(speed.argmin()) - 9 * np.pi / 2) < 1
    assert not path.blinks.any()
