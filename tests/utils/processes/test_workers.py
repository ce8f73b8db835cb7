"""Work in parallel gives what work in turn gives, and lets go of everything."""

from __future__ import annotations

import os
import sys

import pytest

from utils.processes.workers import ONE_THREAD, WorkerPool, in_parallel, native_noise_muted


def test_results_come_in_order_and_few_are_begun_ahead():
    begun = []

    def items():
        for number in range(100):
            begun.append(number)
            yield number

    results = in_parallel(lambda number: number * number, items())
    assert next(results) == 0
    assert len(begun) <= 20
    assert list(results) == [number * number for number in range(1, 100)]


def test_an_error_of_one_item_is_raised_at_its_place():
    results = in_parallel(lambda number: 1 // (3 - number), range(9))
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_pool_sets_one_thread_and_gives_the_variables_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with WorkerPool(1) as pool:
        inside = list(pool.map(os.getenv, ONE_THREAD))
    assert inside == ["1"] * len(ONE_THREAD)
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "MKL_NUM_THREADS" not in os.environ


def test_noise_of_native_libraries_is_dropped(capfd):
    with native_noise_muted():
        os.write(2, b"noise")
    os.write(2, b"word")
    sys.stderr.flush()
    assert capfd.readouterr().err == "word"
