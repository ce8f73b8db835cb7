from __future__ import annotations

import errno
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.patience import HANG_S
from utils.command import Command, Door, Moved, run_command
from utils.config.schema import Config
from utils.errors import ConfigError, DataError
from utils.paths import home


def exit_code(error: BaseException) -> int:
    def main() -> int:
        raise error

    with pytest.raises(SystemExit) as left:
        run_command(main)
    return int(left.value.code)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DataError("a.mp4 is empty."), "error: a.mp4 is empty.\n"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/data"),
            "error: /data: Permission denied. Change its permissions, or choose another place.\n",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "error: No space left on device. Free some room, or choose another disk.\n",
        ),
        (
            ValueError("embedded null byte"),
            "error: A name or a path holds a NUL character, which no file's name may. Choose another.\n",
        ),
        (
            RuntimeError("Could not determine home directory."),
            "error: This user, or one named after `~`, has no home folder. Set HOME to a folder that may be written.\n",
        ),
        (
            RuntimeError("could not determine the home directory for '~/.cache', set an absolute HOME or XDG variable"),
            "error: This user, or one named after `~`, has no home folder. Set HOME to a folder that may be written.\n",
        ),
        (
            UnicodeEncodeError(sys.getfilesystemencoding(), "\u2603", 0, 1, "ordinal not in range(256)"),
            f"error: A name has no form in this machine's {sys.getfilesystemencoding()}. Set LC_ALL=C.UTF-8, or choose "
            "another name.\n",
        ),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_exit_code_2(error, line, capsys):
    assert exit_code(error) == 2
    assert capsys.readouterr().err == line


def test_sigterm_ends_it_by_way_of_every_finally(tmp_path):
    code = (
        "import os, sys, time; from pathlib import Path; from utils.command import run_command;"
        "from utils.files.aside import write_aside\n"
        "def main():\n"
        " with write_aside(Path(sys.argv[1])) as aside:\n"
        "  aside.write_text('half'); os.kill(os.getpid(), 15); time.sleep(1000)\n"
        "run_command(main)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.txt")], cwd=Path(__file__).parents[2], timeout=HANG_S,
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (143, "")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_to_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("x")

    def main() -> None:
        (tmp_path / "file" / "folder").mkdir(parents=True, exist_ok=True)

    with pytest.raises(SystemExit) as left:
        run_command(main)
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}/file")


def test_an_error_of_ours_keeps_its_traceback():
    def main() -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file", "ours")

    with pytest.raises(FileNotFoundError):
        run_command(main)


def test_a_machine_without_a_temporary_folder_is_told_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nonexistent"])
    with pytest.raises(SystemExit) as left:
        run_command(tempfile.TemporaryFile)  # type: ignore[arg-type]
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: No usable temporary directory found in ['/nonexistent']: ")
    assert said.endswith("or name one: TMPDIR=FOLDER. If files may not grow here, raise `ulimit -f`.\n")


class Place(Config):
    out: Path
    """folder to fill"""


def told(settings: Place) -> int:
    """Stand in for a command's work."""
    print(settings.out, [path.name for path in settings.out.glob(".*")] if settings.out.is_dir() else "is not there")
    return 3


DOOR = Door(
    "make.py",
    "Make things.",
    (
        Command("look", Place, f"{__name__}:told", "look at a place"),
        Command("fill", f"{__name__}:Place", f"{__name__}:told", "fill a place", holds="out"),
        Moved("check", "`check` is elsewhere: python other.py"),
    ),
)


def test_a_row_runs_what_it_names_with_what_was_typed(tmp_path, capsys):
    assert DOOR.main(["look", f"--out={tmp_path / 'new'}"]) == 3
    assert capsys.readouterr().out == f"{tmp_path / 'new'} is not there\n"


def test_a_row_that_holds_a_folder_locks_it_meanwhile(tmp_path, capsys):
    assert DOOR.main(["fill", "--out", str(tmp_path / "new")]) == 3
    assert ".held_by.json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "Say which command: look, fill (--help tells what they do)"),
        ("lok", "No command is called 'lok'. Did you mean 'look'? Known: look, fill."),
        (
            "look --uot=x",
            "look: 2 things to mend\n  --uot: no such flag; write --out\n  --out: missing; folder to fill",
        ),
        ("fill", "--out: missing; folder to fill"),
        ("check May", "`check` is elsewhere: python other.py"),
    ],
)
def test_a_wrong_line_is_answered_with_its_remedy(line, said):
    with pytest.raises(ConfigError) as error:
        DOOR.main(line.split())
    assert str(error.value).removeprefix("make.py ") == said


def test_the_help_lists_the_commands_and_not_what_has_moved(capsys):
    assert DOOR.main(["--help"]) == 0
    assert capsys.readouterr().out == (
        "usage: python make.py COMMAND ...\n\nMake things.\n\ncommands:\n"
        "  look         look at a place\n  fill         fill a place\n\n"
        "with every command:\n"
        "  -q, --quiet    leave out progress and notes; results, warnings and errors stay\n"
        "  -v, --verbose  say more: which files are read\n\n"
        "`python make.py COMMAND --help` tells a command's flags.\n"
    )
    assert DOOR.main(["fill", "-h"]) == 0
    assert capsys.readouterr().out == (
        "usage: python make.py fill [flags]\n\nFill a place.\n\n"
        "  --out PATH                 folder to fill (required)\n"
        "  -q, --quiet                leave out progress and notes; results, warnings and errors stay\n"
        "  -v, --verbose              say more: which files are read\n"
    )


def look(settings: Config) -> int | None:
    """Look at a place before the command runs."""
    return 3 if settings.out.name == "listed" else None  # type: ignore[attr-defined]


def test_what_looks_first_may_end_a_command_whose_module_is_never_imported():
    command = Command("make", Place, "utils.nowhere:main", "make something", first=f"{__name__}:look")
    assert command(["--out", "listed"], "make") == 3
    with pytest.raises(ModuleNotFoundError, match=r"utils\.nowhere"):
        command(["--out", "else"], "make")


class Where(Config):
    """Nothing may be typed."""


def tell_home(settings: Where) -> None:
    print(home())


def test_a_home_named_from_where_the_command_is_typed_stays_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIZEME_HOME", "my home")
    door = Door("vizeme", "Try.", (Command("where", Where, f"{__name__}:tell_home", "tell"),))
    assert door.main(["where"], at=home()) == 0
    assert capsys.readouterr().out == f"{tmp_path}/my home\n"
    assert [path.name for path in tmp_path.iterdir()] == ["my home"]
    with pytest.raises(DataError, match="The folder /proc/nothing cannot be made"):
        door.main(["where"], at=Path("/proc/nothing"))
