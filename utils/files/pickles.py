"""Read a pickle as data: a small machine that knows containers, numbers, texts and arrays, and calls nothing else.

A pickle is a program that may name any function of Python and call it. Here a name stays a name: `Named`. The few
calls that make up plain data are done by functions of this file (`_CALLS`), those of tensors by functions that the
caller gives; any other call is refused by its name.
An object of a class that is not known, such as a whole network, becomes a `StandIn` that only holds its attributes.

A few bytes may also ask for work without end: tuples that hold the one before twice have a hash and a text that take
twice as long each, and a long text can be copied by every call. So keys are single values, refusals never write out
what they refuse, and copies are counted against the bytes that were read.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from utils.errors import DataError
from utils.files.pickle_values import (
    Named,
    NumpyArray,
    NumpyType,
    Refused,
    StandIn,
    finished,
    short_name,
    single_key,
    word,
)
from utils.paths import existing_file

MAX_STEPS = 20_000_000
"""Instructions of one pickle: GeneFace's dataset of a person has about 390 a frame, and so half an hour has room."""
COPIES, FREE_COPIES = 8, 1 << 18
"""Entries and letters that calls may copy: so many a byte that was read, and so many besides."""
MAX_STEPS_OF_DATA = 400_000_000
"""The same of a file of data that somebody names: a million templates of two recognisers have about 60 million."""

Load = Callable[[tuple[Any, ...]], Any]
Calls = Mapping[str, Callable[..., Any]]


def read_plain_pickle(path: Path, what: str) -> Any:
    """Read a pickle of containers, numbers, texts and numpy's arrays; anything else in it is refused.

    Args:
        what: What it should hold, for the error: "templates".

    Raises:
        DataError: It is missing, damaged, or holds something else; nothing of it is run.
    """
    file = existing_file(path)
    try:
        with file.open("rb") as stream:
            return unpickle(stream, plain=True, most=MAX_STEPS_OF_DATA)
    except Refused as error:
        raise DataError(f"{path} holds no {what} that can be read: it holds {error}. Nothing of it was run.") from None
    except RecursionError:
        raise DataError(f"{path} holds no {what} that can be read: its containers lie too deep.") from None


def no_reference(reference: tuple[Any, ...]) -> Any:
    """Refuse a reference to something outside the pickle."""
    raise Refused("a tensor where none belongs")


def unpickle(
    file: IO[bytes], load: Load = no_reference, *, calls: Calls | None = None, plain: bool = False,
    most: int = MAX_STEPS,
) -> Any:  # fmt: skip
    """Read one pickle; the file is left right behind it.

    Args:
        file: Open at the pickle's first byte.
        load: Turns a reference to a tensor's numbers into them.
        calls: Further calls that are known, by "module.name".
        plain: Refuse objects of classes that are not known, instead of letting a `StandIn` stand for them.
        most: Instructions that it may have.

    Raises:
        Refused: It calls what is not known here, or is no whole pickle.
    """
    machine, begin = _Machine(load, {**_CALLS, **(calls or {})}, plain), file.tell()
    try:
        for steps, (code, argument, place) in enumerate(pickletools.genops(file)):
            if steps > most:
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
    "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_EMPTY: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set,
}  # fmt: skip


class _Machine:
    """The stack and the memory of a pickle."""

    def __init__(self, load: Load, calls: Calls, plain: bool) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.load, self.calls = load, calls
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
            self.stack.append(self.load(reference))
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
        result = _call(self.calls, called, arguments)
        self.stack.append(self._stand_in(result.kind) if isinstance(result, StandIn) else result)

    def _count(self, parts: Any) -> None:
        """Count what a call may copy of what it is given."""
        for part in parts if isinstance(parts, tuple) else (parts,):
            if isinstance(part, str | bytes | bytearray | list | tuple | dict | set | frozenset):
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


def _call(calls: Calls, called: Named, arguments: tuple[Any, ...]) -> Any:
    """Do one of the calls of which data are made.

    Raises:
        Refused: It is another one.
    """
    module = {"__builtin__": "builtins"}.get(called.module, called.module.replace("numpy._core.", "numpy.core.", 1))
    make = calls.get(f"{module}.{called.name}")
    if make is None:
        raise Refused(f"a call of {module}.{called.name}")
    return make(*arguments)


def _array(shape: tuple[int, ...], kind: Any, fortran: bool, raw: bytes | str | list[Any]) -> np.ndarray:
    if isinstance(raw, list):  # numpy's way of saving containers: what is in the list was read by this machine
        held = np.empty(len(raw), object)
        held[:] = [finished(value) for value in raw]
        return held.reshape(shape, order="F" if fortran else "C")
    data = raw.encode("latin-1") if isinstance(raw, str) else raw
    return np.frombuffer(data, kind.make()).reshape(shape, order="F" if fortran else "C").copy()


def _from_buffer(raw: bytes | bytearray, kind: Any, shape: tuple[int, ...], order: Any = "C") -> np.ndarray:
    """Make an array as protocol 5 has it."""
    return _array(shape, kind, order == "F", bytes(raw))


def _scalar(kind: NumpyType, raw: bytes | str) -> int | float | bool:
    return _array((), kind, False, raw).item()


def _reconstructed(kind: Any, base: Any, state: Any) -> Any:
    if not isinstance(kind, Named) or word(base) not in ("builtins.object", "__builtin__.object") or state is not None:
        raise Refused(f"an object made of {word(kind)}")
    return StandIn(kind)


_CALLS: dict[str, Callable[..., Any]] = {
    "collections.defaultdict": lambda *_: {},
    "collections.OrderedDict": lambda items=(): {single_key(key): value for key, value in items},
    "builtins.set": lambda items=(): set(map(single_key, items)),
    "builtins.frozenset": lambda items=(): frozenset(map(single_key, items)),
    "_codecs.encode": lambda text, _="latin1": text.encode("latin-1"),
    "numpy.dtype": lambda code, *_: NumpyType(word(code)[:16]),
    "numpy.core.multiarray._reconstruct": lambda *_: NumpyArray(),
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _from_buffer,
    "copyreg._reconstructor": _reconstructed,
    "copy_reg._reconstructor": _reconstructed,
}
