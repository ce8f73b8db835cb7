"""A batch is a function of seed, number and rank; what cannot be made says why."""

from __future__ import annotations

import numpy as np

from tasks.core.batches import FixedBatches, RefusedBatch, StepBatches
from utils.errors import DataError


class Numbers:
    """Draw three numbers."""

    def batch(self, rng):
        return rng.random(3)


class Broken:
    """Have nothing to draw from."""

    def batch(self, rng):
        raise DataError("clip.mp4 is gone")


def test_a_batch_follows_from_seed_number_and_rank():
    batches = StepBatches(Numbers(), seed=7, rank=0)
    np.testing.assert_array_equal(batches[5], np.random.default_rng([7, 5, 0]).random(3))
    np.testing.assert_array_equal(batches[5], StepBatches(Numbers(), seed=7, rank=0)[5])
    others = (batches[6], StepBatches(Numbers(), 8, 0)[5], StepBatches(Numbers(), 7, 1)[5])
    assert not any(np.array_equal(batches[5], other) for other in others)
    by_heart = StepBatches(Numbers(), 7, 0, one_batch=True)
    np.testing.assert_array_equal(by_heart[5], by_heart[0])


def test_a_batch_that_cannot_be_made_says_why():
    assert StepBatches(Broken(), 7, 0)[0] == RefusedBatch("clip.mp4 is gone")


def test_validation_batches_are_shared_out_and_none_waits():
    shares = [FixedBatches("abcde", rank, 2) for rank in range(2)]
    assert [[share[i] for i in range(len(share))] for share in shares] == [["a", "c", "e"], ["b", "d"]]
    alone = FixedBatches("a", 1, 2)
    assert [alone[i] for i in range(len(alone))] == ["a"], "a process with nothing to do would keep the others waiting"
