"""Jobs are folders: found again, shown, and deleted as far as they are ours."""

from __future__ import annotations

import pytest

from tasks.person.page.guard import Refused
from tasks.person.studio.jobs.store import Jobs


@pytest.fixture
def jobs(tmp_path):
    return Jobs(tmp_path / "jobs")


def test_jobs_are_found_again_newest_first(jobs):
    first = jobs.keep(jobs.new("check", "anna", ["check", "anna"]))
    second = jobs.keep(jobs.new("train", "anna", ["train", "anna"], settings={"lr": 0.1}))
    (jobs.folder / "notes").mkdir()
    (jobs.folder / "20260101000000-00000000").mkdir()
    again = Jobs(jobs.folder)
    assert again.every() == jobs.every()
    assert {job.id for job in again.every()} == {first.id, second.id}
    assert [job.kind for job in again.every("anna", "train")] == ["train"]
    with pytest.raises(Refused, match="no such job"):
        again.get("../etc")


def test_what_was_not_kept_is_found_as_stopped_or_discarded(jobs):
    job = jobs.new("check", "anna", ["check", "anna"])
    assert jobs.every() == []
    assert [one.state for one in Jobs(jobs.folder).every()] == ["stopped"]
    jobs.discard(job)
    assert not list(jobs.folder.iterdir())


def test_only_what_is_ours_is_deleted(jobs):
    job = jobs.keep(jobs.new("speak", "anna", ["speak", "anna"]))
    folder = jobs.folder_of(job)
    (folder / "film.mp4").write_bytes(b"film")
    (folder / "mine.txt").write_text("mine")
    jobs.delete(job)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    assert jobs.every() == []


def test_what_runs_is_not_deleted(jobs):
    job = jobs.keep(jobs.new("speak", "anna", ["speak", "anna"]).model_copy(update={"state": "running"}))
    with pytest.raises(Refused, match="stop it first"):
        jobs.delete(job)


def test_a_film_is_shown_when_it_is_done(jobs):
    job = jobs.keep(jobs.new("speak", "anna", ["speak", "anna"]))
    for name in ("film.mp4", "sound.wav"):
        (jobs.folder_of(job) / name).write_bytes(b"x")
    assert set(jobs.files(job)) == {"sound"}
    job.state = "done"
    assert set(jobs.files(job)) == {"film", "sound"}


def test_progress_is_the_last_whole_event(jobs):
    job = jobs.keep(jobs.new("train", "anna", ["train", "anna"]))
    assert jobs.progress(job) is None
    jobs.events(job).write_bytes(b'{"event": "start", "done": 0}\n{"event": "progress", "done": 1}\n{"event": "pro')
    assert jobs.progress(job) == {"event": "progress", "done": 1}
