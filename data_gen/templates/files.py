"""Read templates from the files that people have: .npy, .csv, base64."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from utils.arrays import Floats
from utils.errors import DataError
from utils.faces.recogniser import RecogniserId
from utils.files.arrays import load_array
from utils.files.tables import read_checked


def read_templates(path: Path, wanted: RecogniserId) -> tuple[list[str], Floats]:
    """Read templates (N, D) from .npy, .csv (a row each, maybe a name first) or .b64 (base64 of float32).

    A `<file>.json` beside it may say `{"recogniser": {"name": ..., "sha256": ..., "width": ...}}`; it is then checked.

    Raises:
        DataError: It cannot be read, or the width is another.
        ConfigError: It says that it is of another recogniser.
    """
    names: list[str] = []
    try:
        if path.suffix == ".npy":
            values: Any = load_array(path, "templates")
        elif path.suffix == ".csv":
            names, values = _read_csv(path)
        elif path.suffix == ".b64":
            values = np.frombuffer(base64.b64decode(path.read_text(), validate=True), "<f4")
        else:
            raise DataError(f"{path} is neither a picture nor .npy, .csv or .b64. Pickles are not read: save an array.")
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except (ValueError, binascii.Error, OSError) as error:
        reason = getattr(error, "strerror", "") or error
        raise DataError(f"{path} holds no templates that can be read ({reason}).") from None
    templates = np.asarray(values, np.float32)
    templates = templates.reshape(-1, wanted.width) if templates.size % wanted.width == 0 else templates
    if templates.ndim != 2 or templates.shape[1] != wanted.width or not len(templates):
        raise DataError(
            f"{path} has templates of shape {np.shape(values)}; {wanted.name} gives {wanted.width} numbers."
        )
    if not np.isfinite(templates).all() or (np.linalg.norm(templates, axis=1) < 1e-6).any():
        raise DataError(f"{path} holds a template that is zero or not finite.")
    beside = path.with_name(path.name + ".json")
    if beside.is_file():
        said = read_checked(beside, _Beside, missing=f"{beside} cannot be read.", again="Mend or delete it.").recogniser
        wanted.refuse_other(said, "This decoder", str(path))
    return names or [f"{path.stem}_{i:04d}" for i in range(len(templates))], templates


class _Beside(BaseModel):
    """What lies beside a file of templates."""

    recogniser: RecogniserId


def _read_csv(path: Path) -> tuple[list[str], list[list[float]]]:
    names, rows = [], []
    for line in path.read_text().splitlines():
        cells = [cell.strip() for cell in line.split(",") if cell.strip()]
        if not cells:
            continue
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError:
            names.append(cells[0])
            rows.append([float(cell) for cell in cells[1:]])
    if len({len(row) for row in rows}) > 1:
        raise ValueError("its rows are not equally long")
    if names and len(names) != len(rows):
        raise ValueError("some rows have a name and some have none")
    return names, rows
