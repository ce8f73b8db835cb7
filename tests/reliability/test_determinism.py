"""The same command gives the same bytes: another time, in another process, with any number of workers."""

from __future__ import annotations

import shutil

import pytest

from tests.reliability.counts import Counts
from tests.reliability.kill_cases import NAMES, TRAINING, House

WORKERS = {
    "data_gen clips": "--workers=3", "data_gen face_voice": "--workers=2", "data_gen templates": "--workers=2",
    **dict.fromkeys(TRAINING, "--num_workers=2"),
}  # fmt: skip
QUICK = {"data_gen face_voice", "data_gen templates", "syncnet"}
"""What is tried on every change; the rest is for the long version. That tests/tasks try every training twice."""


@pytest.fixture(scope="module")
def counts() -> Counts:
    """Count what was tried."""
    return Counts()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Make the data; unbroken runs are made when they are wanted."""
    return House(tmp_path_factory.mktemp("determinism"), forks=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_second_run_gives_the_same_bytes(house: House, name: str, counts: Counts) -> None:
    """The second is typed as a person does it, so that Python's own hashes are others."""
    case = house.cases[name]
    house.whole(case)
    running = house.start(case, "second", typed=True, environment={"PYTHONHASHSEED": "7"})
    assert running.wait() == 0, running.said()
    _same(house, name, "second", "a second run", counts)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in WORKERS])
def test_any_number_of_workers_gives_the_same_bytes(house: House, name: str, counts: Counts) -> None:
    case = house.cases[name]
    house.whole(case)
    house.do(case, "workers", more=(WORKERS[name],))
    _same(house, name, "workers", "more workers", counts)


def _same(house: House, name: str, run: str, attack: str, counts: Counts) -> None:
    faults = house.differences(house.cases[name], run)
    counts.note(attack, name, survived=not faults)
    shutil.rmtree(house.folder(house.cases[name], run))
    assert not faults, "\n".join(faults)
