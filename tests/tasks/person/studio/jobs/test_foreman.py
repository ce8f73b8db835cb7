"""One job runs at a time, whoever ends meanwhile: the page, the server, the runner."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest

from tasks.person.page.guard import Refused
from tasks.person.studio.jobs.foreman import MOST_ATTEMPTS
from tasks.person.studio.studio import Studio
from tests.tasks.person.studio.conftest import new_job, plan, settle


def order(home):
    """Return which commands ran, in turn."""
    return [line.split()[0] for line in (home / "order.txt").read_text().splitlines()]


def runs(studio, job):
    """Tell whether a job's command has begun."""
    return lambda: job.state == "running" and studio.jobs.progress(job) is not None


def begun(studio, job):
    return json.loads((studio.jobs.folder_of(job) / "begun.json").read_text())


def test_jobs_run_in_turn_and_speaking_comes_first(studio, home):
    jobs = [new_job(studio, kind) for kind in ("process", "check", "speak")]
    assert [studio.foreman.before(job) for job in jobs] == [1, 2, 0]
    settle(studio)
    assert order(home) == ["speak", "process", "check"]
    assert [(job.state, job.code, job.attempts) for job in jobs] == [("done", 0, 1)] * 3


def test_a_failure_says_what_the_command_said_and_goes_on_when_asked(studio, home):
    plan(home, check="fail")
    job = new_job(studio)
    settle(studio)
    assert (job.state, job.code, job.error) == ("failed", 2, "the sound cannot be read")
    plan(home)
    studio.foreman.resume(job)
    settle(studio)
    assert (job.state, job.error) == ("done", "")
    with pytest.raises(Refused, match="this job is done"):
        studio.foreman.resume(job)
    with pytest.raises(Refused, match="has ended"):
        studio.foreman.stop(job)


def test_what_runs_and_what_waits_is_stopped(studio, home):
    plan(home, train="wait")
    job, waits = new_job(studio, "train"), new_job(studio, "check")
    settle(studio, runs(studio, job))
    studio.foreman.stop(waits)
    studio.foreman.stop(job)
    assert (job.state, waits.state) == ("stopping", "stopped")
    settle(studio)
    assert (job.state, order(home)) == ("stopped", ["train"])
    assert "stopped by hand" in (studio.jobs.folder_of(job) / "log.txt").read_text()


def test_training_gives_way_to_speaking_and_goes_on(studio, home):
    plan(home, train="wait")
    training = new_job(studio, "train")
    settle(studio, runs(studio, training))
    speech = new_job(studio, "speak")
    settle(studio, lambda: speech.state == "done")
    assert training.state in ("queued", "running")
    (home / "go").touch()
    settle(studio)
    assert training.state == "done"
    assert order(home) == ["train", "speak", "train"]


def test_what_waits_for_another_runs_only_if_that_is_done(studio, home):
    plan(home, process="fail")
    first = new_job(studio, "process")
    then = new_job(studio, "train", after=first.id)
    settle(studio)
    assert (first.state, then.state) == ("failed", "stopped")
    assert "did not end well" in then.error


def test_a_job_outlives_the_server(studio, home, doors):
    plan(home, check="wait")
    job = new_job(studio)
    settle(studio, runs(studio, job))
    again = Studio(home, doors)
    found = again.jobs.get(job.id)
    again.foreman.tick()
    assert found.state == "running"
    (home / "go").touch()
    settle(again)
    assert (found.state, order(home)) == ("done", ["check"])


def test_a_job_that_ended_while_the_server_was_away_is_found_ended(studio, home, doors):
    job = new_job(studio)
    settle(studio, lambda: (studio.jobs.folder_of(job) / "ended.json").exists())
    assert job.state == "running" or job.state == "done"
    again = Studio(home, doors)
    settle(again)
    assert again.jobs.get(job.id).state == "done"


def test_a_killed_job_begins_again_by_itself_but_not_for_ever(studio, home):
    plan(home, check="wait")
    job = new_job(studio)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        settle(studio, lambda now=attempt: len(order(home)) == now if (home / "order.txt").exists() else False)
        settle(studio, runs(studio, job))
        settle(studio, lambda: (studio.jobs.folder_of(job) / "begun.json").exists())
        for who, kill in (("runner", os.kill), ("group", os.killpg)):
            kill(begun(studio, job)[who], signal.SIGKILL)
        settle(studio, lambda now=attempt: job.attempts > now or job.state == "failed")
    assert (job.state, job.attempts) == ("failed", MOST_ATTEMPTS)
    assert "ended from outside 3 times" in job.error


def test_a_command_whose_runner_is_gone_is_still_one_that_runs_and_can_be_stopped(studio, home):
    plan(home, check="wait")
    job = new_job(studio)
    settle(studio, lambda: runs(studio, job)() and (studio.jobs.folder_of(job) / "begun.json").exists())
    os.kill(begun(studio, job)["runner"], signal.SIGKILL)
    studio.foreman.tick()
    assert job.state == "running"
    studio.foreman.stop(job)
    settle(studio)
    assert (job.state, order(home)) == ("stopped", ["check"])


def test_a_job_whose_folder_is_gone_does_not_hold_up_the_others(studio, home):
    gone, job = new_job(studio), new_job(studio)
    shutil.rmtree(studio.jobs.folder_of(gone))
    settle(studio)
    assert (gone.state, job.state) == ("failed", "done")
