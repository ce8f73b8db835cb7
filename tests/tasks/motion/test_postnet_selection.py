"""The step of a postnet is chosen from its curves, and a collapsed one never is."""

from __future__ import annotations

import json
import math

import pytest

from tasks.core.checkpoints import best_step, find_checkpoint
from tasks.motion.postnet_selection import Parts, Selection, is_collapsed, score
from utils.errors import DataError


def part(step: int, **changed: float | None) -> Parts:
    """Return a validation that refined nothing, with a critic in doubt, but for what is changed."""
    made = Parts(step, 0.04, 0.04, 0.2, 0.2, 0.5, 0.5, 0.6, 0.7)
    return made._replace(**changed)  # type: ignore[arg-type]


def typical(step: int) -> Parts:
    """Return a made training: mse and sync fall until step 4,000 and rise again; the critic is fooled by then."""
    away = abs(step - 4000) / 10_000
    told = max(0.0, 0.4 - step / 10_000)
    return part(step, mse=0.03 + 0.02 * away, sync=0.12 + 0.1 * away, critic_refined=0.5 - told, critic_own=0.5 + told)


def test_a_step_that_refines_nothing_scores_two_at_once():
    assert score(part(0), 1000, 0.1) == pytest.approx(2.0)
    assert score(part(1000), 1000, 0.1) == pytest.approx(2.2)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (part(5, mse=0.03), part(5)),
        (part(5, sync=0.1), part(5)),
        (part(5), part(5, critic_refined=0.1)),
        (part(5), part(5, critic_own=0.9)),
        (part(5), part(6)),
    ],
)
def test_each_principle_counts(better, worse):
    assert score(better, 1000, 0.1) < score(worse, 1000, 0.1)


def test_the_step_at_the_bottom_of_made_curves_is_chosen(tmp_path):
    selection = Selection(tmp_path, 10_000, 0.1)
    for step in range(1000, 10_001, 1000):
        selection.add(typical(step))
    assert selection.chosen() == 4000
    assert selection.collapsed() == []


def test_a_collapsed_step_is_never_chosen_however_good_its_losses(tmp_path):
    selection = Selection(tmp_path, 10_000, 0.1)
    for step in range(1000, 6001, 1000):
        selection.add(typical(step))
    for step in (7000, 8000):
        selection.add(part(step, mse=0.001, sync=0.001, variance_ratio=0.02))
    assert selection.collapsed() == [7000, 8000]
    assert selection.chosen() == 4000
    assert math.isnan(selection.scores()[-1])
    assert is_collapsed(part(1, variance_ratio=math.nan), 0.1)


def test_landmarks_that_came_in_still_are_no_collapse_of_the_refiner():
    assert not is_collapsed(part(1, variance_ratio=0.0, variance_ratio_before=0.0), 0.1)
    assert not is_collapsed(part(1, variance_ratio=0.05, variance_ratio_before=0.06), 0.1)
    assert is_collapsed(part(1, variance_ratio=0.005, variance_ratio_before=0.06), 0.1)
    assert is_collapsed(part(1, variance_ratio=0.09, variance_ratio_before=3.0), 0.1)


def test_nothing_is_chosen_when_all_are_collapsed(tmp_path):
    selection = Selection(tmp_path, 100, 0.1)
    selection.add(part(50, variance_ratio=0.0))
    assert selection.chosen() is None
    selection.draw()
    assert (tmp_path / "selection.png").stat().st_size > 5000


def test_a_recipe_without_critic_or_sync_is_scored_by_the_rest():
    bare = part(0, sync=None, sync_before=None, critic_refined=None, critic_own=None)
    assert score(bare, 1000, 0.1) == pytest.approx(1.0)


def test_what_was_written_is_read_back_and_goes_on(tmp_path):
    first = Selection(tmp_path, 10_000, 0.1)
    for row in (typical(1000), part(2000, sync=None, sync_before=None), part(3000, variance_ratio=math.nan)):
        first.add(row)
    told = json.loads((tmp_path / "selection.json").read_text())
    assert told["chosen"] == first.chosen()
    assert told["collapsed"] == [3000]
    assert [row["step"] for row in told["validations"]] == [1000, 2000, 3000]
    assert told["validations"][2]["score"] is None
    again = Selection(tmp_path, 10_000, 0.1)
    again.load(until=2000)
    assert [row.step for row in again.rows] == [1000, 2000]
    again.add(typical(3000))
    assert again.scores()[:2] == first.scores()[:2]
    (tmp_path / "selection.json").write_text("{")
    damaged = Selection(tmp_path, 10_000, 0.1)
    damaged.load(until=2000)
    assert damaged.rows == []


def test_the_picture_shows_the_chosen_step_and_the_collapsed_ones(tmp_path):
    selection = Selection(tmp_path, 10_000, 0.1)
    for step in range(1000, 6001, 1000):
        selection.add(typical(step))
    selection.add(part(7000, variance_ratio=0.02))
    figure = selection._figure()
    assert "step 4000" in figure.axes[0].get_title()
    assert "collapsed" in figure.axes[0].get_title()
    marks = [line.get_xdata()[0] for line in figure.axes[0].lines if list(line.get_ydata()) == [0, 1]]
    assert sorted(marks) == [4000, 7000]


def test_inference_refuses_a_run_whose_every_step_is_collapsed(tmp_path):
    for step in (1, 2):
        (tmp_path / f"model_ckpt_steps_{step}.ckpt").touch()
    (tmp_path / "config.yaml").write_text("valid_monitor_key: val/selection_score\nvalid_monitor_mode: min\n")
    index = tmp_path / "checkpoints.json"
    index.write_text(json.dumps({"1": {"val/selection_score": math.nan}, "2": {"val/selection_score": 1.9}}))
    assert best_step(tmp_path, "val/selection_score", "min") == 2
    assert find_checkpoint(tmp_path, "best").name == "model_ckpt_steps_2.ckpt"
    index.write_text(json.dumps({str(step): {"val/selection_score": math.nan} for step in (1, 2)}))
    with pytest.raises(DataError, match="val/selection_score is no number at any step"):
        find_checkpoint(tmp_path, "best")
    assert find_checkpoint(tmp_path, 1).name == "model_ckpt_steps_1.ckpt"
