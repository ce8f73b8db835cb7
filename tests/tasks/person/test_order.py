"""Stages begin once each, after what they need, and as early as can be."""

from __future__ import annotations

import threading
from pathlib import Path

from tasks.person.order import Order, time_of
from tasks.person.plan import Step
from tasks.person.runs import NEEDS, STAGES

ALL = [Step(name, Path(name)) for name in STAGES]


def test_stages_come_in_their_order_to_one_alone():
    order, names = Order(ALL), []
    while (stage := order.next()) is not None:
        names.append(stage.name)
        order.done(stage)
    assert names == list(STAGES)


def test_two_get_each_stage_once_and_none_before_what_it_needs():
    order, done, lock = Order(ALL), [], threading.Lock()

    def work(hears: bool) -> None:
        while (stage := order.next(hears=hears)) is not None:
            with lock:
                assert set(NEEDS.get(stage.name, ())) <= set(done)
                done.append(stage.name)
            order.done(stage)

    threads = [threading.Thread(target=work, args=(hears,)) for hears in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted(STAGES)


def test_who_has_no_work_of_its_own_kind_takes_the_other():
    order = Order(ALL)
    head = order.next(hears=False)
    order.done(head)
    assert [order.next(hears=False).name for _ in range(3)] == ["lm3d_nerf_torso", "lm3d_nerf_portrait", "syncnet"]


def test_who_waits_for_what_failed_is_let_go():
    order = Order(ALL[:2])
    order.next()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(order.next()))
    thread.start()
    order.stop()
    thread.join()
    assert answers == [None]


def test_time_is_that_of_what_waits_longest():
    assert time_of(ALL, lambda stage: 2.0, 1) == 12
    assert time_of(ALL, lambda stage: 2.0, 2) == 6
    assert time_of(ALL, lambda stage: 10.0 if stage.name == "lm3d_nerf" else 2.0, 2) == 12
    assert time_of([], lambda stage: 1.0, 2) == 0
