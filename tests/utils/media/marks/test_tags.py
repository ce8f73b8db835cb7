"""Tags are read as they were written, whatever stands in them, and rubbish holds none."""

import numpy as np
import pytest

from tests.utils.media.marks.made import film
from utils.errors import DataError
from utils.media.marks.marks import Marks
from utils.media.marks.origin import Origin
from utils.media.marks.tags import read_film_tags, read_picture_tags
from utils.media.pictures import write_picture

ODD = Origin("film", "anna/x", "ab" * 32, "she said: \"yes\"; = \\ # [ok] é 人", "none; [STREAM]")


def test_a_films_tags(tmp_path):
    marks = Marks(ODD, "zh")
    tags = read_film_tags(film(tmp_path / "a.mp4", marks))
    assert {name: tags[name] for name in ("title", "comment")} == {k: marks.tags()[k] for k in ("title", "comment")}
    assert "title" not in read_film_tags(film(tmp_path / "b.mp4"))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_pictures_tags(tmp_path, suffix):
    marks, picture = Marks(ODD), np.zeros((20, 20, 3), np.uint8)
    write_picture(tmp_path / f"a{suffix}", picture, marks)
    tags = read_picture_tags(tmp_path / f"a{suffix}")
    assert tags["comment"] == marks.tags()["comment"]
    assert tags["software"] == marks.tags()["software"]
    assert marks.tags()["title"] in tags["title"]
    write_picture(tmp_path / f"b{suffix}", picture)
    assert "comment" not in read_picture_tags(tmp_path / f"b{suffix}")


def test_rubbish_is_refused_or_holds_none(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG and no more")
    with pytest.raises(DataError):
        read_picture_tags(tmp_path / "a.png")
    assert read_film_tags(tmp_path / "a.png") == {}
