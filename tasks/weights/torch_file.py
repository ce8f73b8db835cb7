"""Read torch's two file layouts as data, for what `torch.load` refuses with `weights_only=True`: whole networks."""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from tasks.weights.unpickle import Named, Refused, StandIn, unpickle

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""What the older layout begins with."""
_DTYPES = {
    "FloatStorage": torch.float32, "DoubleStorage": torch.float64, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip
MAX_MODULES = 20_000


def read_as_data(path: Path, *, zipped: bool) -> Any:
    """Return the content of a torch file: containers, tensors and stand-ins.

    Raises:
        ValueError: It is damaged, or calls something.
    """
    return _read_zipped(path) if zipped else _read_legacy(path)


def _describe(reference: tuple[Any, ...]) -> tuple[torch.dtype, str, int]:
    """Return (dtype, key, bytes) of a storage reference."""
    _, kind, key, _, count = reference[:5]
    dtype = _DTYPES.get(kind.name if isinstance(kind, Named) else "")
    if dtype is None or not isinstance(count, int) or count < 0:
        raise Refused(f"numbers of kind {kind}")
    if len(reference) > 5 and reference[5] is not None:
        raise Refused("storages that are views of others (a file of torch before 0.4); save its state_dict() anew")
    return dtype, str(key), count * dtype.itemsize


def _read_zipped(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        main = next(name for name in names if name.endswith("data.pkl"))
        folder = main.removesuffix("data.pkl")
        if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
            raise Refused("numbers of a big-endian machine")
        storages: dict[str, torch.UntypedStorage] = {}

        def load(reference: tuple[Any, ...]) -> tuple[torch.UntypedStorage, torch.dtype]:
            dtype, key, size = _describe(reference)
            if key not in storages:
                name = f"{folder}data/{key}"
                if name not in names:
                    raise Refused(f"a tensor whose numbers ({name}) are missing")
                storages[key] = _storage(archive.read(name))
            if storages[key].nbytes() < size:
                raise Refused(f"numbers cut short ({key} has {storages[key].nbytes()} bytes of {size})")
            return storages[key], dtype

        with archive.open(main) as file:
            return unpickle(file, load)


def _storage(data: bytes) -> torch.UntypedStorage:
    if not data:
        return torch.UntypedStorage(0)
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).untyped_storage()


def _nothing(reference: tuple[Any, ...]) -> Any:
    raise Refused("a tensor where none belongs")


def _read_legacy(path: Path) -> Any:
    left = path.stat().st_size
    storages: dict[str, torch.UntypedStorage] = {}
    sizes: dict[str, int] = {}

    def load(reference: tuple[Any, ...]) -> tuple[torch.UntypedStorage, torch.dtype]:
        nonlocal left
        dtype, key, size = _describe(reference)
        if key not in storages:
            left -= size
            if left < 0:
                raise Refused("tensors larger than itself")
            storages[key], sizes[key] = torch.UntypedStorage(size), dtype.itemsize
        return storages[key], dtype

    with path.open("rb") as file:
        header = [unpickle(file, _nothing) for _ in range(2)]
        if header != [MAGIC, PROTOCOL]:
            raise ValueError("it is a pickle, but not of torch.save; only torch's own files are read")
        unpickle(file, _nothing)  # sizes of C's types on the machine that wrote it
        content = unpickle(file, load)
        keys = unpickle(file, _nothing)
        if not isinstance(keys, list) or set(map(str, keys)) != set(storages):
            raise Refused("a list of storages that does not fit")
        for key in map(str, keys):
            _fill(storages[key], sizes[key], file)
    return content


def by_python2(path: Path) -> bool:
    """Say whether an older file was saved by Python 2, whose texts are bytes: it divided whole numbers otherwise."""
    with path.open("rb") as file:
        for _ in range(4):
            if any(code.name in ("SHORT_BINSTRING", "BINSTRING") for code, _, _ in pickletools.genops(file)):
                return True
    return False


def _fill(storage: torch.UntypedStorage, itemsize: int, file: IO[bytes]) -> None:
    count = int.from_bytes(file.read(8), "little")
    if count * itemsize != storage.nbytes():
        raise Refused(f"a storage of {count} numbers where {storage.nbytes() // itemsize} were announced")
    data = file.read(storage.nbytes())
    if len(data) != storage.nbytes():
        raise ValueError("it ends early; copy or download it again")
    if data:
        torch.tensor([], dtype=torch.uint8).set_(storage).copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))


def module_tensors(module: StandIn) -> dict[str, Tensor] | None:
    """Return the state dict of a network that was pickled whole; None when the object is no network."""
    tensors: dict[str, Tensor] = {}
    visited = 0

    def walk(prefix: str, value: StandIn, above: tuple[int, ...]) -> None:
        nonlocal visited
        visited += 1
        if id(value) in above or visited > MAX_MODULES:
            raise Refused("a network that contains itself")
        attributes = value.attributes
        unsaved = attributes.get("_non_persistent_buffers_set") or set()
        for kind in ("_parameters", "_buffers"):
            for name, tensor in _dict(attributes, kind).items():
                if isinstance(tensor, torch.Tensor) and not (kind == "_buffers" and name in unsaved):
                    tensors[f"{prefix}{name}"] = tensor.detach()
        for name, child in _dict(attributes, "_modules").items():
            if isinstance(child, StandIn):
                walk(f"{prefix}{name}.", child, (*above, id(value)))
            elif child is not None:
                raise Refused(f"a layer {prefix}{name} that is a {type(child).__name__}")

    if "_parameters" not in module.attributes or "_modules" not in module.attributes:
        return None
    walk("", module, ())
    return tensors


def _dict(attributes: dict[str, Any], name: str) -> dict[str, Any]:
    value = attributes.get(name) or {}
    if not isinstance(value, dict):
        raise Refused(f"a network whose {name} is a {type(value).__name__}")
    return {str(key): item for key, item in value.items()}
