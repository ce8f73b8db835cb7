"""Other programs can follow a command; the command never suffers from it."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from utils import events
from utils.events import Events
from utils.progress import Progress


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """Name a file for events, and return a function that reads it."""
    file = tmp_path / "events.jsonl"
    monkeypatch.setenv("VIZEME_EVENTS", str(file))
    return lambda: [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_a_stage_says_start_progress_and_end(lines, capsys):
    with Progress("reading", 4) as bar:
        bar._events._last = 0.0  # the start is long past
        bar.step()
        bar._events._last = 0.0
        if bar.due():
            bar.at(3, "loss 0.5")
        bar.at(4)
    told = [(one["event"], one["stage"], one["done"], one["total"], one["said"]) for one in lines()]
    assert told == [
        ("start", "reading", 0, 4, ""), ("progress", "reading", 1, 4, ""), ("progress", "reading", 3, 4, "loss 0.5"),
        ("end", "reading", 4, 4, ""),
    ]  # fmt: skip
    assert lines()[0]["left_s"] is None
    assert lines()[-1]["left_s"] == 0
    assert capsys.readouterr().err.splitlines() == ["reading 4/4  0:00 left"]  # nothing more is shown than without


def test_at_most_two_lines_a_second(lines):
    with Progress("reading", 1000, every_s=1000) as bar:
        for _ in range(1000):
            bar.step()
    assert len(lines()) <= 4


def test_an_error_is_named_at_the_end(lines):
    with pytest.raises(KeyError), Progress("reading", 4):
        raise KeyError("x")
    assert (lines()[-1]["event"], lines()[-1]["said"], lines()[-1]["left_s"]) == ("end", "KeyError", None)


def test_other_processes_write_nothing_and_no_name_is_no_file(lines, monkeypatch):
    with Progress("reading", 2, show=False) as bar:
        bar.step()
    assert lines() == []
    monkeypatch.delenv("VIZEME_EVENTS")
    Events("reading").write("start", 0, 1, None)
    assert lines() == []


def test_a_file_that_cannot_be_written_and_a_pipe_that_nobody_reads_are_left_alone(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    for name in ("no/such/folder/x", ".", "pipe"):
        monkeypatch.setenv("VIZEME_EVENTS", str(tmp_path / name))
        with Progress("reading", 2, every_s=1000) as bar:
            bar.step(2)
        assert bar.done == 2


def test_a_large_file_is_not_added_to(lines, monkeypatch):
    monkeypatch.setattr(events, "MOST_BYTES", 200)
    for _ in range(50):
        Events("reading").write("start", 0, 1, None)
    assert 1 <= len(lines()) <= 3


def test_a_file_of_the_users_is_not_added_to(tmp_path, monkeypatch):
    file = tmp_path / "voice.wav"
    file.write_bytes(b"RIFF")
    for name in (str(file), "~nobody_of_this_name/x"):
        monkeypatch.setenv("VIZEME_EVENTS", name)
        Events("reading").write("start", 0, 1, None)
    assert file.read_bytes() == b"RIFF"


def test_numbers_of_any_kind_are_json(lines):
    Events("reading").write("progress", np.int64(1), np.int64(2), np.float32(0.5))
    for left in (float("inf"), float("nan")):
        Events("reading").write("progress", 1, 2, left)
    assert [(one["done"], one["total"], one["left_s"]) for one in lines()] == [(1, 2, 0.5), (1, 2, None), (1, 2, None)]
