"""Words of a command line to settings: a schema says which flags there are, and every slip is told at once."""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from utils.config.assignments import split_assignment
from utils.config.other_names import other_name
from utils.config.schema import Config, ConfigT, mistakes
from utils.errors import ConfigError, nearest


@dataclass(frozen=True)
class Positional:
    """Marks a setting that is told by its place (and may be told by its name); a list takes all words that are left."""


@dataclass(frozen=True)
class Flag:
    """Marks a flag that is not called as its field is, since a field may not be called `list` or `set`."""

    name: str
    short: str = ""


@dataclass(frozen=True)
class Several:
    """Marks a list whose flag takes all words up to the next flag: --labels one two."""


@dataclass(frozen=True)
class Bare:
    """Marks a flag that may stand without a value, and what it means then."""

    value: str = "true"


@dataclass(frozen=True)
class Assignments:
    """Marks the list of settings NAME=VALUE that are not the command's own.

    Attributes:
        schemas: "module:Schema" of settings that may be given as flags, too: --infer_scale_factor=0.5.
        any_flag: Whether every flag that is not the command's own belongs here.
    """

    schemas: tuple[str, ...] = ()
    any_flag: bool = False


def must(test: Callable[[Any], object], text: str) -> AfterValidator:
    """Return a bound of a setting: what does not pass the test is refused with the text."""

    def check(value: Any) -> Any:
        if not test(value):
            raise PydanticCustomError("refused", text)  # type: ignore[arg-type]
        return value

    return AfterValidator(check)


Steps = Annotated[
    str,
    must(lambda text: re.fullmatch(r"best|last|[-+]?[0-9]{1,18}", text), "write best, last or a number of updates"),
]
"""Which checkpoint of a run: best, last or a number of updates."""


