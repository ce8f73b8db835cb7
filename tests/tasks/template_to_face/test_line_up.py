"""A line-up is won by who is alike, by chance else, and by the same people each time."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.template_to_face.line_up import DRAWS, line_up_table, line_ups
from utils.faces.recogniser import units

WHOSE = np.repeat(np.arange(12), 4)


def photos() -> np.ndarray:
    rng = np.random.default_rng(0)
    people = rng.normal(size=(12, 32))
    return units(people[WHOSE] + 0.2 * rng.normal(size=(48, 32)))


def test_the_person_is_picked_and_a_stranger_by_chance():
    true = photos()
    noise = units(np.random.default_rng(1).normal(size=true.shape))
    figures = line_ups({"true": true, "noise": noise}, true, WHOSE)
    assert figures["people"] == 10
    assert figures["chance"] == pytest.approx(0.1)
    assert figures["line_ups"] == 48 * DRAWS
    for which in ("same_photo", "another_photo"):
        assert figures["true"][which]["mean"] == 1
        assert figures["noise"][which]["low"] < 0.1 < figures["noise"][which]["high"]
    assert figures == line_ups({"true": true, "noise": noise}, true, WHOSE)


def test_somebody_else_is_never_the_right_one():
    true = photos()
    figures = line_ups({"another": np.roll(true, 4, axis=0)}, true, WHOSE, people=12)
    assert figures["another"]["same_photo"]["mean"] == 0


def test_a_probe_like_everyone_picks_nobody():
    true = np.tile(units(np.ones((1, 8))), (48, 1))
    assert line_ups({"all": true}, true, WHOSE)["all"]["same_photo"]["mean"] == 0


def test_few_people_stand_in_a_smaller_line_up():
    true = photos()
    figures = line_ups({"true": true[:8]}, true[:8], WHOSE[:8])
    assert (figures["people"], figures["chance"]) == (2, 0.5)
    assert line_ups({"true": true[:4]}, true[:4], WHOSE[:4]) == {}
    assert line_up_table({}) == []


def test_nobody_has_another_photo():
    true = photos()[::4]
    figures = line_ups({"true": true}, true, WHOSE[::4])
    assert figures["true"]["another_photo"] is None
    assert line_up_table(figures)[-2] == "| true | 100.0 (100.0 to 100.0) % | - |"
    assert line_up_table(figures)[0] == (
        "Picked out of 10 people by a face (by chance 10.0 %), 240 line-ups drawn with seed 0:"
    )
