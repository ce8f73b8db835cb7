"""Which frame of the footage is shown when: on and on, without a jump, speaking while there is speech.

The footage is played forth and back between turns (`tasks.speaking.turns`). Which of them are taken is planned for the
next seconds, anew every few frames: what is shown should rest while nobody speaks and speak while somebody does, what
was shown a moment ago should not come again soon, and a turn should not be seen. No more is kept of a speech than its
last minutes, and of the footage a few numbers a frame.
"""

from __future__ import annotations

import numpy as np

from tasks.speaking.turns import Turns
from utils.arrays import Floats, Ints

AHEAD = 150
"""Frames that are planned: so early a pause is seen coming, and a turn is sought before the footage ends."""
STEP = 8
"""Frames of a plan that are kept before it is made anew, with what has been heard since."""
TURN, JOLT = 2.0, 4.0
"""What a turn costs, and what it costs more where it is as rough as it may be. A frame costs 1 that rests while there
is speech, or speaks while there is none."""
BACKWARDS = 0.1
"""What a frame costs that is played backwards: lids and breath go the wrong way."""
AGAIN, FADES = 0.2, 500.0
"""What it costs to show a frame once more at once, and after how many frames a third of that is left."""
DWELL, HASTY = 15, 8.0
"""What a turn costs more that comes within so many frames of another: two look like a tremor."""
KEPT = 4096
"""Frames of the film before the last one asked for that can be asked for again."""


class Route:
    """Decide frame by frame which of n frames of the footage is shown; the same for the same sound.

    Args:
        turns: Where the footage may be turned round; at its ends it must be.
        rests: (n,) from 0, the person speaks, to 1, they rest.
    """

    def __init__(self, turns: Turns, rests: Floats) -> None:
        self.rests = rests
        self.turning = np.full(len(rests), np.inf)
        self.turning[turns.frames] = TURN + JOLT * turns.jolts
        self._last_shown = np.full(len(rests), -(10**9), np.int64)
        self._turned = -DWELL
        self._backwards = False
        self._shown = np.zeros(0, np.int64)
        self._begin = 0
        self._heard = np.zeros(0, np.float32)
        self._heard_begin = 0

    def hear(self, silence: Floats, first: int) -> None:
        """Take note of how far nobody speaks, (T,) 0..1, from output frame `first` on; what was decided stays."""
        before = self._heard[: max(0, first - self._heard_begin)]
        self._heard_begin = self._heard_begin if len(before) else first
        self._heard = np.concatenate([before, silence])

    def frames(self, start: int, stop: int) -> Ints:
        """Return the frames of the footage (stop - start,) that are shown in output frames [start, stop)."""
        if start < self._begin:
            raise ValueError(f"frame {start} was forgotten; kept is what begins with {self._begin}")
        plans = [self._shown]
        end = self._begin + len(self._shown)
        while end < stop:
            plans.append(self._plan(int(plans[-1][-1]) if end else None, end))
            end += len(plans[-1])
        shown = np.concatenate(plans)
        forgotten = max(0, start - KEPT - self._begin)
        wanted = shown[start - self._begin : stop - self._begin].copy()
        self._shown, self._begin = shown[forgotten:].copy(), self._begin + forgotten
        unheard = max(0, min(start - KEPT - self._heard_begin, len(self._heard) - 1))
        self._heard, self._heard_begin = self._heard[unheard:].copy(), self._heard_begin + unheard
        return wanted

    def _plan(self, place: int | None, first: int) -> Ints:
        """Return the footage's frames (STEP,) after `place`, of output frames from `first` on.

        At the beginning there is no place: any costs nothing, and the one is returned that suits what is said first.
        """
        if place is None:
            onwards = self._costs(0, len(self.rests), first)[0][0]
            return np.array([onwards.argmin()])
        low, high = max(0, place - AHEAD - STEP), min(len(self.rests), place + AHEAD + STEP + 1)
        costs, turning = self._costs(low, high, first), self.turning[low:high]
        here = place - low
        shown = np.empty(STEP, np.int64)
        for index, ways in enumerate(costs):
            step = -1 if self._backwards else 1
            turned = turning[here] + HASTY * (first + index < self._turned + DWELL)
            ends = not 0 <= here + step < high - low
            if ends or turned + ways[int(not self._backwards), here - step] < ways[int(self._backwards), here + step]:
                self._backwards, self._turned, step = not self._backwards, first + index, -step
            here += step
            shown[index] = here + low
            self._last_shown[here + low] = first + index
        return shown

    def _costs(self, low: int, high: int, first: int) -> Floats:
        """Return what the best way costs that leads through each of frames [low, high), (STEP, 2, high - low).

        Row k is for being there in output frame first + k, on the way forth (0) or back (1), and going on from there.
        What lies beyond these frames is not reached before a new plan.
        """
        again = AGAIN * np.exp((self._last_shown[low:high] - first) / FADES)
        rests, turning, silence = self.rests[low:high], self.turning[low:high], self._silence(first)
        kept = np.empty((STEP, 2, high - low), np.float32)
        forth = back = np.zeros(high - low)
        for index in range(AHEAD - 1, -1, -1):
            on_forth, on_back = np.append(forth[1:], np.inf), np.append(np.inf, back[:-1])
            onwards = np.minimum(on_forth, turning + on_back), np.minimum(on_back, turning + on_forth)
            here = again + np.abs(rests - silence[index])
            forth, back = onwards[0] + here, onwards[1] + here + BACKWARDS
            if index < STEP:
                kept[index] = forth, back
        return kept

    def _silence(self, first: int) -> Floats:
        """Return how far nobody speaks in the next frames (AHEAD,); what was not heard yet is as the last that was."""
        if not len(self._heard):
            return np.zeros(AHEAD, np.float32)
        places = np.arange(first, first + AHEAD) - self._heard_begin
        return self._heard[places.clip(0, len(self._heard) - 1)]
