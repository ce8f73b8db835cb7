"""Read a pickle as data: a small machine that knows containers, numbers, texts and tensors, and calls nothing else.

A pickle is a program that may name any function of Python and call it. Here a name stays a name: `Named`. The few
calls that make up a checkpoint are done by functions of this file (`_CALLS`); any other call is refused by its name.
An object of a class that is not known, such as a whole network, becomes a `StandIn` that only holds its attributes.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

MAX_STEPS = 20_000_000
"""Instructions of one pickle: GeneFace's dataset of a person has about 390 a frame, and so half an hour has room."""


class Refused(ValueError):
    """Say what in a pickle is not taken."""


@dataclass(frozen=True)
class Named:
    """A class or function that a pickle names; nothing of it is imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class StandIn:
    """An object of a class that is not imported: only the attributes it was saved with."""

    kind: Named
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class _NumpyType:
    """A number type under construction: numpy pickles its byte order apart from its name."""

    code: str
    order: str = "|"

    def make(self) -> np.dtype[Any]:
        dtype = np.dtype(self.code)
        if dtype.kind not in "fiub" or self.order not in "<>|=":
            raise Refused(f"numbers of numpy type {self.code!r}")
        return dtype.newbyteorder(">") if self.order == ">" else dtype


@dataclass(eq=False)
class _NumpyArray:
    """A numpy array under construction."""

    array: np.ndarray | None = None


LoadStorage = Callable[[tuple[Any, ...]], tuple["torch.UntypedStorage", "torch.dtype"]]


def unpickle(file: IO[bytes], load_storage: LoadStorage) -> Any:
    """Read one pickle; the file is left right behind it.

    Args:
        file: Open at the pickle's first byte.
        load_storage: Turns a reference to a tensor's numbers into them.

    Raises:
        Refused: It calls what is not known here, or is no whole pickle.
    """
    machine = _Machine(load_storage)
    try:
        for steps, (code, argument, _) in enumerate(pickletools.genops(file)):
            if steps > MAX_STEPS:
                raise Refused("a pickle without end")
            machine.step(code.name, argument)
    except Refused:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RuntimeError, OverflowError) as error:
        raise Refused(
            f"a pickle that is damaged ({str(error).splitlines()[0][:120] if str(error) else 'stack'})"
        ) from None
    if len(machine.stack) != 1:
        raise Refused("a pickle that is damaged (it leaves nothing, or too much)")
    return finished(machine.stack[0])


def finished(value: Any) -> Any:
    """Return an array that was under construction as the array, anything else as it is."""
    if not isinstance(value, _NumpyArray):
        return value
    if value.array is None:
        raise Refused("a numpy array without numbers")
    return value.array


_MARK = object()
_PLAIN = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8",
}  # fmt: skip
_EMPTY: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set,
}  # fmt: skip


class _Machine:
    """The stack and the memory of a pickle."""

    def __init__(self, load_storage: LoadStorage) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.load_storage = load_storage

    def step(self, code: str, argument: Any) -> None:
        """Do one instruction."""
        if code in _PLAIN:
            self.stack.append(argument)
        elif code in _EMPTY:
            self.stack.append(_EMPTY[code]())
        elif code in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[int(argument)] = self.stack[-1]
        elif code in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[int(argument)])
        elif code not in ("PROTO", "FRAME", "STOP"):
            method = getattr(self, f"do_{code.lower()}", None)
            if method is None:
                raise Refused(f"the pickle instruction {code}")
            method(argument)

    def _since_mark(self) -> list[Any]:
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise Refused("a pickle that is damaged (no mark)")
        values = self.stack[at + 1 :]
        del self.stack[at:]
        return [finished(value) for value in values]

    def _pop(self) -> Any:
        return finished(self.stack.pop())

    def do_mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def do_pop(self, _: Any) -> None:
        self.stack.pop()

    def do_pop_mark(self, _: Any) -> None:
        self._since_mark()

    def do_dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def do_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def do_tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._since_mark()))

    def do_tuple1(self, _: Any) -> None:
        self.stack.append((self._pop(),))

    def do_tuple2(self, _: Any) -> None:
        self.stack[-2:] = [tuple(map(finished, self.stack[-2:]))]

    def do_tuple3(self, _: Any) -> None:
        self.stack[-3:] = [tuple(map(finished, self.stack[-3:]))]

    def do_list(self, _: Any) -> None:
        self.stack.append(self._since_mark())

    def do_append(self, _: Any) -> None:
        value = self._pop()
        self._list().append(value)

    def do_appends(self, _: Any) -> None:
        values = self._since_mark()
        self._list().extend(values)

    def _list(self) -> list[Any]:
        if not isinstance(self.stack[-1], list):
            raise Refused(f"items given to a {type(self.stack[-1]).__name__}")
        return self.stack[-1]

    def do_additems(self, _: Any) -> None:
        values = self._since_mark()
        if not isinstance(self.stack[-1], set):
            raise Refused(f"items given to a {type(self.stack[-1]).__name__}")
        self.stack[-1].update(values)

    def do_frozenset(self, _: Any) -> None:
        self.stack.append(frozenset(self._since_mark()))

    def do_dict(self, _: Any) -> None:
        values = self._since_mark()
        self.stack.append({})
        self._set(values)

    def do_setitem(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def do_setitems(self, _: Any) -> None:
        self._set(self._since_mark())

    def _set(self, flat: list[Any]) -> None:
        if isinstance(self.stack[-1], StandIn):  # a class that is a dict, such as a settings object
            self.stack[-1].attributes.update(zip(map(str, flat[::2]), flat[1::2], strict=True))
            return
        if not isinstance(self.stack[-1], dict):
            raise Refused(f"keys given to a {type(self.stack[-1]).__name__}")
        self.stack[-1].update(zip(flat[::2], flat[1::2], strict=True))

    def do_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(Named(module, name))

    def do_stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise Refused("a name that is no text")
        self.stack.append(Named(module, name))

    def do_binpersid(self, _: Any) -> None:
        reference = self._pop()
        if isinstance(reference, tuple) and reference[:1] == ("module",) and len(reference) > 1:
            self.stack.append(reference[1])  # a class with its source text beside it, as torch wrote until 1.x
        elif isinstance(reference, tuple) and reference[:1] == ("storage",):
            self.stack.append(self.load_storage(reference))
        else:
            raise Refused("a reference that is no tensor")

    def do_newobj(self, _: Any) -> None:
        arguments, kind = self._pop(), self.stack.pop()
        if not isinstance(kind, Named) or arguments != ():
            raise Refused(f"an object made of {kind}")
        self.stack.append({} if str(kind) == "collections.OrderedDict" else StandIn(kind))

    def do_reduce(self, _: Any) -> None:
        arguments, called = self._pop(), self.stack.pop()
        if not isinstance(called, Named) or not isinstance(arguments, tuple):
            raise Refused("a call of something without a name")
        self.stack.append(call(called, arguments))

    def do_build(self, _: Any) -> None:
        state, target = self._pop(), self.stack[-1]
        if isinstance(target, StandIn):
            plain, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
            for part in (plain, slots):
                if isinstance(part, dict):
                    target.attributes.update({str(key): value for key, value in part.items()})
                elif part is not None:
                    raise Refused(f"the state of a {target.kind}")
        elif isinstance(target, _NumpyType):
            target.order = str(state[1])
        elif isinstance(target, _NumpyArray):
            target.array = _array(*state[1:5])
        elif not isinstance(target, dict):  # a state dict carries attributes that say nothing of its tensors
            raise Refused(f"a state given to a {type(target).__name__}")


def call(called: Named, arguments: tuple[Any, ...]) -> Any:
    """Do one of the calls of which checkpoints are made.

    Raises:
        Refused: It is another one.
    """
    module = {"numpy._core.multiarray": "numpy.core.multiarray", "__builtin__": "builtins"}.get(
        called.module, called.module
    )
    make = _CALLS.get(f"{module}.{called.name}")
    if make is None:
        raise Refused(f"a call of {module}.{called.name}")
    return make(*arguments)


def _tensor(held: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    storage, dtype = held
    reach = offset + 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if 0 not in size else offset
    if min((offset, *size, *stride)) < 0 or reach * dtype.itemsize > storage.nbytes():
        raise Refused(f"a tensor of shape {tuple(size)} larger than its data")
    return torch.empty(0, dtype=dtype).set_(storage, offset, tuple(size), tuple(stride))


def _array(shape: tuple[int, ...], kind: Any, fortran: bool, raw: bytes | str | list[Any]) -> np.ndarray:
    if isinstance(raw, list):  # numpy's way of saving containers: what is in the list was read by this machine
        held = np.empty(len(raw), object)
        held[:] = [finished(value) for value in raw]
        return held.reshape(shape, order="F" if fortran else "C")
    data = raw.encode("latin-1") if isinstance(raw, str) else raw
    return np.frombuffer(data, kind.make()).reshape(shape, order="F" if fortran else "C").copy()


def _scalar(kind: _NumpyType, raw: bytes | str) -> int | float | bool:
    return _array((), kind, False, raw).item()


def _reconstructed(kind: Any, base: Any, state: Any) -> Any:
    if not isinstance(kind, Named) or str(base) not in ("builtins.object", "__builtin__.object") or state is not None:
        raise Refused(f"an object made of {kind}")
    return StandIn(kind)


_CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
    "torch.Size": lambda sizes: tuple(sizes),
    "torch.device": lambda *parts: ":".join(map(str, parts)),
    "collections.defaultdict": lambda *_: {},
    "collections.OrderedDict": lambda items=(): dict(items),
    "builtins.set": lambda items=(): set(items),
    "builtins.frozenset": lambda items=(): frozenset(items),
    "_codecs.encode": lambda text, _="latin1": text.encode("latin-1"),
    "numpy.dtype": lambda code, *_: _NumpyType(str(code)),
    "numpy.core.multiarray._reconstruct": lambda *_: _NumpyArray(),
    "numpy.core.multiarray.scalar": _scalar,
    "copyreg._reconstructor": _reconstructed,
    "copy_reg._reconstructor": _reconstructed,
}
