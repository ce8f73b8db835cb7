"""Be a command: a row of a table says what may be typed and what it runs; exit codes; refusals in plain words.

    DOOR = Door("data_gen/run.py", "Make data.", (Command("video", VideoSettings, "data_gen.video.run:main", "..."),))
    run_command(DOOR.main)

What the rows name as strings is imported when it is run, so that help and slips are told at once.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import Any

from utils.arguments import find, read_words, row, usage
from utils.config.schema import Config
from utils.errors import WORKER_DIED, ConfigError, UserError, nearest
from utils.files.aside import make_folder
from utils.files.lock import filling
from utils.paths import ROOT, as_typed
from utils.processes.manner import HELP, begin_notes, take_manner
from utils.processes.world import settle_world


@dataclass(frozen=True)
class Command:
    """One command of a door.

    Attributes:
        name: What is typed after the door's name; empty for a door that is one command.
        settings: What may be typed: a schema, or "module:Schema". Its docstring, if any, is the longer help.
        run: "module:function", called with the settings that were read; it returns an exit code or None.
        help: One line.
        holds: The setting that names the folder to hold alone while it runs; empty holds none.
        first: "module:function", called with the settings before what `run` names is imported, to tell at once what can
            be told without it; an exit code that it returns ends the command.
    """

    name: str
    settings: type[Config] | str
    run: str
    help: str
    holds: str = ""
    first: str = ""

    def __call__(self, words: Sequence[str], title: str, at: Path | None = None) -> int:
        """Read the words after the command's name and run it, or print its help.

        Args:
            title: The command as typed.
            at: The folder in which it runs; paths that were typed are those of the present one.

        Raises:
            ConfigError: With every slip in the words at once.
        """
        schema: type[Config] = find(self.settings) if isinstance(self.settings, str) else self.settings
        before = list(words)[: list(words).index("--")] if "--" in words else words
        if "-h" in before or "--help" in before:
            print(as_typed(usage(title, schema, self.help[:1].upper() + self.help[1:] + ".")))
            print("\n".join(line for flag, text in HELP.items() for line in row(flag, text)))
            return 0
        settings: Any = read_words(schema, words, self.name or title)
        if at is not None:
            settings = settings.model_copy(update=_absolute(settings))
            make_folder(at)
            os.chdir(at)
            if "VIZEME_HOME" in os.environ:  # one that was named from where the command was typed
                os.environ["VIZEME_HOME"] = str(at)
        begin_notes()
        if self.first and (code := find(self.first)(settings)) is not None:
            return code
        run = find(self.run)
        if not self.holds:
            return run(settings) or 0
        with filling(Path(getattr(settings, self.holds))):
            return run(settings) or 0


def _absolute(settings: Config) -> dict[str, Any]:
    """Return the paths among the settings that were typed, as they are from any folder."""
    paths: dict[str, Any] = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if isinstance(value, Path):
            paths[name] = value.absolute()
        elif isinstance(value, tuple) and any(isinstance(one, Path) for one in value):
            paths[name] = tuple(one.absolute() if isinstance(one, Path) else one for one in value)
    return paths


@dataclass(frozen=True)
class Inner:
    """A door behind a door.

    Attributes:
        name: What is typed.
        run: "module:main", called with the words that follow.
        help: One line.
        settings: "module:Schema" of what may be typed, for a door that is one command and has no table.
    """

    name: str
    run: str
    help: str
    settings: str = ""

    def __call__(self, words: Sequence[str], title: str, at: Path | None = None) -> int:
        """Open it."""
        return find(self.run)(list(words)) or 0


@dataclass(frozen=True)
class Moved:
    """A command that is elsewhere now.

    Attributes:
        name: What was typed.
        help: Where it is, in one line.
    """

    name: str
    help: str

    def __call__(self, words: Sequence[str], title: str, at: Path | None = None) -> int:
        """Say where it is, and end with exit code 2."""
        raise ConfigError(self.help)


@dataclass(frozen=True)
class Door:
    """A script and its commands.

    Attributes:
        script: Its path.
        help: What its commands are for, in one line.
        rows: The commands.
    """

    script: str
    help: str
    rows: tuple[Command | Inner | Moved, ...]

    @property
    def typed(self) -> str:
        """Return what is typed to open it."""
        return f"python {self.script}" if self.script.endswith(".py") or self.script.startswith("-") else self.script

    def main(self, words: Sequence[str] | None = None, at: Path | None = None) -> int:
        """Run the command that the words (by default the command line) ask for, and return its exit code.

        Args:
            at: The folder in which commands run, as `Command` has it.

        Raises:
            ConfigError: There is no such command, or something is wrong with what follows it.
        """
        words = take_manner(sys.argv[1:] if words is None else words)
        if words == ["--version"]:
            print(version_text())
            return 0
        commands = {one.name: one for one in self.rows}
        if "" in commands:
            return commands[""](words, self.typed, at)
        names = [one.name for one in self.rows if not isinstance(one, Moved)]
        if not words:
            raise ConfigError(f"Say which command: {', '.join(names)} (--help tells what they do)")
        if words[0] in ("-h", "--help"):
            print(as_typed(self.usage()))
            return 0
        if words[0] not in commands:
            near = nearest(words[0], names)
            hint = f"Did you mean '{near}'? " if near else ""
            raise ConfigError(f"No command is called '{words[0]}'. {hint}Known: {', '.join(names)}.")
        return commands[words[0]](words[1:], f"{self.typed} {words[0]}", at)

    def usage(self) -> str:
        """Write the list of commands."""
        lines = [f"usage: {self.typed} COMMAND ...", "", self.help, "", "commands:"]
        for one in self.rows:
            lines += row(one.name, one.help, 12) if not isinstance(one, Moved) else []
        lines += ["", "with every command:", *(line for flag, text in HELP.items() for line in row(flag, text, 14))]
        return "\n".join([*lines, "", f"`{self.typed} COMMAND --help` tells a command's flags."])


def version_text() -> str:
    """Say which version this is, and for a checkout where it lies."""
    try:
        return f"vizeme {version('vizeme')}"
    except PackageNotFoundError:
        return f"vizeme (a checkout at {ROOT})"


_CHOOSE = "Change its permissions, or choose another place."
_MIXED = "A file and a folder are taken for each other in that path."
_ROOM = "Free some room, or choose another disk."
_REMEDIES = {
    errno.EACCES: _CHOOSE,
    errno.EPERM: _CHOOSE,
    errno.EROFS: _CHOOSE,
    errno.ENOTDIR: _MIXED,
    errno.EISDIR: _MIXED,
    errno.EEXIST: _MIXED,
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ELOOP: "A link there leads to itself; mend it.",
    errno.EFBIG: "A file may not grow so large here: look at `ulimit -f`.",
    errno.EMFILE: "Too many files are open: raise `ulimit -n`, or use fewer workers.",
    errno.ENOMEM: "End other programs, or make less at once.",
    errno.EIO: "The disk or the connection to it fails.",
    errno.ENOEXEC: "It is no program for this machine.",
    errno.ESTALE: "The folder was moved or deleted meanwhile.",
}
"""What the machine refuses for reasons outside the program, and what to do about it."""


MOST_LINES, MOST_CHARACTERS = 40, 240
"""Lines of an error, and characters of one, that are shown: what is longer is the rubbish that was given, sent back."""


def plain(text: str) -> str:
    """Return an error as a terminal may show it: control characters written out, what is overlong cut in the middle."""
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"  ... and {len(lines) - MOST_LINES + 1} lines more"]
    return "\n".join(_plain_line(line) for line in lines)


def _plain_line(line: str) -> str:
    # a path may be long and is needed whole; one word that is longer than any path may be is not
    most = MOST_CHARACTERS if max(map(len, line.split()), default=0) > 4 * MOST_CHARACTERS else 8 * MOST_CHARACTERS
    if len(line) > most:
        line = f"{line[: most // 2]} ... ({len(line)} characters) ... {line[-most // 2 :]}"
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in ("Cc", "Cf", "Cs") else char
        for char in line
    )


_NO_ROOM = re.compile(r"requested and \d+ written|file write failed|unexpected pos \d+ vs")
_WORKER = re.compile(r"DataLoader worker .*(exited unexpectedly|is killed)")
_NO_MEMORY = re.compile(r"can't allocate memory|[Oo]ut of memory")


def refused_by_machine(error: Exception) -> str | None:
    """Say what the machine refused and what to do about it; None when the error is of another kind.

    Not every library says it as Python does: safetensors has the number of the system's error in its text, numpy and
    torch only tell that less was written than they wanted.
    """
    if isinstance(error, OSError) and error.errno in _REMEDIES:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}. {_REMEDIES[error.errno]}"
    text = str(error)
    if isinstance(error, FileNotFoundError) and "No usable temporary directory" in text:
        remedy = "Free some room, or name one: TMPDIR=FOLDER. If files may not grow here, raise `ulimit -f`"
        return f"{error.strerror}: a folder for temporary files is needed. {remedy}."
    match = re.search(r"\(os error (\d+)\)", text)
    if match and int(match[1]) in _REMEDIES:
        return f"{os.strerror(int(match[1]))}. {_REMEDIES[int(match[1])]}"
    if isinstance(error, OSError | RuntimeError) and _NO_ROOM.search(text):
        return f"{os.strerror(errno.ENOSPC)}, it seems: a file could not be written whole. {_ROOM}"
    names = sys.getfilesystemencoding()  # the error may call the same by another name: latin-1, iso8859-1
    if isinstance(error, UnicodeEncodeError) and (error.encoding == names or names != "utf-8"):
        return f"A name has no form in this machine's {names}. Set LC_ALL=C.UTF-8, or choose another name."
    if isinstance(error, RuntimeError) and "etermine" in text and "home directory" in text:
        return "This user, or one named after `~`, has no home folder. Set HOME to a folder that may be written."
    if isinstance(error, ValueError) and text.startswith("embedded null "):
        return "A name or a path holds a NUL character, which no file's name may. Choose another."
    if type(error).__name__ == "BrokenProcessPool" or (isinstance(error, RuntimeError) and _WORKER.search(text)):
        return WORKER_DIED
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _NO_MEMORY.search(text)):
        return "There is too little memory. End other programs, or make less at once: a smaller batch, fewer workers."
    return None


def run_command(main: Callable[[], int | None]) -> None:
    """Run a command's `main` and exit: 2 on what is the user's to mend, its own code otherwise.

    Ctrl-C (130), SIGTERM (143) and SIGHUP (129) end it as an error does: what it was writing is removed, what it
    started is ended.

    OpenMP's threads are told to sleep while they wait for each other, which must be said before torch is imported: when
    another job wants the processor, threads that spin made an update of training seven times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="surrogateescape")  # a file's name need not be UTF-8
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` asks
                signal.signal(number, _end)
    try:
        settle_world()
        code = main() or 0
        sys.stdout.flush()
    except BrokenPipeError:  # who reads the output has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except UserError as error:
        print(plain(as_typed(f"error: {error}")), file=sys.stderr)
        code = 2
    except Exception as error:
        refusal = refused_by_machine(error)
        if refusal is None:
            raise
        print(plain(f"error: {refusal}"), file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)


def _end(number: int, frame: FrameType | None) -> None:
    """Leave by way of every `finally`, once: what comes while things are put in order must not break it off."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)
