"""Read and write JSON and CSV, with errors that say what to mend."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from utils.errors import DataError
from utils.files.aside import write_aside

if TYPE_CHECKING:
    from pydantic import BaseModel


ModelT = TypeVar("ModelT", bound="BaseModel")


def read_json(path: str | Path) -> Any:
    """Return the content of a JSON file; `DataError` when it is missing or damaged."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid JSON ({error}). Delete it and run the command again.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from None


def read_checked(file: Path, schema: type[ModelT], *, missing: str, again: str) -> ModelT:
    """Read a JSON file into a pydantic model.

    Args:
        missing: What to say when the file cannot be opened.
        again: What to do when its content is wrong, a sentence.

    Raises:
        DataError: With `missing`; or the file, the first wrong field, what is wrong with it, and `again`.
    """
    from pydantic import ValidationError

    try:
        return schema.model_validate_json(file.read_text(encoding="utf-8"))
    except OSError:
        raise DataError(missing) from None
    except UnicodeDecodeError:
        raise DataError(f"{file} is damaged: it is no text. {again}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in (".".join(map(str, first["loc"])),) if part)
        raise DataError(f"{file}: {where}{first['msg'].lower()}. {again}") from None


def read_table(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read the rows of a CSV file (UTF-8, a head with names); a cell that is missing is an empty text.

    Args:
        columns: Those that it must have.

    Raises:
        DataError: It is missing, no CSV, lacks a column or has no row.
    """
    import csv

    wanted = ", ".join(columns)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            rows = list(reader)
            names = list(reader.fieldnames or [])
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8 ({error}). It has the columns {wanted}.") from None
    if missing := [name for name in columns if name not in names]:
        raise DataError(f"{path} has no column '{missing[0]}'. It has: {', '.join(names)[:200]}. Wanted: {wanted}.")
    if not rows:
        raise DataError(f"{path} has no row below its head ({wanted}).")
    if any("\0" in cell for row in rows for cell in row.values() if isinstance(cell, str)):
        raise DataError(f"{path} is not a CSV file: it holds NUL characters.")
    return rows


def write_json(path: str | Path, data: Any) -> None:
    """Write plain data as indented JSON, aside and renamed. numpy scalars and arrays become numbers and lists."""
    text = json.dumps(data, indent=2, ensure_ascii=False, default=_plain) + "\n"
    with write_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not go into JSON")
