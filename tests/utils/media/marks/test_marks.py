"""One place marks films and pictures; without marks nothing changes, and that is said."""

import logging
import sys

import numpy as np

from tests.utils.media.marks.made import film
from utils.media.marks.detector import residual, search
from utils.media.marks.manifest import read_manifest
from utils.media.marks.marks import LEAST, LEAST_PART, Marks
from utils.media.marks.origin import Origin
from utils.media.marks.settings import MarkSettings
from utils.media.marks.tags import read_film_tags
from utils.media.video import read_frames

ORIGIN = Origin("film", "anna/lm3d_nerf", "ab" * 32, "agreed")


def test_a_film_bears_all_marks_and_is_the_same_bytes_twice(tmp_path):
    first, second = (film(tmp_path / f"{name}.mp4", Marks(ORIGIN, "en"), size=160) for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert read_manifest(first).unchanged
    assert read_film_tags(first)["comment"] == ORIGIN.tags("en")["comment"]
    found = search(sum(residual(frame) for frame in read_frames(first)))
    assert found.word == ORIGIN.word()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_no_mark_gives_the_bytes_of_ever_and_is_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "vizeme"):
        marks = Marks.of(MarkSettings(infer_mark=False), ORIGIN)
    assert "no mark was asked for (--no-mark" in caplog.text
    assert film(tmp_path / "a.mp4", marks).read_bytes() == film(tmp_path / "b.mp4").read_bytes()


def test_a_label_without_marks_is_only_a_label():
    marks = Marks.of(MarkSettings(infer_mark=False, infer_label="eu"), ORIGIN)
    picture = np.full((128, 128, 3), 90, np.uint8)
    labelled = marks.on(picture)
    assert (labelled[-20:, :10] != 90).any()
    assert (labelled[:64] == 90).all()
    assert marks.tags() == {}


def test_small_pictures_and_small_parts_stay_and_that_is_said_once(caplog):
    marks, small = Marks(ORIGIN), np.full((LEAST - 1, 400, 3), 90, np.uint8)
    part = np.zeros((400, 400), bool)
    part[: LEAST_PART - 1, :LEAST_PART] = True
    large = np.full((400, 400, 3), 90, np.uint8)
    with caplog.at_level(logging.INFO, "vizeme"):
        assert (marks.on(small) == small).all()
        assert (marks.on(large, part) == large).all()
    assert caplog.text.count("it bears no pattern") == 1
    assert (marks.on(large) != large).any()


def test_pictures_that_come_marked_are_not_marked_again():
    marks = Marks(ORIGIN, "zh").beside_pattern()
    picture = np.full((128, 128, 3), 90, np.uint8)
    assert (marks.on(picture) == picture).all()
    assert "label: 人工智能生成" in marks.tags()["comment"]


def test_another_kind_keeps_all_else():
    marks = Marks(ORIGIN, "en").of_kind("comparison")
    assert (marks.origin.kind, marks.origin.run, marks.label) == ("comparison", ORIGIN.run, "en")


def test_a_failing_library_costs_the_manifest_and_one_line(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    file = film(tmp_path / "a.mp4", Marks(ORIGIN))
    assert len(list(read_frames(file))) == 4
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("What is written now bears no signed manifest (C2PA): ")
    assert "\n" not in line
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
