"""Stop when a validation figure has not improved for a while; what it knows goes into the checkpoint."""

from __future__ import annotations

from typing import Any


class EarlyStopper:
    """Count validations without improvement.

    Args:
        patience: Stop when more validations than this brought nothing; 0 never stops.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best = float("inf")
        self.since = 0
        self.stopped = False

    def see(self, figure: float) -> bool:
        """Note a figure, small is good; return whether it is time to stop."""
        if figure < self.best:
            self.best, self.since = figure, 0
        else:
            self.since += 1
        self.stopped = bool(self.patience) and self.since > self.patience
        return self.stopped

    def restart(self) -> None:
        """Forget, for another phase of the training."""
        self.best, self.since, self.stopped = float("inf"), 0, False

    def state(self) -> dict[str, Any]:
        """Return plain data for the checkpoint."""
        return {"best": self.best, "since": self.since, "stopped": self.stopped}

    def load(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self.best, self.since = float(state["best"]), int(state["since"])
        self.stopped = bool(state["stopped"]) and bool(self.patience)
