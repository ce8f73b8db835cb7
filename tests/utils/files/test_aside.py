"""What is written aside takes its place whole, or nothing changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import HANG_S
from utils.errors import DataError
from utils.files.aside import _machine, _short, clear_after_killed, folder_beside, write_aside
from utils.files.ownership import Made


def test_what_was_there_stays_until_the_new_file_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyError), write_aside(path) as aside:  # noqa: PT012
        aside.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    with write_aside(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_of_ours_is_replaced_and_what_else_lies_in_it_is_carried_over(tmp_path):
    stage = tmp_path / "stage"
    made = Made(marker="stage.json", says=("name", "one"))
    for text in ("one", "two"):
        with write_aside(stage, made) as aside:
            aside.mkdir()
            (aside / "stage.json").write_text('{"name": "one"}')
            (aside / "file").write_text(text)
        (stage / "mine").mkdir(exist_ok=True)
        (stage / "mine" / "thesis.txt").write_text("years")
        (stage / "link").is_symlink() or (stage / "link").symlink_to("nowhere")
    assert sorted(path.name for path in stage.iterdir()) == ["file", "link", "mine", "stage.json"]
    assert ((stage / "file").read_text(), (stage / "mine" / "thesis.txt").read_text()) == ("two", "years")
    assert [path.name for path in tmp_path.iterdir()] == ["stage"]


def write_a_folder(path: Path) -> None:
    with write_aside(path) as aside:
        aside.mkdir()
        (aside / "file").write_text("new")


def test_a_folder_of_which_nothing_is_known_never_loses_a_file(tmp_path):
    stage = tmp_path / "stage"
    stage.mkdir()
    (stage / "file").write_text("mine")
    with pytest.raises(DataError, match="file lies where this command writes"):
        write_a_folder(stage)
    assert (stage / "file").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["stage"]


KILLED = """
import os, signal, sys
from pathlib import Path
from utils.files import aside as files
path = Path(sys.argv[1])
if path.is_dir():  # as between the two renames that replace a folder
    files.os.rename = lambda source, target, rename=os.rename: (rename(source, target), os.kill(os.getpid(), 9))
with files.write_aside(path) as half:
    half.mkdir() if path.is_dir() else half.write_text("half")
    path.is_dir() or os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_while_writing(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=Path(__file__).parents[3], timeout=HANG_S)
    assert done.returncode == -9


def test_what_was_written_aside_for_a_file_that_was_itself_aside_is_removed_too(tmp_path):
    """A video's sound is: killed between the two, both were left, and only one of them was known again."""
    code = (
        "import os, sys\nfrom utils.files.aside import write_aside\n"
        "with write_aside(sys.argv[1] + '/demo.mp4') as video, write_aside(video.with_suffix('.wav')) as sound:\n"
        "    video.write_text('half'), sound.write_text('half')\n    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[3], timeout=HANG_S)
    assert done.returncode == -9
    assert len(list(tmp_path.iterdir())) == 2
    with write_aside(tmp_path / "demo.mp4") as aside:
        aside.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["demo.mp4"]


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    path = tmp_path / "a.b.txt"
    path.write_text("old")
    killed_while_writing(path)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    with write_aside(path) as aside, write_aside(path) as other:
        aside.write_text("new")
        other.write_text("at the same time")
        assert len(list(tmp_path.iterdir())) == 3, "those of living processes stay"
    assert [file.name for file in tmp_path.iterdir()] == ["a.b.txt"]


def test_a_folder_that_was_being_replaced_is_put_back(tmp_path):
    path = tmp_path / "anna.v2"
    path.mkdir()
    (path / "precious").write_text("mine")
    killed_while_writing(path)
    assert not path.exists()
    clear_after_killed(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["anna.v2"]
    assert (path / "precious").read_text() == "mine"


def test_a_folder_beside_goes_at_the_end_and_when_its_process_was_killed(tmp_path):
    left = tmp_path / f".a.{_machine()}-999999999-abcdef.part.vizeme"
    left.mkdir()
    (left / "x").write_text("x")
    with folder_beside(tmp_path / "a.vizeme") as folder, write_aside(tmp_path / "a.vizeme") as aside:
        aside.write_text("new")
        assert sorted(tmp_path.iterdir()) == sorted([folder, aside])
    assert [path.name for path in tmp_path.iterdir()] == ["a.vizeme"]


def test_a_file_never_takes_the_place_of_a_folder(tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "precious").write_text("mine")
    with pytest.raises(DataError, match="videos is a folder"), write_aside(tmp_path / "videos") as aside:
        aside.write_text("new")
    assert (tmp_path / "videos" / "precious").read_text() == "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["videos"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(DataError, match=r"file/new cannot be made \(Not a directory\)"),
        write_aside(tmp_path / "file" / "new" / "a.txt"),
    ):
        pass


@pytest.mark.parametrize("stem", ["a" * 251, "ä" * 125 + "b"])
def test_a_name_as_long_as_names_may_be_is_written(tmp_path, stem):
    path = tmp_path / f"{stem}.txt"
    with write_aside(path) as aside, write_aside(aside) as inner:
        inner.write_text("whole")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    left = tmp_path / f".{_short(stem)}.{_machine()}-999999999-abcdef.part.txt"
    left.write_text("half")
    clear_after_killed(tmp_path, stem)
    assert not left.exists()
    assert path.read_text() == "whole"
