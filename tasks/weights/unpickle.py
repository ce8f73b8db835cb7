"""Read a pickle of torch's as data: what `utils/files/pickles.py` knows, and the calls that make up tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

import torch
from torch import Tensor

from utils.files import pickles
from utils.files.pickle_values import Refused, word

MAX_DIMENSIONS = 64
LoadStorage = Callable[[tuple[Any, ...]], tuple["torch.UntypedStorage", "torch.dtype"]]


def unpickle(file: IO[bytes], load_storage: LoadStorage, *, plain: bool = False) -> Any:
    """Read one pickle; the file is left right behind it.

    Args:
        file: Open at the pickle's first byte.
        load_storage: Turns a reference to a tensor's numbers into them.
        plain: Refuse objects of classes that are not known, instead of letting a `StandIn` stand for them.

    Raises:
        Refused: It calls what is not known here, or is no whole pickle.
    """
    return pickles.unpickle(file, load_storage, calls=_CALLS, plain=plain)


def _tensor(held: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    storage, dtype = held
    if len(size) > MAX_DIMENSIONS or max((offset, *size, *stride), default=0) >= 1 << 62:
        raise Refused("a tensor larger than its data")
    reach = offset + 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if 0 not in size else offset
    if min((offset, *size, *stride)) < 0 or reach * dtype.itemsize > storage.nbytes():
        raise Refused(f"a tensor of shape {tuple(size)} larger than its data")
    return torch.empty(0, dtype=dtype, device=storage.device).set_(storage, offset, tuple(size), tuple(stride))


_CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
    "torch.Size": lambda sizes: tuple(sizes),
    "torch.device": lambda *parts: ":".join(map(word, parts)),
}
