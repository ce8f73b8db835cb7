"""In which order the stages of a person are trained when two may be at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tasks.person.plan import Step
from tasks.person.runs import HEARING, NEEDS


class Order:
    """Hand out stages to those who train them, each once, and none before what it needs is trained.

    Args:
        stages: All there are, none before what it needs.
    """

    def __init__(self, stages: Sequence[Step]) -> None:
        self._waiting = list(stages)
        self._undone = {stage.name for stage in stages}
        self._changed = threading.Condition()

    def next(self, *, hears: bool | None = None) -> Step | None:
        """Return the next stage, once there is one that can begin; None when none is left, or none is to begin.

        Args:
            hears: Prefer those that listen, or those that do not.
        """
        with self._changed:
            while self._waiting:
                ready = [s for s in self._waiting if not self._undone.intersection(NEEDS.get(s.name, ()))]
                if ready:
                    stage = next((s for s in ready if (s.name in HEARING) == hears), ready[0])
                    self._waiting.remove(stage)
                    return stage
                self._changed.wait()
            return None

    def done(self, stage: Step) -> None:
        """Let begin what needed a stage."""
        with self._changed:
            self._undone.discard(stage.name)
            self._changed.notify_all()

    def stop(self) -> None:
        """Let nothing begin any more."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()


def time_of(stages: Sequence[Step], seconds: Callable[[Step], float], at_once: int) -> float:
    """Return how many seconds stages take from now on when so many are trained at a time; see `Order`."""
    free, ends, waiting = [0.0] * at_once, dict[str, float](), list(stages)
    while waiting:
        row = free.index(min(free))
        names = {stage.name for stage in waiting}
        ready = [stage for stage in waiting if not names.intersection(NEEDS.get(stage.name, ()))]
        begins = [max([free[row], *(ends.get(name, 0.0) for name in NEEDS.get(s.name, ()))]) for s in ready]
        hears = [at_once > 1 and (stage.name in HEARING) != (row == 0) for stage in ready]
        began, _, number = min(zip(begins, hears, range(len(ready)), strict=True))
        ends[ready[number].name] = free[row] = began + seconds(ready[number])
        waiting.remove(ready[number])
    return max(free)
