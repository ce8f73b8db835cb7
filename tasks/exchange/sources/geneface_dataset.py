"""Read GeneFace's `trainval_dataset.npy` without running code, and keep what its renderers need of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tasks.exchange.sources.geneface import OURS
from tasks.renderer.geneface.scene import FILE, scene_of
from utils.errors import DataError
from utils.files.pickle_values import Refused
from utils.files.pickles import unpickle

MAGIC = b"\x93NUMPY"
"""What an .npy file begins with."""


def import_dataset(path: Path) -> Path:
    """Write the scene of a person's dataset beside it, and return where.

    Raises:
        DataError: It is damaged, no such dataset, or asks for code to be run.
    """
    scene = scene_of(read_dictionary(path), OURS, path)
    target = path.with_name(FILE)
    scene.save(target)
    return target


def read_dictionary(path: Path) -> Mapping[str, Any]:
    """Read the dictionary that was saved with `numpy.save`.

    Raises:
        DataError: It holds none.
    """
    with path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, kind = read(file)
            if kind != np.dtype(object):
                raise DataError(f"{path} is an array {shape} of {kind}, not a dataset or checkpoint.")
            content = unpickle(file)
        except Refused as error:
            raise DataError(f"{path} cannot be imported: it holds {error}. Nothing of it was run.") from None
        except (ValueError, EOFError, RecursionError, MemoryError, OSError) as error:
            raise DataError(f"{path} is damaged ({' '.join(str(error).split())[:200]}).") from None
    held = content.item() if isinstance(content, np.ndarray) and content.shape == () else None
    if not isinstance(held, Mapping):
        raise DataError(f"{path} holds no dictionary; GeneFace's trainval_dataset.npy does.")
    return held
