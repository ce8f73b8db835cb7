"""Read torch's two file layouts as data, for what `torch.load` refuses with `weights_only=True`: whole networks."""

from __future__ import annotations

import io
import pickletools
import zipfile
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from tasks.weights.unpickle import unpickle
from utils.files.pickle_values import Named, Refused, StandIn, word
from utils.files.zips import open_zip

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""What the older layout begins with."""
_DTYPES = {
    "FloatStorage": torch.float32, "DoubleStorage": torch.float64, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip
MAX_MODULES, MAX_TENSORS, MAX_NAME = 20_000, 50_000, 2000
MAX_DEPTH, MAX_VALUES, MAX_LETTERS = 40, 1_000_000, 1 << 26
"""How deep containers may lie in each other; how many values and letters they may have, written out."""


def check_archive(path: Path) -> None:
    """Refuse a zip archive that torch did not write: nothing is unpacked, and torch and we must read the same.

    Raises:
        ValueError: It is one; says why.
        BadZipFile: It is damaged.
    """
    with open_zip(path) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries):
            raise ValueError("its parts are compressed or encrypted; torch writes them plainly")
        if len(set(names)) != len(names) or sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise ValueError("its parts are larger than the file (torch does not compress)")
        if any(name.endswith("/constants.pkl") for name in names):
            raise ValueError("it is a TorchScript program, which is code; save the state_dict() of it")
        pickles = sum(name.endswith("data.pkl") for name in names)
        if not pickles:
            raise ValueError("it is a zip archive, but not one that torch made; unpack it and name a file in it")
        if pickles > 1:
            raise ValueError("it holds several checkpoints in one; torch writes one")


def outline(path: Path) -> Any:
    """Return the content of a zipped torch file with tensors that have no numbers, before torch is let near it.

    torch's own reader runs no code, but hashes and writes out whatever a file makes it, which may take for ever.

    Raises:
        ValueError: It is damaged, holds other things than containers, numbers, texts and tensors, or no end of them.
    """
    reader = torch._C.PyTorchFileReader(str(path))  # as torch.load does: another reader may find another pickle

    with open_zip(path) as archive:
        sizes = {entry.filename.partition("/")[2]: entry.file_size for entry in archive.infolist()}

    def load(reference: tuple[Any, ...]) -> tuple[torch.UntypedStorage, torch.dtype]:
        dtype, key, size = _describe(reference)
        if size > sizes.get(f"data/{key}", -1):
            raise Refused(f"a tensor whose numbers (data/{key[:MAX_NAME]}) are missing, or fewer than it says")
        return torch.UntypedStorage(size, device="meta"), dtype

    content = unpickle(io.BytesIO(reader.get_record("data.pkl")), load, plain=True)
    if refuse_endless(content) > 8 * path.stat().st_size + (1 << 24):  # several may share the same numbers, to a degree
        raise Refused("tensors that claim more numbers than it holds")
    return content


def refuse_endless(content: Any) -> int:
    """Refuse containers that hold each other so often, or so deep, that nobody could walk through them.

    Returns:
        The bytes that the tensors in them claim to have.

    Raises:
        Refused: They do.
    """
    values, letters, claimed = 0, 0, 0
    met: set[int] = set()  # objects may hold each other in a circle; only what they hold is walked, once
    level: list[Any] = [content]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for value in level:
            if isinstance(value, StandIn):
                if id(value) in met:
                    continue
                met.add(id(value))
                value = value.attributes
            if isinstance(value, Tensor):
                claimed += value.numel() * value.element_size()
            elif isinstance(value, str | bytes):
                letters += len(value)
            elif isinstance(value, dict):
                below += value.keys()
                below += value.values()
            elif isinstance(value, list | tuple | set | frozenset):
                below += value
            if values + len(below) > MAX_VALUES or letters > MAX_LETTERS:
                raise Refused("containers with too many values, or too much text, in each other")
        values += len(below)
        level = below
    if level:
        raise Refused("containers that lie too deep in each other")
    return claimed


def read_as_data(path: Path, *, zipped: bool) -> Any:
    """Return the content of a torch file: containers, tensors and stand-ins.

    Raises:
        ValueError: It is damaged, or calls something.
    """
    return _read_zipped(path) if zipped else _read_legacy(path)


def _describe(reference: tuple[Any, ...]) -> tuple[torch.dtype, str, int]:
    """Return (dtype, key, bytes) of a storage reference."""
    _, kind, key, place, count = reference[:5]
    if not isinstance(key, str) or not isinstance(place, str):
        raise Refused("numbers without a name")
    dtype = _DTYPES.get(kind.name if isinstance(kind, Named) else "")
    if dtype is None or not isinstance(count, int) or not 0 <= count < 1 << 60:
        raise Refused(f"numbers of kind {word(kind)}")
    if len(reference) > 5 and reference[5] is not None:
        raise Refused("storages that are views of others (a file of torch before 0.4); save its state_dict() anew")
    return dtype, key, count * dtype.itemsize


def _read_zipped(path: Path) -> Any:
    with open_zip(path) as archive:
        names = set(archive.namelist())
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
        if not isinstance(keys, list) or set(map(word, keys)) != set(storages):
            raise Refused("a list of storages that does not fit")
        for key in map(word, keys):
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
        if id(value) in above or visited > MAX_MODULES or len(tensors) > MAX_TENSORS or len(prefix) > MAX_NAME:
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
    return {word(key): item for key, item in value.items()}
