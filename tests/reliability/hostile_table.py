"""Count how bad food is answered: refused cleanly, taken rightly, or neither.

    .venv/bin/python -m tests.reliability.hostile_table            the cases (about a minute of processor time)
    .venv/bin/python -m tests.reliability.hostile_table --sweeps   thousands of files with changed bytes instead

Every case is a test of `test_hostile_*.py`; a case that was answered in any other way than it should be fails there.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent


class Count:
    """Collect what the tests note in `record_property("hostile", (kind, answer))`."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take up one test's notes."""
        if report.failed:
            self.failed.append(report.nodeid)
        if report.when == "call":
            self.answers.update(tuple(value) for name, value in report.user_properties if name == "hostile")

    def show(self) -> None:
        """Print the table."""
        kinds = sorted({kind for kind, _ in self.answers})
        width = max((len(kind) for kind in kinds), default=0)
        print(f"\n{'given':<{width}}  refused in plain words  rightly taken")
        for kind in kinds:
            print(f"{kind:<{width}}  {self.answers[kind, 'refused']:>22}  {self.answers[kind, 'taken']:>13}")
        refused, taken = (
            sum(count for (_, how), count in self.answers.items() if how == word) for word in ("refused", "taken")
        )
        print(f"{'all':<{width}}  {refused:>22}  {taken:>13}")
        print(f"{refused + taken} given; {len(self.failed)} tests failed (a traceback, a hang, no plain error)")
        for name in self.failed:
            print(f"  {name}")


def main(words: list[str]) -> int:
    """Run the tests and print the table; return pytest's exit code."""
    count = Count()
    files = sorted(str(path) for path in HERE.glob("test_hostile_*.py"))
    chosen = ["-m", "slow" if "--sweeps" in words else "not slow"]
    code = pytest.main([*files, *chosen, "-q", "-p", "no:cacheprovider"], plugins=[count])
    count.show()
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
