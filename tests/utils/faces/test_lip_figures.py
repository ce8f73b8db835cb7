"""Lips whose closures and trembling are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from utils.faces.landmarks import MEAN_FACE
from utils.faces.lip_figures import Stretch, lip_figures

PERIOD = 20
FRAMES = 200


def faces(opening: np.ndarray) -> np.ndarray:
    """Return faces (T, 68, 3) whose inner lips are so far apart, eye distances."""
    points = np.tile(MEAN_FACE.astype(np.float64), (len(opening), 1, 1))
    for above, below in ((61, 67), (62, 66), (63, 65)):
        points[:, below] = points[:, above]
        points[:, below, 1] -= opening
    return points


def speech() -> np.ndarray:
    """Return an opening (200,) that is wide for 17 frames and shut for 3, ten times: the last is a rest, no closure."""
    return np.where(np.arange(FRAMES) % PERIOD < 17, 0.2, 0.0)


def test_lips_that_do_as_the_real_ones_do_meet_and_do_not_tremble():
    figures = lip_figures([Stretch(faces(speech()), faces(speech()))])
    assert figures == {"closures": 9, "closure_recall": 1, "closed_wrongly": 0, "trembling": pytest.approx(1)}


def test_closures_that_are_missed_are_counted():
    opening = speech()
    opening[[17, 18, 19, 37, 38, 39, 57, 58, 59]] = 0.1  # of nine closures three
    figures = lip_figures([Stretch(faces(opening), faces(speech()))])
    assert figures["closure_recall"] == pytest.approx(6 / 9)
    assert figures["closed_wrongly"] == 0


def test_a_mouth_that_never_opens_meets_always_and_wrongly():
    figures = lip_figures([Stretch(faces(np.zeros(FRAMES)), faces(speech()))])
    assert (figures["closure_recall"], figures["closed_wrongly"], figures["trembling"]) == (1, 1, 0)


def test_a_mumbling_mouth_never_meets():
    figures = lip_figures([Stretch(faces(np.full(FRAMES, 0.08)), faces(speech()))])
    assert figures["closure_recall"] == 0


@pytest.mark.parametrize(("late", "recall"), [(0, 1), (3, 1), (4, 0), (8, 0)])
def test_lips_that_meet_at_another_time_do_not_meet(late, recall):
    # shut for three frames, and one of slack: four frames late there is nothing in common
    figures = lip_figures([Stretch(faces(np.roll(speech(), late)), faces(speech()))])
    assert figures["closure_recall"] == recall


def test_what_is_said_decides_which_closures_count():
    opening = speech()
    opening[37:40] = 0.1
    both = faces(opening), faces(speech())
    assert lip_figures([Stretch(*both, [(16, 21), (36, 41)])])["closure_recall"] == 0.5
    unsaid = lip_figures([Stretch(*both, [(5, 10), (-9, -4), (500, 505)])])  # the real lips are apart, or unseen
    assert unsaid["closures"] == 0
    assert math.isnan(unsaid["closure_recall"])


def test_lips_that_rest_say_nothing():
    opening = np.where(np.arange(FRAMES) % 40 < 25, 0.2, 0.0)  # shut for 15 frames
    assert lip_figures([Stretch(faces(opening), faces(opening))])["closures"] == 0


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_a_trembling_mouth_is_told_in_any_unit_and_wherever_it_is(scale):
    wave = 0.1 + 0.05 * np.sin(2 * np.pi * np.arange(FRAMES) / 25)
    real = scale * faces(wave)
    sign = (-1.0) ** np.arange(FRAMES)
    shaken = real.copy()
    shaken[:, 48:68, 0] += scale * sign[:, None] * np.where(np.arange(20) % 2, 0.01, -0.01)
    moved = shaken + scale * np.arange(FRAMES)[:, None, None] ** 2  # the head speeds up, the mouth in it does not
    figures = [lip_figures([Stretch(one, real)])["trembling"] for one in (real, shaken, moved)]
    assert figures[0] == pytest.approx(1)
    assert figures[1] > 5
    assert figures[2] == pytest.approx(figures[1])


def test_faces_that_were_not_found_are_left_out():
    real, drawn = faces(speech()), faces(speech())
    drawn[30:45] = np.nan
    real[110] = np.nan
    figures = lip_figures([Stretch(drawn, real)])
    assert (figures["closures"], figures["closure_recall"], figures["trembling"]) == (8, 1, pytest.approx(1))
    nothing = lip_figures([Stretch(drawn * np.nan, real)])
    assert nothing["closures"] == 0
    assert math.isnan(nothing["trembling"])
    assert lip_figures([Stretch(drawn, real * np.nan)])["closures"] == 0


def test_stretches_are_judged_together_without_a_leap_between_them():
    still = [Stretch(faces(speech() + 0 * k), faces(speech()) + k) for k in range(2)]
    figures = lip_figures(still)
    assert (figures["closures"], figures["trembling"]) == (18, pytest.approx(1))
