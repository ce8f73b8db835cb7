"""Hand bad things to a command or a reader, and judge how it refuses them.

The rule for what is the user's slip: exit code 2, an error of few and plain lines that says what and where, no
traceback, no file left behind, an end in time. What is odd but right is taken, and says nothing of errors.
"""

from __future__ import annotations

import functools
import random
import re
import signal
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.patience import HANG_S
from utils.command import run_command

SEED = 20_260_101
"""Of everything here that is random."""
WORK_S = 20
"""Processor seconds of this process: what takes more has no end in time, on a busy machine too."""
MOST_LINES, MOST_CHARACTERS = 40, 6000
"""An error that is longer has the input's rubbish in it, not what is wrong."""
INSIDE_TALK = re.compile(
    r"Traceback|<class '|object at 0x|NoneType|\[Errno|\bKeyError\b|\bTypeError\b|\bIndexError\b|\bAttributeError\b"
    r"|takes \d+ positional|not subscriptable|unhashable|DecompressionBomb"
)
"""Words that mean something to a programmer only."""


class Hangs(BaseException):
    """Raised in what comes to no end; nothing that is attacked may catch it."""


@dataclass(frozen=True)
class Answer:
    """How a command ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str


class Table:
    """Give hostile things to the project in one test, and note for the count how each was answered.

    Args:
        folder: Where the test's files lie; a refusal must leave it as it was.
        capsys: pytest's.
        note: Takes the kind of thing and the answer, "refused" or "taken".
    """

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], note: Callable[[str, str], None]) -> None:
        self.folder, self.capsys, self.note = folder, capsys, note

    def run(self, main: Callable[..., int | None], words: Sequence[str | Path]) -> Answer:
        """Run a command's `main` as its script does."""
        self.capsys.readouterr()
        with in_time(), pytest.raises(SystemExit) as left:
            run_command(functools.partial(main, [str(word) for word in words]))
        found = self.capsys.readouterr()
        return Answer(int(left.value.code or 0), found.out, found.err)

    def refuses(
        self, kind: str, main: Callable[..., int | None], words: Sequence[str | Path], says: str = "", leaves: str = ""
    ) -> Answer:
        """Run a command that must refuse; `says` must stand in its error, files like `leaves` may be left."""
        before = files_in(self.folder)
        answer = self.run(main, words)
        assert answer.code == 2, f"exit code {answer.code}\n{answer.out}{answer.err}"
        check_error(answer.err, says)
        left = {name: size for name, size in files_in(self.folder).items() if before.get(name) != size}
        left = {name: size for name, size in left.items() if not (leaves and re.search(leaves, name))}
        assert not left, f"left behind: {left}"
        self.note(kind, "refused")
        return answer

    def takes(self, kind: str, main: Callable[..., int | None], words: Sequence[str | Path]) -> Answer:
        """Run a command that must do what it is asked, and say or leave something."""
        answer = self.run(main, words)
        assert answer.code == 0, answer.err
        assert answer.out.strip(), "exit code 0 and nothing to show for it"
        self.note(kind, "taken")
        return answer

    def reads(self, kind: str, read: Callable[[], Any], *, name: str = "") -> Any:
        """Call a reader that either gives data or refuses as a command would; return the data, or None."""
        given: list[Any] = []

        def main(_: list[str]) -> int:
            given.append(read())
            return 0

        before = files_in(self.folder)
        answer = self.run(main, [])
        assert answer.code in (0, 2), answer.err
        if answer.code == 2:
            check_error(answer.err, name)
            assert files_in(self.folder) == before
        self.note(kind, "refused" if answer.code else "taken")
        return given[0] if given else None

    def read_refuses(self, kind: str, read: Callable[[], Any], says: str = "") -> str:
        """Call a reader that must refuse, and return its error."""

        def main(_: list[str]) -> int:
            read()
            return 0

        return self.refuses(kind, main, [], says).err


def check_error(text: str, says: str = "") -> None:
    """Fail unless a command's standard error is what a person can use."""
    body = text[text.rfind("error: ") :]
    assert "error: " in text, f"no error was told: {text!r}"
    assert says in body, f"{says!r} is not in: {body}"
    assert len(body.strip()) > len("error: ") + 8, text
    assert not (found := INSIDE_TALK.search(text)), f"{found[0]!r} in: {text}"
    assert len(body.splitlines()) <= MOST_LINES, text
    assert len(body) <= MOST_CHARACTERS, f"{len(body)} characters: {body[:300]} ..."
    rude = {char for char in body if unicodedata.category(char) in ("Cc", "Cs") and char != "\n"}
    assert not rude, f"control characters {sorted(map(hex, map(ord, rude)))} go to the terminal: {body!r}"


def files_in(folder: Path) -> dict[str, int]:
    """Return every file under a folder with its size."""
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


@contextmanager
def in_time(work_s: float = WORK_S) -> Iterator[None]:
    """Raise in what works too long, by the processor's clock, and in what waits for ever, by the one on the wall."""

    def ring(number: int, _: object) -> None:
        raise Hangs(f"no end after {work_s} s of work" if number == signal.SIGPROF else f"no end after {HANG_S} s")

    clocks = {signal.SIGPROF: (signal.ITIMER_PROF, work_s), signal.SIGALRM: (signal.ITIMER_REAL, HANG_S)}
    old = {number: signal.signal(number, ring) for number in clocks}
    for clock, seconds in clocks.values():
        signal.setitimer(clock, seconds)
    try:
        yield
    finally:
        for number, (clock, _) in clocks.items():
            signal.setitimer(clock, 0)
            signal.signal(number, old[number])


def flipped(data: bytes, seed: int, count: int = 1) -> bytes:
    """Change some bytes of a file, each into another one."""
    rng, out = random.Random(SEED + seed), bytearray(data)
    for place in rng.sample(range(len(out)), min(count, len(out))):
        out[place] ^= rng.randrange(1, 256)
    return bytes(out)


def truncated(data: bytes, share: float) -> bytes:
    """Cut a file off after a share of its bytes."""
    return data[: int(len(data) * share)]


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Let temporary files go to a folder, and fail when one of them stays."""
    folder.mkdir()
    old, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = old
    left = list(folder.iterdir())
    assert not left, f"left among the temporary files: {left}"


def sweep(table: Table, kind: str, data: bytes, file: Path, read: Callable[[], Any], count: int) -> None:
    """Change bytes at random many times, or cut the file; the reader refuses or reads."""
    rng = random.Random(SEED)
    for number in range(count):
        changed = truncated(data, rng.random()) if number % 5 == 0 else flipped(data, number, rng.randrange(1, 20))
        file.write_bytes(changed)
        table.reads(kind, read)
