"""Read the weights of a Keras `.h5` file in the order of its layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from utils.errors import AssetError

if TYPE_CHECKING:
    from torch import Tensor


def read_keras(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors, in the order in which the network has them, and what else the file says.

    Raises:
        ValueError: It is damaged, another layout, or leads outside the file.
        AssetError: The package that reads it is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise AssetError(f"{path} is a Keras file; reading it takes one more package: pip install h5py") from None

    with h5py.File(path, "r") as file:
        root = file["model_weights"] if _is_group(file, "model_weights") else file
        if "layer_names" not in root.attrs:
            raise ValueError("it is an HDF5 file without Keras's list of layers (Keras 3 writes another layout)")
        budget = path.stat().st_size
        tensors: dict[str, Tensor] = {}
        for layer in map(_text, root.attrs["layer_names"]):
            group = _inside(root, layer)
            for name in map(_text, group.attrs.get("weight_names", ())):
                data = _inside(group, name)
                budget -= _checked(data, name)
                if budget < 0:
                    raise ValueError("its arrays claim more numbers than the file holds")
                if name in tensors:
                    raise ValueError(f"it holds two arrays called {name}")
                tensors[name] = torch.from_numpy(np.array(data))
        return tensors, {"layers": [_text(name) for name in root.attrs["layer_names"]]}


def _is_group(file: Any, name: str) -> bool:
    import h5py

    return file.get(name, getclass=True, getlink=True) is h5py.HardLink and isinstance(file[name], h5py.Group)


def _inside(group: Any, name: str) -> Any:
    """Follow a name step by step; a link that leads to another file is not followed."""
    import h5py

    for part in name.split("/"):
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{name} is missing, or a link")
        group = group[part]
    return group


def _checked(data: Any, name: str) -> int:
    """Return the bytes of an array of numbers that lies in the file itself."""
    import h5py

    if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "fiub" or data.is_virtual or data.external:
        raise ValueError(f"{name} is not an array of numbers in this file")
    return int(data.nbytes)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
