"""Read a pickle as data: a small machine that knows containers, numbers, texts and tensors, and calls nothing else.

A pickle is a program that may name any function of Python and call it. Here a name stays a name: `Named`. The few
calls that make up a checkpoint are done by functions of this file (`_CALLS`); any other call is refused by its name.
An object of a class that is not known, such as a whole network, becomes a `StandIn` that only holds its attributes.

A few bytes may also ask for work without end: tuples that hold the one before twice have a hash and a text that take
twice as long each, and a long text can be copied by every call. So keys are single values, refusals never write out
what they refuse, and copies are counted against the bytes that were read.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from tasks.weights.values import Named, NumpyArray, NumpyType, Refused, StandIn, finished, short_name, single_key, word

MAX_STEPS = 20_000_000
"""Instructions of one pickle: GeneFace's dataset of a person has about 390 a frame, and so half an hour has room."""
COPIES, FREE_COPIES = 8, 1 << 18
"""Entries and letters that calls may copy: so many a byte that was read, and so many besides."""
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
    machine, begin = _Machine(load_storage, plain), file.tell()
    try:
        for steps, (code, argument, place) in enumerate(pickletools.genops(file)):
            if steps > MAX_STEPS:
                raise Refused("a pickle without end")
            machine.step(code.name, argument)
            if machine.copied > COPIES * ((place or 0) - begin) + FREE_COPIES:
                raise Refused("a pickle that copies the same over and over")
    except Refused:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RuntimeError, OverflowError):
        raise Refused("a pickle that is damaged") from None
    if len(machine.stack) != 1:
        raise Refused("a pickle that is damaged (it leaves nothing, or too much)")
    return finished(machine.stack[0])


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

    def __init__(self, load_storage: LoadStorage, plain: bool) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.load_storage = load_storage
        self.plain = plain
        self.copied = 0

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
        self.stack[-1].update(map(single_key, values))

    def do_frozenset(self, _: Any) -> None:
        self.stack.append(frozenset(map(single_key, self._since_mark())))

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
            self.stack[-1].attributes.update(zip(map(word, flat[::2]), flat[1::2], strict=True))
            return
        if not isinstance(self.stack[-1], dict):
            raise Refused(f"keys given to a {type(self.stack[-1]).__name__}")
        self.stack[-1].update(zip(map(single_key, flat[::2]), flat[1::2], strict=True))

    def do_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(short_name(module, name))

    def do_stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise Refused("a name that is no text")
        self.stack.append(short_name(module, name))

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
            raise Refused(f"an object made of {word(kind)}")
        self.stack.append({} if str(kind) == "collections.OrderedDict" else self._stand_in(kind))

    def _stand_in(self, kind: Named) -> StandIn:
        if self.plain:
            raise Refused(f"an object of {kind}")
        return StandIn(kind)

    def do_reduce(self, _: Any) -> None:
        arguments, called = self._pop(), self.stack.pop()
        if not isinstance(called, Named) or not isinstance(arguments, tuple):
            raise Refused("a call of something without a name")
        self._count(arguments)
        result = call(called, arguments)
        self.stack.append(self._stand_in(result.kind) if isinstance(result, StandIn) else result)

    def _count(self, parts: Any) -> None:
        """Count what a call may copy of what it is given."""
        for part in parts if isinstance(parts, tuple) else (parts,):
            if isinstance(part, str | bytes | list | tuple | dict | set | frozenset):
                self.copied += len(part)

    def do_build(self, _: Any) -> None:
        state, target = self._pop(), self.stack[-1]
        self._count(state)
        if isinstance(target, StandIn):
            plain, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
            for part in (plain, slots):
                if isinstance(part, dict):
                    target.attributes.update({word(key): value for key, value in part.items()})
                elif part is not None:
                    raise Refused(f"the state of a {target.kind}")
        elif isinstance(target, NumpyType):
            target.order = word(state[1])
        elif isinstance(target, NumpyArray):
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
    if len(size) > MAX_DIMENSIONS or max((offset, *size, *stride), default=0) >= 1 << 62:
        raise Refused("a tensor larger than its data")
    reach = offset + 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if 0 not in size else offset
    if min((offset, *size, *stride)) < 0 or reach * dtype.itemsize > storage.nbytes():
        raise Refused(f"a tensor of shape {tuple(size)} larger than its data")
    return torch.empty(0, dtype=dtype, device=storage.device).set_(storage, offset, tuple(size), tuple(stride))


def _array(shape: tuple[int, ...], kind: Any, fortran: bool, raw: bytes | str | list[Any]) -> np.ndarray:
    if isinstance(raw, list):  # numpy's way of saving containers: what is in the list was read by this machine
        held = np.empty(len(raw), object)
        held[:] = [finished(value) for value in raw]
        return held.reshape(shape, order="F" if fortran else "C")
    data = raw.encode("latin-1") if isinstance(raw, str) else raw
    return np.frombuffer(data, kind.make()).reshape(shape, order="F" if fortran else "C").copy()


def _scalar(kind: NumpyType, raw: bytes | str) -> int | float | bool:
    return _array((), kind, False, raw).item()


def _reconstructed(kind: Any, base: Any, state: Any) -> Any:
    if not isinstance(kind, Named) or word(base) not in ("builtins.object", "__builtin__.object") or state is not None:
        raise Refused(f"an object made of {word(kind)}")
    return StandIn(kind)


_CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
    "torch.Size": lambda sizes: tuple(sizes),
    "torch.device": lambda *parts: ":".join(map(word, parts)),
    "collections.defaultdict": lambda *_: {},
    "collections.OrderedDict": lambda items=(): {single_key(key): value for key, value in items},
    "builtins.set": lambda items=(): set(map(single_key, items)),
    "builtins.frozenset": lambda items=(): frozenset(map(single_key, items)),
    "_codecs.encode": lambda text, _="latin1": text.encode("latin-1"),
    "numpy.dtype": lambda code, *_: NumpyType(word(code)[:16]),
    "numpy.core.multiarray._reconstruct": lambda *_: NumpyArray(),
    "numpy.core.multiarray.scalar": _scalar,
    "copyreg._reconstructor": _reconstructed,
    "copy_reg._reconstructor": _reconstructed,
}