def find(place: str) -> Any:
    """Import what "module:name" names."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def read_words(schema: type[ConfigT], words: Sequence[str], command: str) -> ConfigT:
    """Read the words of a command line into its settings.

    Args:
        command: What the command is called in an error of several lines.

    Raises:
        ConfigError: With every slip at once, and the nearest name of what is misspelt.
    """
    reader = _Reader(schema, command)
    reader.read(list(words))
    try:
        settings = schema.model_validate(reader.values)
    except ValidationError as error:
        lines = mistakes(schema, error, reader.write)
        reader.slips += [text for name, text in lines if name not in reader.missing and name not in reader.broken]
    else:
        if not reader.slips:
            return settings
    if len(reader.slips) == 1:
        raise ConfigError(reader.slips[0])
    raise ConfigError("\n  ".join([f"{command}: {len(reader.slips)} things to mend", *reader.slips]))


class _Reader:
    """Sort words into settings and slips."""

    def __init__(self, schema: type[Config], command: str) -> None:
        self.fields, self.command = schema.model_fields, command
        self.names = {_plain(flag_of(name, info)): name for name, info in self.fields.items()}
        for name, info in self.fields.items():
            if (flag := marker(info, Flag)) is not None and flag.short:
                self.names[flag.short.lstrip("-")] = name
        self.settings = next((name for name, info in self.fields.items() if marker(info, Assignments)), None)
        self.assignments = marker(self.fields[self.settings], Assignments) if self.settings else None
        self.values: dict[str, Any] = {}
        self.slips: list[str] = []
        self.missing: set[str] = set()
        self.broken: set[str] = set()

    def read(self, words: list[str]) -> None:
        """Read all words."""
        loose: list[str] = []
        unsure = False
        while words:
            word = words.pop(0)
            if word == "--":
                loose += words
                break
            if not is_flag(word):
                loose.append(word)
                continue
            flag, equals, value = word.partition("=")
            name = self.names.get(_plain(flag))
            if name is not None:
                self._take(name, flag, value if equals else None, words)
            elif not self._take_setting(flag, value if equals else None, words):
                unsure |= self._refuse(flag, bool(equals), words)
        self._place(loose, unsure)
        self._check_settings()

    def _take(self, name: str, flag: str, value: str | None, words: list[str]) -> None:
        """Take the value of one of the command's own flags."""
        info = self.fields[name]
        bare = _bare(info)
        if value is None and bare is not None:
            value = words.pop(0) if words and words[0] in _choices(info, bare) else bare
        elif value is None and marker(info, Several):
            several = []
            while words and not is_flag(words[0]):
                several.append(words.pop(0))
            if several:
                self.values[name] = [_value(info, text) for text in several]
                return
        elif value is None and words and not words[0].startswith("--"):
            value = words.pop(0)
        if value is None:
            self.slips.append(f"{flag}: give it a value: {one_line(info)}")
            self.broken.add(name)
        elif is_list(info):
            self.values[name] = [] if marker(info, Several) else self.values.get(name, [])
            self.values[name].append(_value(info, value))
        else:
            self.values[name] = _value(info, value)

    def _take_setting(self, flag: str, value: str | None, words: list[str]) -> bool:
        """Take a flag that is a setting of what the command uses; False when it is none."""
        assignments = self.assignments
        if assignments is None or not flag.startswith("--"):
            return False
        schema = next((s for s in self._schemas() if flag[2:].split(".")[0] in s.model_fields), None)
        if schema is None and not assignments.any_flag:
            return False
        bare = schema is not None and _bare(schema.model_fields[flag[2:].split(".")[0]]) is not None
        if value is None and words and (words[0] in ("true", "false") if bare else not words[0].startswith("--")):
            value = words.pop(0)
        self.values.setdefault(str(self.settings), []).append(f"{flag[2:]}={'true' if value is None else value}")
        return True

    def _schemas(self) -> Iterator[type[Config]]:
        yield from map(find, self.assignments.schemas if self.assignments else ())

    def _refuse(self, flag: str, has_value: bool, words: list[str]) -> bool:
        """Note a flag that does not exist; return whether the word after it may have been its value."""
        settings = (name for schema in self._schemas() for name in schema.model_fields)
        names = list(dict.fromkeys([*self.names, *settings]))
        longer = [name for name in names if name.startswith(_plain(flag))]
        guess = longer[0] if len(longer) == 1 else nearest(_plain(flag), names)
        answer = other_name(flag)
        self.slips.append(answer or f"{flag}: no such flag; " + (f"write --{guess}" if guess else "see --help"))
        return not has_value and bool(words) and not is_flag(words[0])

    def _place(self, loose: list[str], unsure: bool) -> None:
        """Give the words without a flag to the settings that are told by their place, and note what is missing."""
        for name, info in self.fields.items():
            if marker(info, Positional) and name not in self.values and loose:
                if is_list(info):
                    self.values[name] = [_value(info, text) for text in loose]
                    loose = []
                else:
                    self.values[name] = _value(info, loose.pop(0))
            elif info.is_required() and name not in self.values:
                self.missing.add(name)
                label = name.upper() if marker(info, Positional) else f"--{flag_of(name, info)}"
                if name not in self.broken and not (unsure and marker(info, Positional)):
                    self.slips.append(f"{label}: missing; {one_line(info)}")
        if not unsure:
            self.slips += [f"'{word}' does not belong to a flag; see --help" for word in loose]

    def _check_settings(self) -> None:
        for text in self.values.get(self.settings, []) if self.settings else []:
            try:
                split_assignment(text)
            except ConfigError as error:
                self.slips.append(str(error))

    def write(self, loc: tuple[int | str, ...], value: Any) -> str:
        """Write a setting and its value as they were typed."""
        info = self.fields.get(str(loc[0]))
        if info is None:
            return self.command
        label = str(loc[0]).upper() if marker(info, Positional) else f"--{flag_of(str(loc[0]), info)}"
        text = str(value)
        return f"{label} {text}" if text and not re.search(r"\s", text) else f"{label} {text!r}"


