"""A schema is a command line: flags, places, bounds, help, and every slip at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from utils.arguments import Assignments, Bare, Flag, Positional, Several, Steps, read_words, usage
from utils.config.schema import Config, Count
from utils.errors import ConfigError


class Settings(Config):
    """Say it with a face.

    python say.py May hello.wav
    """

    id: Annotated[str, Positional()]
    """who speaks"""
    audio: Annotated[tuple[Path, ...], Positional()] = ()
    """what is said"""
    size: Annotated[int, Field(ge=16, le=2048)] = 160
    """height of a frame, pixels"""
    out: Path | None = None
    """the file to write (infer_out/<id>.mp4)"""
    mode: Literal["loop", "still"] = "loop"
    """how the head moves"""
    val_wav: str = ""
    """a sentence"""
    reset: bool = False
    """begin anew"""
    redo: tuple[Literal["cuts", "landmarks"], ...] = ()
    """a stage to do again; may be repeated"""
    labels: Annotated[tuple[str, ...], Several()] = ()
    """a name for each"""
    steps: Steps = "best"
    """which checkpoint"""
    debug: Annotated[Literal["fast", "overfit"] | None, Bare("fast")] = None
    """try it"""
    count: Annotated[Count, Flag("list")] = 1
    """how many"""
    settings: Annotated[
        tuple[str, ...], Flag("set"), Assignments(("tasks.speaking.settings:PostSettings",))
    ] = ()
    """a setting; may be repeated"""


def read(line: str) -> Settings:
    return read_words(Settings, line.split(), "say.py")


def slip(line: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(line)
    return str(error.value)


def test_flags_stand_before_and_after_places_with_and_without_equals():
    settings = read("--size 32 May --mode=still a.wav --reset b.wav --val-wav=x --redo cuts --redo=landmarks")
    line = "May a.wav b.wav --size=32 --mode still --reset=true --val_wav x --redo=cuts --redo landmarks"
    assert settings == read(line)
    assert (settings.id, settings.audio) == ("May", (Path("a.wav"), Path("b.wav")))
    assert (settings.size, settings.mode, settings.reset, settings.val_wav) == (32, "still", True, "x")
    assert settings.redo == ("cuts", "landmarks")
    assert read("--id May --audio a.wav") == read("May a.wav")
    assert read("May -- -a.wav --size").audio == (Path("-a.wav"), Path("--size"))


def test_a_bare_flag_takes_only_what_it_can_mean():
    assert read("--debug May").debug == "fast"
    assert read("May --debug overfit").debug == "overfit"
    assert read("--reset May").id == "May"
    assert read("May --reset false").reset is False


def test_several_words_and_other_names():
    assert read("May --labels one two --list 3").labels == ("one", "two")
    assert read("May --list 3").count == 3
    assert read("May --out=").out is None
    assert read("May \udcff.wav").audio == (Path("\udcff.wav"),)


def test_settings_are_flags_where_set_works():
    line = "May --set infer_sil_db=-20 --infer_mouth_gain=1.5 --infer_sil_seconds 1 --infer_close_mouth_when_sil x.wav"
    expected = ("infer_sil_db=-20", "infer_mouth_gain=1.5", "infer_sil_seconds=1", "infer_close_mouth_when_sil=true")
    assert read(line).settings == expected
    assert read(line).audio == (Path("x.wav"),)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "ID: missing; who speaks"),
        ("May --siz=3", "--siz: no such flag; write --size"),
        ("May --infer_mouth_gian=3", "--infer_mouth_gian: no such flag; write --infer_mouth_gain"),
        ("May --colour red", "--colour: no such flag; see --help"),
        ("May --size", "--size: give it a value: height of a frame, pixels"),
        ("May --size --reset", "--size: give it a value: height of a frame, pixels"),
        ("May --size 8", "--size 8: input should be greater than or equal to 16"),
        ("May --size=x", "--size x: input should be a valid integer, unable to parse string as an integer"),
        ("May --size -32", "--size -32: input should be greater than or equal to 16"),
        ("May --mode stil", "--mode stil: input should be 'loop' or 'still'; write 'still'"),
        ("May --redo all", "--redo all: input should be 'cuts' or 'landmarks'"),
        ("May --steps soon", "--steps soon: write best, last or a number of updates"),
        ("May --set x", "'x' is not a setting; write name=value"),
        ("May --reset=2", "--reset 2: input should be a valid boolean, unable to interpret input"),
    ],
)
def test_a_slip_is_one_line_with_its_remedy(line, said):
    assert slip(line) == said


def test_all_slips_are_told_at_once():
    assert slip("--size 8 --mode stil --siz=3 --set x") == (
        "say.py: 5 things to mend\n"
        "  --siz: no such flag; write --size\n"
        "  ID: missing; who speaks\n"
        "  'x' is not a setting; write name=value\n"
        "  --size 8: input should be greater than or equal to 16\n"
        "  --mode stil: input should be 'loop' or 'still'; write 'still'"
    )


def test_the_help_has_every_flag_with_its_default():
    text = usage("python say.py", Settings, "Say it.")
    assert text.startswith(
        "usage: python say.py ID [AUDIO ...] [flags]\n\nSay it with a face.\n\npython say.py May hello.wav\n"
    )
    assert "\n  ID                         who speaks\n" in text
    assert "\n  --size N                   height of a frame, pixels (160)\n" in text
    assert "\n  --mode loop|still          how the head moves (loop)\n" in text
    assert "\n  --out PATH                 the file to write (infer_out/<id>.mp4)\n" in text
    assert "\n  --reset                    begin anew\n" in text
    assert "\n  --set NAME=VALUE           a setting; may be repeated" in text
