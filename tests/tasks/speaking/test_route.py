"""Footage goes on for as long as anyone speaks, without a jump, and rests and speaks with the sound."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.speaking.route import AHEAD, DWELL, Route
from tasks.speaking.turns import Turns

FRAMES = 400
RESTS = np.zeros(FRAMES, np.float32)
RESTS[100:160] = 1  # the person speaks, rests, speaks
TURNS = Turns(np.append(np.arange(0, FRAMES, 12), FRAMES - 1), np.full(35, 0.2, np.float32))


def route(silence: np.ndarray | None = None, turns: Turns = TURNS) -> Route:
    made = Route(turns, RESTS)
    if silence is not None:
        made.hear(silence, 0)
    return made


def pauses(frames: int, *spans: tuple[int, int]) -> np.ndarray:
    silence = np.zeros(frames, np.float32)
    for start, stop in spans:
        silence[start:stop] = 1
    return silence


def test_a_frame_is_followed_by_its_neighbour_and_turned_only_where_it_may_be():
    shown = route(pauses(3000, (200, 260), (700, 780), (1500, 1530))).frames(0, 3000)
    steps = np.diff(shown)
    assert set(steps) == {-1, 1}
    turned = shown[1:-1][steps[1:] != steps[:-1]]
    assert len(turned) > 5
    assert np.isin(turned, TURNS.frames).all()


def test_it_rests_while_nobody_speaks_and_speaks_while_somebody_does():
    silence = pauses(1500, (200, 250), (600, 650), (1100, 1150))
    shown = route(silence).frames(0, 1500)
    agree = (RESTS[shown] == silence).mean()
    forth_and_back = np.abs((np.arange(1500) + FRAMES - 1) % (2 * FRAMES - 2) - FRAMES + 1)
    assert agree > 0.9 > (RESTS[forth_and_back] == silence).mean()


def test_it_begins_where_the_footage_does_what_the_sound_begins_with():
    assert RESTS[route(pauses(100, (0, 100))).frames(0, 1)[0]] == 1
    assert RESTS[route(pauses(100)).frames(0, 1)[0]] == 0


def test_a_rough_turn_is_left_alone_and_two_never_follow_at_once():
    rough = Turns(TURNS.frames, np.where(TURNS.frames % 24, 99.0, 0.2).astype(np.float32))
    shown = route(pauses(3000, (500, 560), (1500, 1560)), rough).frames(0, 3000)
    at = 1 + np.flatnonzero(np.diff(shown)[1:] != np.diff(shown)[:-1])
    assert not (shown[at] % 24)[~np.isin(shown[at], (0, FRAMES - 1))].any()
    assert np.diff(at).min() >= DWELL


@pytest.mark.parametrize("piece", [4, 37, 1000])
def test_how_it_is_asked_for_changes_nothing(piece):
    silence = pauses(1000, (300, 340))
    whole, pieces = route(silence).frames(0, 1000), route(silence)
    parts = [pieces.frames(start, min(start + piece, 1000)) for start in range(0, 1000, piece)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_what_was_decided_stays_and_a_pause_that_is_heard_late_is_followed():
    late = route(pauses(20))
    before = late.frames(0, 20)
    late.hear(pauses(200, (20, 200)), 0)
    np.testing.assert_array_equal(late.frames(0, 20), before)
    assert RESTS[late.frames(20, 200)].mean() > RESTS[route(pauses(200)).frames(20, 200)].mean()


def test_what_is_kept_grows_neither_with_the_speech_nor_with_the_footage(monkeypatch):
    kept = 700  # of the 4096 that are kept
    monkeypatch.setattr("tasks.speaking.route.KEPT", kept)
    long = Route(Turns(np.arange(0, 50000, 12), np.full(4167, 0.2, np.float32)), np.zeros(50000, np.float32))
    assert long._costs(20000, 20000 + 2 * AHEAD, 0).size < 10**4
    made = route()
    for start in range(0, 4 * kept, 512):
        made.hear(pauses(512), start)
        made.frames(start, start + 512)
    assert len(made._shown) < kept + 1100
    assert len(made._heard) < kept + 1100
    with pytest.raises(ValueError, match="frame 0 was forgotten"):
        made.frames(0, 1)


def test_the_shortest_footage_goes_forth_and_back():
    short = Route(Turns(np.array([0, 2]), np.full(2, 5, np.float32)), np.zeros(3, np.float32))
    assert short.frames(0, 7).tolist() in ([0, 1, 2, 1, 0, 1, 2], [2, 1, 0, 1, 2, 1, 0], [1, 2, 1, 0, 1, 2, 1])
