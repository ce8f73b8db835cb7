from __future__ import annotations

import numpy as np
import pytest

from utils.errors import DataError
from utils.media.marks.manifest import read_manifest
from utils.media.marks.marks import Marks
from utils.media.marks.origin import Origin
from utils.media.marks.tags import read_picture_tags
from utils.media.video import VideoWriter
from utils.visualization.contact_sheet import main


@pytest.fixture
def video(tmp_path):
    with VideoWriter(tmp_path / "grey.mp4", 48, 64) as out:
        for index in range(20):
            out.write(np.full((48, 64, 3), 10 * index, np.uint8))
    return tmp_path / "grey.mp4"


def test_every_so_many_frames_stand_in_rows(video, tmp_path):
    import cv2

    out = tmp_path / "new/sheet.png"
    assert main([str(video), str(out), "--every=4", "--count=5", "--columns=3", "--size=24"]) == 0
    sheet = cv2.imread(str(out))
    assert sheet.shape[1] == 3 * 32 + 2 * 4
    first, second = sheet[30, 10], sheet[30, 46]
    assert int(second[0]) - int(first[0]) == pytest.approx(40, abs=4)


def test_slips_are_named(video, tmp_path):
    with pytest.raises(DataError, match=r"grey\.mp4 has no frame from 90 on"):
        main([str(video), str(tmp_path / "x.png"), "--start=90"])
    with pytest.raises(DataError, match=r"nothing\.mp4 does not exist"):
        main([str(tmp_path / "nothing.mp4"), str(tmp_path / "x.png")])
    with pytest.raises(DataError, match=r"end its name in \.png"):
        main([str(video), str(tmp_path)])


def test_a_sheet_of_a_made_film_says_that_it_shows_one(video, tmp_path):
    made = tmp_path / "made.mp4"
    with VideoWriter(made, 48, 64, marks=Marks(Origin("film", "anna/lm3d_nerf"))) as out:
        for index in range(20):
            out.write(np.full((48, 64, 3), 10 * index, np.uint8))
    for film in (made, video):
        assert main([str(film), str(film.with_suffix(".png")), "--count=4"]) == 0
    assert read_manifest(made.with_suffix(".png")).facts["run"] == "anna/lm3d_nerf"
    assert read_picture_tags(made.with_suffix(".png"))["title"] == "AI-generated picture"
    assert read_manifest(video.with_suffix(".png")) is None
    assert read_picture_tags(video.with_suffix(".png")) == {}
