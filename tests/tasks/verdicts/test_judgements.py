"""What is judged of every family: made faces that are known to be good, guessed, all one, or learnt by heart."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.verdicts.findings import Limit
from tasks.verdicts.judgements import (
    LIMITS,
    against_chance,
    ahead_of,
    alike,
    counted,
    differences,
    faces_found,
    files,
    generalises,
    spread_of,
)


def chance(share, count, of=0.1):
    return against_chance("owner", "first", share, of, count, "Train longer.").verdict


def test_a_share_is_compared_with_guessing():
    assert chance(0.5, 40) == "good"
    assert chance(0.15, 40) == "fair", "more often than guessing, but so few cannot tell"
    assert chance(1.0, 4) == "fair", "of four persons nothing is sure"
    assert chance(0.1, 40) == "poor"
    assert chance(0.15, 4000) == "fair", "sure, and not twice as often"
    assert chance(0.9, 40, of=0.5) == "good", "half-way from guessing to always"
    assert chance(0.6, 4000, of=0.5) == "fair"
    assert chance(1.0, 5, of=1.0) == "not measured", "one to choose from"
    finding = against_chance("owner", "first of 10 faces", 0.15, 0.1, 40, "Train longer.")
    said = "first of 10 faces in 15.0% (7.1% to 29.1%); guessing: 10.0%; so few cannot tell it from guessing"
    assert finding.said == said


def test_a_figure_is_compared_with_what_needs_no_network():
    rng = np.random.default_rng(0)
    base, groups = rng.normal(0.5, 0.1, 60), np.arange(60) // 2

    def verdict(more):
        others = differences(base + more, {"mean face": base}, groups)
        return ahead_of("nearer", "cosine", 0.5, others, "Train.").verdict

    assert verdict(0.1) == "good"
    assert verdict(rng.normal(0.01, 0.2, 60)) in ("fair", "poor")
    assert verdict(-0.1) == "poor"
    figures = ahead_of("nearer", "cosine", 0.6, differences(base + 0.1, {"mean face": base}, groups), "Train.").figures
    assert figures["ahead_of_mean_face"] == pytest.approx(0.1)
    assert figures["mean_face"] == pytest.approx(base.mean())


def test_faces_that_all_look_alike_are_told():
    real = np.random.default_rng(0).normal(size=(20, 8, 8))
    assert spread_of(real) == pytest.approx(8, rel=0.1), "64 deviations of 1"
    verdicts = [alike({"faces": (share * real, real)}, 20, "Train.").verdict for share in (0.9, 0.3, 0.01)]
    assert verdicts == ["good", "fair", "poor"]
    both = alike({"faces": (real, real), "features": (0.01 * real, real)}, 20, "Train.")
    assert (both.verdict, both.figures["spread_faces"]) == ("poor", 1.0)
    assert alike({"faces": (real[:1], real[:1])}, 1, "Train.").verdict == "not measured"


def test_what_is_learnt_by_heart_is_told():
    assert generalises("cosine", 0.9, 0.8, "More data.").verdict == "good"
    assert generalises("cosine", 0.9, 0.52, "More data.", base=0.5).verdict == "poor", "0.5 looks at nothing"
    assert generalises("cosine", 0.5, 0.5, "More data.", base=0.5).verdict == "not measured", "nothing was learnt"


def test_data_is_counted():
    told = files(6, {"a.wav": "no speech in it (0.1 s)", "b.wav": "no speech in it (0.2 s)"}, "sounds", "Look.")
    assert (told.verdict, told.figures) == ("fair", {"kept": 0.75, "skipped": 2})
    assert told.said == "6 of 8 sounds could be used, 75% (good from 90%); left out: 2 x no speech in it"
    assert files(9, 1, "photos", "Look.").verdict == "good"
    both = counted("pairs", {"few": (10, Limit(100, 5)), "many": (1, Limit(1, 0))}, "10", "Too few.", "Give more.")
    assert (both.verdict, both.figures) == ("fair", {"few": 10, "many": 1})


def test_faces_are_looked_for_in_real_ones_too():
    assert faces_found(0.5, 0.5, 8, "Train.").verdict == "good"
    assert faces_found(0.1, 1.0, 8, "Train.").verdict == "poor"
    assert faces_found(0.0, 0.0, 8, "Train.").verdict == "not measured", "a detector that knows no such faces"


def test_limits_point_one_way():
    assert all((limit.good > limit.fair) == limit.rising for limit in LIMITS.values())