def flag_of(name: str, info: FieldInfo) -> str:
    """Return what a setting's flag is called, without dashes."""
    flag = marker(info, Flag)
    return flag.name if flag else name


def marker(info: FieldInfo, kind: type[Any]) -> Any:
    """Return the mark of a kind that a setting's type carries, or None."""
    return next((mark for mark in info.metadata if isinstance(mark, kind)), None)


def is_flag(word: str) -> bool:
    """Tell whether a word is a flag; a number below 0 and a lone dash are none."""
    return len(word) > 1 and word.startswith("-") and not re.match(r"-\.?[0-9]", word)


def _plain(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def parts(annotation: Any) -> list[Any]:
    """List a type and all that it is made of."""
    return [annotation, *(inner for part in typing.get_args(annotation) for inner in parts(part))]


def is_list(info: FieldInfo) -> bool:
    """Tell whether a setting takes several values."""
    return typing.get_origin(info.annotation) in (list, tuple)


def _bare(info: FieldInfo) -> str | None:
    mark = marker(info, Bare)
    return mark.value if mark else "true" if info.annotation is bool else None


def _choices(info: FieldInfo, bare: str) -> list[str]:
    words = [part for part in parts(info.annotation) if isinstance(part, str)]
    return words or [bare, "false"]


def _value(info: FieldInfo, text: str) -> Any:
    """Keep a file's name as a path, which need not be UTF-8; an empty one is none where there need be none."""
    if Path not in parts(info.annotation) or "\0" in text:
        return text
    return None if not text and type(None) in parts(info.annotation) else Path(text)


def one_line(info: FieldInfo) -> str:
    """Return a setting's help without its full stop."""
    return " ".join((info.description or "").split()).rstrip(".")


def usage(command: str, schema: type[Config], text: str) -> str:
    """Write the help of a command: how it is typed, what it does, every flag with its default.

    Args:
        text: What it does, for a schema without a docstring of its own.
    """
    places = {name: info for name, info in schema.model_fields.items() if marker(info, Positional)}
    words = [_place_of(name, info) for name, info in places.items()]
    lines = [" ".join(["usage:", command, *words, "[flags]"]), ""]
    lines += [inspect.cleandoc(schema.__dict__.get("__doc__") or text), ""]
    for name, info in (places | schema.model_fields).items():
        label = name.upper() if name in places else f"--{flag_of(name, info)}{_metavar(name, info)}"
        lines += row(label, one_line(info) + _default(info))
    return "\n".join(lines)


def row(label: str, text: str, width: int = 26) -> list[str]:
    """Write a name and its meaning as lines of a table."""
    lines = textwrap.wrap(text, 116 - width) or [""]
    head = [f"  {label:<{width}} {lines[0]}"] if len(label) <= width else [f"  {label}", f"  {'':<{width}} {lines[0]}"]
    return [*head, *(f"  {'':<{width}} {line}" for line in lines[1:])]


def _place_of(name: str, info: FieldInfo) -> str:
    label = f"{name.upper()} ..." if is_list(info) else name.upper()
    return label if info.is_required() else f"[{label}]"


def _metavar(name: str, info: FieldInfo) -> str:
    kept = parts(info.annotation)
    if info.annotation is bool:
        return ""
    if words := [part for part in kept if isinstance(part, str)]:
        return " " + "|".join(words)
    kinds: Mapping[Any, str] = {int: "N", float: "N", Path: "PATH"}
    text = "NAME=VALUE" if marker(info, Assignments) else next((kinds[p] for p in kept if p in kinds), "TEXT")
    return f" {text} ..." if marker(info, Several) else f" {text}"


def _default(info: FieldInfo) -> str:
    """Write a default as "(250)"; the help of a setting without one says in words what happens."""
    value = None if info.is_required() else info.get_default(call_default_factory=True)
    if value is None or value is False or value in ("", (), []):
        return "" if not info.is_required() or marker(info, Positional) else " (required)"
    return f" ({', '.join(map(str, value)) if isinstance(value, list | tuple) else value})"
