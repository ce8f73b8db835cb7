"""Where in what is said the lips must meet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from utils.errors import DataError
from utils.sound.timings import Said, lips_meet, read_timings


def test_a_table_of_words_and_a_presenters_truth_are_read(tmp_path):
    table = tmp_path / "anna.csv"
    table.write_text("start_s,end_s,text\n0.5,0.9,Bin\n0.9,1,blue\n")
    assert read_timings(table) == [Said(0.5, 0.9, "Bin"), Said(0.9, 1.0, "blue")]
    truth = tmp_path / "demo.truth.json"
    truth.write_text(json.dumps({"phonemes": [["m", 0.2, 0.28], ["aI", 0.28, 0.4]], "words": []}))
    assert read_timings(truth) == [Said(0.2, 0.28, "m"), Said(0.28, 0.4, "aI")]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "start_s,end_s,text\n0.5,,bin\n", "a.csv, row 2: '0.5' to '' is no stretch of time. "),
        ("a.csv", "start_s,end_s,text\n1,2,a\n3,2,b\n", "a.csv, row 3: '3' to '2' is no stretch of time. "),
        ("a.csv", "start_s,end_s,text\nnan,2,b\n", "a.csv, row 2: 'nan' to '2' is no stretch of time. "),
        ("a.csv", "start,text\n1,b\n", "a.csv has no column 'start_s'. "),
        ("a.json", "[1]", "a.json has no list of 'phonemes' as the demo's .truth.json has; "),
        ("a.json", '{"phonemes": [["m", {}, 2]]}', "a.json, row 0: '{}' to '2' is no stretch of time. "),
    ],
)
def test_what_is_no_table_is_said_in_a_line(tmp_path, name, text, said):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(DataError) as error:
        read_timings(Path(file))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def spans(*texts: str) -> list[tuple[int, int]]:
    return lips_meet([Said(1.0, 1.4, text) for text in texts])


BEGIN, END, WITHIN = (23, 28), (33, 38), (23, 38)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("blue", [BEGIN]), ("Place,", [BEGIN]), ("pneumatic", []), ("phone", []), ("psalm", [END]), ("pterodactyl", []),
        ("time", [END]), ("tape", [END]), ("lamb", [END]), ("calm", [END]), ("map", [BEGIN, END]),
        ("bomb", [BEGIN, END]), ("be", [BEGIN]), ("me", [BEGIN]), ("abe", [END]), ("seven", []), ("now", []),
        ("", []), ("sil", []), ("b", [WITHIN]), ("p", [WITHIN]), ("M", [WITHIN]), ("'m", [WITHIN]),
        ("apple", []), ("pst", []),
    ],
)  # fmt: skip
def test_lips_meet_where_a_word_begins_or_ends_in_p_b_or_m(text, where):
    assert spans(text) == where


def test_frames_are_those_of_the_stretch():
    assert lips_meet([Said(3.5, 3.7, "bin")], first_s=3.0) == [(10, 15)]
