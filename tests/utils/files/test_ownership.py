"""What proves that a file is ours, and what is left alone."""

from __future__ import annotations

import pytest

from utils.errors import ConfigError, DataError
from utils.files.ownership import Made, keep_only, refuse_folder_of_inputs, refuse_input_as_output

STAGE = Made(frozenset({"stage.json", "a.npy"}), marker="stage.json", says=("name", "probe"))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "probe"
    folder.mkdir()
    for name, text in (("stage.json", '{"name": "probe"}'), ("a.npy", "1"), ("mine.txt", "2")):
        (folder / name).write_text(text)
    return folder


def test_a_marker_proves_and_names_say_what(folder):
    assert [path.name for path in STAGE.ours(folder)] == ["a.npy", "stage.json"]
    assert [path.name for path in STAGE.strangers(folder)] == ["mine.txt"]
    STAGE.refuse_clash(folder)


@pytest.mark.parametrize("text", ['{"name": "sync"}', "[1]", "7", "{}"])
def test_a_marker_of_another_proves_nothing(folder, text):
    (folder / "stage.json").write_text(text)
    assert STAGE.ours(folder) == []
    with pytest.raises(DataError, match=r"a\.npy lies where this command writes"):
        STAGE.refuse_clash(folder)


def test_a_torn_marker_proves_only_where_all_names_are_ours(folder):
    (folder / "stage.json").write_text('{"name": "pro')
    assert STAGE.ours(folder) == []
    (folder / "mine.txt").unlink()
    assert len(STAGE.ours(folder)) == 2


def test_a_link_and_a_folder_of_our_name_are_not_ours(folder, tmp_path):
    (tmp_path / "elsewhere.npy").write_text("3")
    (folder / "a.npy").unlink()
    (folder / "a.npy").symlink_to(tmp_path / "elsewhere.npy")
    assert [path.name for path in STAGE.ours(folder)] == ["stage.json"]
    STAGE.delete(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["a.npy", "mine.txt"]


def test_only_whole_names_are_cleared(tmp_path):
    for name in ("clips-00000.json", "clips-00001.json", "clips-00001.json.bak", "clips-1.json"):
        (tmp_path / name).write_text("")
    keep_only(tmp_path, r"clips-\d{5}\.json", {"clips-00000.json"})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "clips-00000.json", "clips-00001.json.bak", "clips-1.json",
    ]  # fmt: skip


def test_an_output_is_never_an_input(tmp_path):
    source = tmp_path / "a.wav"
    source.write_text("x")
    (tmp_path / "b.wav").hardlink_to(source)
    refuse_input_as_output(tmp_path / "c.wav", [source, tmp_path / "missing.wav"])
    for out in (source, tmp_path / "b.wav", tmp_path / "." / "a.wav"):
        with pytest.raises(ConfigError, match="is what is read"):
            refuse_input_as_output(out, [source], "--out")


@pytest.mark.parametrize("stem", ["a" * 252, "\u4e2d" * 84])
def test_an_output_whose_name_is_too_long_is_told(tmp_path, stem):
    refuse_input_as_output(tmp_path / f"{stem[:-1]}.mp4", [tmp_path])
    with pytest.raises(ConfigError, match=r"^--out .* has 256 bytes; names have 255 at most"):
        refuse_input_as_output(tmp_path / f"{stem}.mp4", [], "--out")
    with pytest.raises(ConfigError, match=r"^The name .* has 256 bytes"):
        refuse_input_as_output(tmp_path / f"{stem}.mp4" / "a.mp4", [])


def test_a_folder_to_fill_neither_is_nor_holds_what_is_read(tmp_path):
    (tmp_path / "in").mkdir()
    refuse_folder_of_inputs(tmp_path / "in" / "made", [tmp_path / "in"], "--out")
    for out in (tmp_path, tmp_path / "in", tmp_path / "in" / ".." / "in"):
        with pytest.raises(ConfigError, match="holds what is read"):
            refuse_folder_of_inputs(out, [tmp_path / "in"], "--out")
