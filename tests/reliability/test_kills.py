"""A command that is killed, or told to end, and given again ends where one ends that never was, to the byte.

`VIZEME_KILLS` says how often every command is killed: by default once, in scripts/test_reliability.sh 20 times.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Iterator

import pytest

from tasks.core.checkpoints import checkpoint_files
from tests.reliability.counts import Counts
from tests.reliability.kill_cases import NAMES, SLOW, Case, House

KILLS = int(os.environ.get("VIZEME_KILLS", "1"))
SEED = int(os.environ.get("VIZEME_KILLS_SEED", "8"))
LATE_S = (0.0, 0.0, 0.002, 0.01)
"""How long after a change to the folder a kill may come, to fall into what is written then."""
TRIES = 10
ALLOWED = "vizeme-"
"""What a killed command may leave in the temporary folder: a sound being spoken."""
QUICK = {"syncnet": signal.SIGTERM, "data_gen templates": signal.SIGINT, "talking_head infer": signal.SIGTERM}
"""What is tried on every change, with one of the signals; the rest is for the long version."""
WORKERS = {"data_gen clips": "--workers=2", "data_gen face_voice": "--workers=2", "data_gen templates": "--workers=2"}


@pytest.fixture(scope="module")
def counts() -> Counts:
    """Count what was tried."""
    return Counts()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Make the data; unbroken runs are made when they are wanted."""
    return House(tmp_path_factory.mktemp("kills"))


def named(*names: str) -> list[object]:
    return [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in names]


def moments(case: Case, changes: int, kills: int) -> Iterator[tuple[str, float]]:
    """Yield when to kill: by turns at a change to the folder, and anywhere in the work that it does."""
    rng = random.Random(f"{SEED} {case.name}")
    at = rng.sample(range(1, changes + 1), min(kills, changes))
    for number in range(kills):
        if number % 2 == 0 and at:
            yield "change", at.pop()
        else:
            yield "work", rng.uniform(0.02, 1.0)


@pytest.mark.parametrize("name", named(*NAMES))
def test_kill_9_loses_nothing(house: House, name: str, counts: Counts) -> None:
    case = house.cases[name]
    house.whole(case)
    rng = random.Random(f"{SEED} {name} late")
    wrong, killed = [], 0
    for number, (how, moment) in enumerate(moments(case, house.changes[name], KILLS)):
        late = rng.choice(LATE_S)
        if _killed(house, case, f"k{number}", how, moment, late):
            killed += 1
            where = f"{moment:.2f} of its work" if how == "work" else f"change {moment} + {late} s"
            faults = _faults(house, case, f"k{number}")
            wrong += [f"killed at {where}: {fault}" for fault in faults]
            counts.note("kill -9", name, survived=not faults)
    assert killed == KILLS
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_kill_9_of_a_command_as_a_person_types_it_loses_nothing(house: House, name: str, counts: Counts) -> None:
    case = house.cases[name]
    house.whole(case)
    moment = random.Random(f"{SEED} {name} typed").uniform(0.5, 1.0)
    assert _killed(house, case, "typed", "typed", moment, 0.0)
    faults = _faults(house, case, "typed", typed=True)
    counts.note("kill -9, typed", name, survived=not faults)
    assert not faults, "\n".join(faults)


def _killed(house: House, case: Case, run: str, how: str, moment: float, late: float) -> bool:
    """Start a case and kill it; a run that was quicker than thought is started anew and killed sooner."""
    for _ in range(TRIES):
        if how == "change":
            running = house.start(case, run, stop=(int(moment), late))
            killed = running.wait() == -signal.SIGKILL
            moment, late = max(1, moment - 1), 0.0
        else:
            running = house.start(case, run, typed=how == "typed")
            at_s = moment * (house.work_s[case.name] + (house.importing_s if how == "typed" else 0))
            while running.worked_s() < at_s and running.wait(0.002) is None:
                pass
            killed = running.kill()
            moment *= 0.5
        if killed:
            assert not running.left()
            return True
        shutil.rmtree(house.folder(case, run), ignore_errors=True)
    return False


def _faults(house: House, case: Case, run: str, *, typed: bool = False) -> list[str]:
    """List what a killed run left that is not whole; give the command again, and list what differs then."""
    faults = house.half_written(case, run)
    again = house.start(case, run, typed=typed)
    code = again.wait()
    faults += [f"exit code {code}: {again.said()}"] if code else house.differences(case, run)
    faults += [what for what in house.left_behind() if not what.startswith(ALLOWED)]
    shutil.rmtree(house.folder(case, run), ignore_errors=True)
    return faults


def both() -> list[object]:
    return [
        pytest.param(name, number, marks=[] if QUICK.get(name) == number else [pytest.mark.slow])
        for name in NAMES
        for number in (signal.SIGINT, signal.SIGTERM)
    ]


@pytest.mark.parametrize(("name", "number"), both())
def test_a_polite_end_leaves_nothing_half_done(house: House, name: str, number: signal.Signals, counts: Counts) -> None:
    case = house.cases[name]
    house.whole(case)
    more = ("--set", "num_workers=2") if case.kind == "training" else tuple(filter(None, [WORKERS.get(name)]))
    change = random.Random(f"{SEED} {name} {number}").randint(1, house.changes[name])
    running = house.start(case, "signal", stop=(change, 0.0), with_signal=number, more=more)
    code = running.wait()
    faults = [] if code == 128 + number else [f"exit code {code}: {running.said()}"]
    faults += [f"still there: {process}" for process in running.left()]
    faults += [f"a traceback: {running.said()}"] if "Traceback" in running.said() else []
    folder = house.folder(case, "signal")
    faults += [f"{path.name} is left" for path in folder.rglob(".*") if ".part" in path.name] + house.left_behind()
    code = (again := house.start(case, "signal")).wait()
    faults += [f"exit code {code} of the second: {again.said()}"] if code else house.differences(case, "signal")
    shutil.rmtree(folder, ignore_errors=True)
    counts.note(signal.Signals(number).name, name, survived=not faults)
    assert not faults, f"at change {change} of {house.changes[name]}:\n" + "\n".join(faults)


def test_training_stops_at_once_with_a_checkpoint(house: House) -> None:
    case = house.cases["syncnet"]
    running = house.start(case, "stopped", more=("--set", "max_updates=5000", "--set", "num_workers=2"))
    folder = house.folder(case, "stopped")
    while not checkpoint_files(folder) and running.wait(0.02) is None:
        pass
    running.send(signal.SIGINT)
    assert running.wait() == 130, running.said()
    assert not running.left()
    stopped = max(checkpoint_files(folder))
    assert stopped < 5000
    again = house.start(case, "stopped", more=("--set", f"max_updates={stopped + 1}"))
    assert again.wait() == 0
    assert f"Going on from {folder}/model_ckpt_steps_{stopped}.ckpt ({stopped} updates)" in again.said()
