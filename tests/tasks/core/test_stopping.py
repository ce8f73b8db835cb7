"""Training ends early, and remembers why."""

from __future__ import annotations

from tasks.core.stopping import EarlyStopper


def test_early_stopping_counts_and_remembers():
    stopper = EarlyStopper(1)
    assert [stopper.see(x) for x in (3.0, 2.0, 2.5)] == [False, False, False]
    again = EarlyStopper(1)
    again.load(stopper.state())
    assert again.see(2.0)
    assert again.state()["stopped"]
    again.restart()
    assert not again.see(9.0)
    assert not any(EarlyStopper(0).see(1.0) for _ in range(10))
