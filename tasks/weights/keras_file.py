"""Read the weights of a Keras `.h5` file in the order of its layers.

The HDF5 library may crash on a damaged file. It therefore runs in a process of its own, which only says where in the
file each array lies; the numbers are then read from there.
"""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.errors import AssetError
from utils.paths import ROOT
from utils.processes.memory import limit_process

if TYPE_CHECKING:
    from torch import Tensor


TIMEOUT = 120
"""Seconds to list the arrays of a file; a few take one."""
SECONDS, MEMORY = 60, 4 << 30
"""Of the processor, and bytes of address space: a small file may name a long text a million times."""
MOST_NAMES, LONGEST_NAME = 50_000, 500
NUMBERS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1")
"""Kinds of number that torch has too."""


def read_keras(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors, in the order in which the network has them, and what else the file says.

    Raises:
        ValueError: It is damaged, another layout, or leads outside the file.
        AssetError: The package that reads it is not installed.
    """
    import torch  # not above: this file is also a program of its own, which lists the arrays and needs no torch

    if importlib.util.find_spec("h5py") is None:
        raise AssetError(
            f"{path} is a Keras file; reading it takes one more package: .venv/bin/python -m pip install --no-deps h5py"
        ) from None
    report: dict[str, Any]
    command = [sys.executable, "-m", "tasks.weights.keras_file", str(path.resolve())]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        report = json.loads(done.stdout) if not done.returncode else {"error": "it is damaged (the HDF5 library fails)"}
    except subprocess.TimeoutExpired:
        report = {"error": "it is damaged (the HDF5 library does not come to an end)"}
    if "error" in report:
        raise ValueError(report["error"])
    budget = path.stat().st_size
    tensors: dict[str, Tensor] = {}
    for name, kind, shape, offset in report["arrays"]:
        dtype = np.dtype(kind)
        size = dtype.itemsize * math.prod(shape)
        budget -= size
        if budget < 0 or offset + size > path.stat().st_size:
            raise ValueError("its arrays claim more numbers than the file holds")
        if name in tensors:
            raise ValueError(f"it holds two arrays called {name}")
        array = np.fromfile(path, dtype, size // dtype.itemsize, offset=offset).reshape(shape)
        tensors[name] = torch.from_numpy(array.astype(dtype.newbyteorder("="), copy=False))
    return tensors, {"layers": report["layers"]}


def places(path: Path) -> dict[str, Any]:
    """List the arrays of a Keras file: (name, type, shape, byte at which it begins) each, and the names of its layers.

    Raises:
        ValueError: It is another layout, or leads outside the file.
    """
    import h5py

    with h5py.File(path, "r") as file:
        inner = file.get("model_weights", getlink=True)
        root = file["model_weights"] if isinstance(inner, h5py.HardLink) else file
        if "layer_names" not in root.attrs:
            raise ValueError("it is an HDF5 file without Keras's list of layers (Keras 3 writes another layout)")
        layers = _texts(root, "layer_names")
        arrays = []
        for layer in layers:
            group = _inside(root, layer)
            for name in _texts(group, "weight_names"):
                arrays.append((name, *_place(_inside(group, name), name)))
                if len(arrays) > MOST_NAMES:
                    raise ValueError(f"it holds more than {MOST_NAMES} arrays")
    return {"layers": layers, "arrays": arrays}


def _inside(group: Any, name: str) -> Any:
    """Follow a name step by step; a link that leads to another file is not followed."""
    import h5py

    for part in name.split("/"):
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{name} is missing, or a link")
        group = group[part]
    return group


def _place(data: Any, name: str) -> tuple[str, list[int], int]:
    import h5py

    if not isinstance(data, h5py.Dataset) or data.dtype.str[1:] not in NUMBERS or data.is_virtual or data.external:
        raise ValueError(f"{name} is not an array of numbers in this file")
    offset = data.id.get_offset()
    if offset is None and data.size:
        raise ValueError(f"{name} is empty or compressed; Keras writes its weights plainly")
    return data.dtype.str, list(data.shape), offset or 0


def _texts(group: Any, attribute: str) -> list[str]:
    """Return a list of names that Keras keeps beside a group; empty when it keeps none."""
    names = group.attrs.get(attribute, ())
    if len(names) > MOST_NAMES or any(len(name) > LONGEST_NAME for name in names):
        raise ValueError(f"its {attribute} have no end")
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


if __name__ == "__main__":
    limit_process(SECONDS, MEMORY)
    try:
        said = places(Path(sys.argv[1]))
    except ValueError as error:
        said = {"error": str(error)}
    except Exception as error:  # HDF5's own errors come as many kinds
        said = {"error": f"it is damaged ({str(error).splitlines()[0][:200]})"}
    print(json.dumps(said))
