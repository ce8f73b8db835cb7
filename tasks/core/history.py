"""Keep what TensorBoard shows as a table too: `metrics.csv` in the run's folder, one row an update that was logged."""

from __future__ import annotations

import csv
import io
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from tasks.core.task import Task
from utils.files.aside import write_aside

log = logging.getLogger(__name__)
Row = dict[str, str]
KEY = "update"


class History(Logger):
    """Write losses and validation figures as a table; a run that goes on goes on writing it.

    The first row begins with what an earlier part of the run wrote up to the checkpoint that was gone on from: rows
    after it are dropped, since those updates are done again, and so is a row that was cut off by a kill. Lightning's
    own CSV logger begins anew, and deletes what was there.

    Args:
        path: The table.
        task: Whose; its updates are counted.
    """

    def __init__(self, path: Path, task: Task) -> None:
        super().__init__()
        self.path, self.task, self.start = path, task, task.updates
        self.columns = [KEY]
        self.row: Row = {}
        self.place = self.end = 0
        """Where the present row begins, and where what was written ends, in bytes."""
        self.lost = False

    @property
    def name(self) -> str:
        """Return nothing: the table lies in the run's folder itself."""
        return ""

    @property
    def version(self) -> str:
        """Return nothing, as `name`."""
        return ""

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: `config.yaml` lies beside the table."""

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add figures to the row of the present update. A disk that is full costs rows, not the training."""
        update = self.task.updates
        figures = {name: f"{float(value):.7g}" for name, value in metrics.items() if name != "epoch"}
        validates = any(name.startswith("val/") for name in figures)
        again = self.row.get(KEY) == str(update) and figures.keys() <= self.row.keys()
        if not figures or update == 0 or (again and not validates):
            return  # with gradients added up over batches, losses come several times before the next update
        try:
            if not self.end:
                self._begin()
            self._put(update, figures)
        except OSError as error:
            if not self.lost:
                log.warning("%s cannot be written (%s); rows are missing from now on.", self.path, error.strerror)
            self.lost = True

    def _begin(self) -> None:
        """Take over the rows up to the update that was gone on from."""
        rows = read_rows(self.path)
        if rows is None:
            number = 1
            while (other := self.path.with_name(f"{self.path.stem}_{number}{self.path.suffix}")).exists():
                number += 1
            os.replace(self.path, other)
            log.warning("%s is not a table of this run's figures; it was renamed to %s.", self.path, other.name)
            rows = []
        rows = [row for row in rows if int(row[KEY]) <= self.start]
        self.columns = list(dict.fromkeys([KEY, *(name for row in rows for name in row)]))
        self._write(rows)

    def _write(self, rows: Iterable[Row]) -> None:
        text = _line(self.columns) + "".join(self._text(row) for row in rows)
        with write_aside(self.path) as aside:
            aside.write_text(text, encoding="utf-8", newline="")
        self.place = self.end = len(text.encode())

    def _text(self, row: Row) -> str:
        return _line(row.get(name, "") for name in self.columns)

    def _put(self, update: int, figures: Row) -> None:
        if self.row.get(KEY) == str(update):
            self.row |= figures
        else:
            self.place, self.row = self.end, {KEY: str(update), **figures}
        if unknown := [name for name in figures if name not in self.columns]:
            rows = [row for row in read_rows(self.path) or [] if int(row[KEY]) < update]
            self.columns += unknown
            self._write(rows)
        with self.path.open("r+b") as file:
            file.seek(self.place)
            file.truncate()
            self.end = self.place + file.write(self._text(self.row).encode())


def _line(cells: Iterable[str]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(cells)
    return stream.getvalue()


def read_rows(path: Path) -> list[Row] | None:
    """Read the whole rows of a table; None when it is another kind of file."""
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        head, *rows = list(csv.reader(whole)) or [[KEY]]
    except (UnicodeDecodeError, csv.Error):
        return None
    if head[:1] != [KEY] or not all(row and row[0].isdecimal() for row in rows):
        return None
    full = [dict(zip(head, row, strict=True)) for row in rows if len(row) == len(head)]
    return [{name: value for name, value in row.items() if value} for row in full]
