"""Read a checkpoint that a stranger made, without running code from it.

torch files (zip and the older kind, state dicts and whole networks), safetensors, Keras `.h5` and ONNX all become one
`ForeignFile`: tensors by name. Containers within containers are walked, and their names joined with dots.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modules.onnx.format import read_onnx
from tasks.weights.keras_file import read_keras
from tasks.weights.torch_file import (
    MAX_DEPTH,
    MAX_NAME,
    by_python2,
    check_archive,
    module_tensors,
    outline,
    read_as_data,
    refuse_endless,
)
from utils.errors import AssetError, DataError
from utils.files.pickle_values import Refused, StandIn, word

MAX_ENTRIES = 50_000
_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class ForeignFile:
    """What lies in a file.

    Attributes:
        path: The file.
        kind: `torch`, `module` (a whole network was pickled), `safetensors`, `vizeme` (safetensors that this project
            exported), `keras` or `onnx`.
        tensors: By name, on the CPU, in the file's order. Do not write into them: they may lie in the file.
        extras: What else it says, by name: numbers, texts, names of classes; the `graph` of an ONNX file.
    """

    path: Path
    kind: str
    tensors: dict[str, Tensor]
    extras: dict[str, Any] = field(default_factory=dict)

    def inside(self, name: str) -> dict[str, Tensor]:
        """Return the tensors in the container called `name`, without that in front; all where there is none."""
        prefix = f"{name}."
        tensors = {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}
        return tensors or self.tensors


def read_file(path: str | Path) -> ForeignFile:
    """Read a checkpoint of another project.

    Raises:
        DataError: It is missing, damaged, of a kind that is not read, or asks for code to be run.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder; name a file in it.") from None
    read = _reader(path, head)
    try:
        foreign = read(path)
    except zipfile.BadZipFile:
        raise DataError(f"{path} ends early or is damaged; copy or download it again.") from None
    except Refused as error:
        held = re.sub(r"<[^<>]* at 0x[0-9a-f]+>", "something unknown", str(error))
        raise DataError(f"{path} cannot be imported: it holds {held}. Nothing of it was run.") from None
    except AssetError:
        raise
    except Exception as error:  # strangers' files fail in ways that nobody can list
        plain = isinstance(error, ValueError | EOFError | RuntimeError | MemoryError | OSError)
        reason = getattr(error, "strerror", "") or (" ".join(str(error).split())[:300] if plain else "")
        reason = reason or "it is damaged"
        raise DataError(f"{path} cannot be imported: {reason}.") from None
    _check_sizes(foreign)
    return foreign


def _reader(path: Path, head: bytes) -> Any:
    """Choose how to read a file by its first bytes; its name says little."""
    if not head:
        raise DataError(f"{path} is empty. Copy or download it again.")
    if head.startswith(_ZIP):
        return _read_zip
    if head.startswith(_HDF5):
        return _read_keras
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return _read_safetensors
    if head[:1] == b"\x80":
        return _read_legacy
    if head[:1] == b"\x08":
        return _read_onnx
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html")):
        raise DataError(f"{path} is a web page, not a checkpoint: the download asked for something. Download it again.")
    if text.startswith(b"version https://git-lfs"):
        raise DataError(f"{path} is only Git LFS's note of a file. Run `git lfs pull` where it came from.")
    what = "a text file" if _is_text(head) else "of a kind that is not read here"
    raise DataError(f"{path} is {what}, not a torch, safetensors, Keras or ONNX checkpoint.")


def _is_text(head: bytes) -> bool:
    try:
        head[:-3].decode()  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return all(byte >= 32 or byte in b"\t\r\n" for byte in head)


def _read_zip(path: Path) -> ForeignFile:
    """Let torch read what it takes for safe and has an end, and read the rest (whole networks, old numpy) as data."""
    check_archive(path)
    try:
        outline(path)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol", category=UserWarning)
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # it refuses and fails in many ways; the reader below says which in plain words
        content = read_as_data(path, zipped=True)
    return _collected(path, content)


def _read_legacy(path: Path) -> ForeignFile:
    file = _collected(path, read_as_data(path, zipped=False))
    if by_python2(path):
        file.extras["python2"] = True
    return file


def _collected(path: Path, content: Any) -> ForeignFile:
    tensors: dict[str, Tensor] = {}
    extras: dict[str, Any] = {}
    count = 0

    def walk(name: str, value: Any, depth: int) -> None:
        nonlocal count
        count += 1
        if depth > MAX_DEPTH or count > MAX_ENTRIES:
            raise ValueError("its containers lie too deep in each other, or are too many")
        if len(name) > MAX_NAME:
            raise ValueError(f"it holds something with a name of {len(name)} letters")
        parts: list[tuple[str, Any]] = []
        if isinstance(value, StandIn):
            held = module_tensors(value)
            if held is None:
                extras[name] = f"a {value.kind}"
                return
            extras[".".join(filter(None, (name, "class")))] = str(value.kind)
            parts = list(held.items())
        elif isinstance(value, Mapping):
            parts = [(word(key), item) for key, item in value.items()]
        elif isinstance(value, list | tuple) and any(not _plain(item) for item in value):
            parts = [(str(order), item) for order, item in enumerate(value)]
        elif _tensor_of(value) is not None:
            if name in tensors:
                raise ValueError(f"it holds two tensors called {name}")
            tensors[name] = _tensor_of(value)
        else:
            extras[name] = value if _plain(value) else word(value)
        for key, item in parts:
            walk(f"{name}.{key}" if name else key, item, depth + 1)

    refuse_endless(content)
    walk("", content, 0)
    if not tensors:
        raise ValueError("it holds no tensors")
    return ForeignFile(path, "module" if isinstance(content, StandIn) else "torch", tensors, extras)


def _plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(item is None or isinstance(item, bool | int | float | str) for item in value)
    return value is None or isinstance(value, bool | int | float | str)


def _tensor_of(value: Any) -> Any:
    """Return a tensor, or an array of numbers as one; None for anything else."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return torch.from_numpy(value.astype(value.dtype.newbyteorder("=")))
    return value.detach() if isinstance(value, torch.Tensor) else None


def _read_safetensors(path: Path) -> ForeignFile:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # not a mapping
            extras = dict(opened.metadata() or {})
            return ForeignFile(path, "vizeme" if "vizeme" in extras else "safetensors", tensors, extras)
    except SafetensorError as error:
        raise ValueError(f"it is damaged ({error})") from None


def _read_onnx(path: Path) -> ForeignFile:
    graph = read_onnx(path.read_bytes())
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in graph.constants.items()}
    return ForeignFile(path, "onnx", tensors, {"graph": graph})


def _read_keras(path: Path) -> ForeignFile:
    return ForeignFile(path, "keras", *read_keras(path))


def _check_sizes(file: ForeignFile) -> None:
    """Refuse tensors that claim more numbers than the file can hold: a few bytes must not fill the memory."""
    budget = 2 * file.path.stat().st_size + 2**20
    for name, tensor in file.tensors.items():
        if str(tensor.layout) != "torch.strided":
            raise DataError(f"{file.path}: the tensor {name} is sparse, which is not read here.")
        if tensor.is_meta:
            raise DataError(f"{file.path}: the tensor {name} has a shape but no numbers.")
        budget -= tensor.numel() * tensor.element_size()
        if budget < 0:
            raise DataError(f"{file.path}: the tensors up to {name} claim more numbers than the file holds.")
