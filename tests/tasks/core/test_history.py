"""The table of a run's figures: one row an update, going on after a kill, never in the way of the training."""

from __future__ import annotations

import csv
import logging
from types import SimpleNamespace

import pytest

from tasks.core.history import History


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def history(path, updates=0):
    return History(path, SimpleNamespace(updates=updates))


def note(table, update, **figures):
    table.task.updates = update
    table.log_metrics({name.replace("_", "/"): value for name, value in figures.items()} | {"epoch": 0.0})


def test_losses_and_validation_share_a_row_and_columns_are_added(tmp_path):
    path = tmp_path / "metrics.csv"
    table = history(path)
    note(table, 0, tr_a=9.0)
    note(table, 2, tr_a=1.0)
    note(table, 4, tr_a=0.5)
    note(table, 4, tr_a=7.0)
    note(table, 4, val_b=0.25)
    note(table, 6, tr_a=0.125, tr_c=float("nan"))
    assert path.read_text() == "update,tr/a,val/b,tr/c\n2,1,,\n4,0.5,0.25,\n6,0.125,,nan\n"


def test_a_run_that_goes_on_drops_what_it_does_again_and_what_was_cut_off(tmp_path):
    path = tmp_path / "metrics.csv"
    table = history(path)
    for update in (2, 4, 6):
        note(table, update, tr_a=update / 8)
    whole = path.read_text()
    path.write_text(whole + "8,0.")
    table = history(path, 4)
    note(table, 6, tr_a=0.75)
    assert path.read_text() == whole
    table = history(path, 0)
    note(table, 2, tr_b=1.0)
    assert read(path) == [{"update": "2", "tr/b": "1"}], "a run that begins anew has no old rows"


@pytest.mark.parametrize(
    "content",
    [b"a;b\n1;2\n", b"\xff\xfe\n", b"update,tr/a\nthird,1\n", b"update,a\n1," + b"9" * 200_000 + b"\n"],
    ids=range(4),
)
def test_another_kind_of_file_is_kept_under_another_name(tmp_path, caplog, content):
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        note(history(path), 2, tr_a=1.0)
    assert "it was renamed to metrics_1.csv" in caplog.text
    assert (tmp_path / "metrics_1.csv").read_bytes() == content
    assert read(path) == [{"update": "2", "tr/a": "1"}]


def test_a_full_disk_costs_rows_and_one_warning(tmp_path, caplog, monkeypatch):
    table = history(tmp_path / "metrics.csv")
    note(table, 2, tr_a=1.0)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.open", full)
        note(table, 4, tr_a=1.0)
        note(table, 6, tr_a=1.0)
    assert caplog.text.count("No space left on device") == 1
    note(table, 8, tr_a=1.0)
    assert [row["update"] for row in read(tmp_path / "metrics.csv") if row["update"]][-1] == "8"
