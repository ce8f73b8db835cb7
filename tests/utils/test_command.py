from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from utils.command import run_command
from utils.errors import DataError


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
        "  aside.write_text('half'); os.kill(os.getpid(), 15); time.sleep(60)\n"
        "run_command(main)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.txt")], cwd=Path(__file__).parents[2], timeout=60,
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
