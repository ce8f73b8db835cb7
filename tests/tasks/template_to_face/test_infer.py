"""Photos without a face are named, not dropped in silence."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tasks.template_to_face.infer import infer, templates_of_photos, write_one
from utils.errors import ConfigError, DataError
from utils.media.marks.marks import Marks
from utils.media.pictures import read_photo


class Mean:
    """A recogniser whose template is the mean colour."""

    def templates(self, crops):
        return crops.mean((1, 2)).astype(np.float32)


@pytest.fixture
def photos(tmp_path):
    for place, colour in (("anna/1", (10, 20, 30)), ("ben/1", (40, 50, 60))):
        (tmp_path / place).parent.mkdir(parents=True)
        Image.fromarray(np.full((112, 112, 3), colour, np.uint8)).save(tmp_path / f"{place}.png")
    return tmp_path


def test_aligned_crops_are_taken_as_they_are(photos):
    names, templates = templates_of_photos(photos, Mean(), aligned=True)
    assert names == ["anna_1", "ben_1"]
    assert templates.tolist() == [[10, 20, 30], [40, 50, 60]]
    assert templates_of_photos(photos / "ben/1.png", Mean(), aligned=True)[0] == ["1"]


def test_photos_without_a_face_are_named(photos, monkeypatch, capsys):
    detector = SimpleNamespace(close=lambda: None)
    monkeypatch.setattr("tasks.template_to_face.infer.make_detector", lambda name: detector)

    def crops_of(photo, _):
        return iter([photo] if photo[0, 0, 0] > 20 else [])

    monkeypatch.setattr("tasks.template_to_face.infer.crops_of", crops_of)
    assert templates_of_photos(photos, Mean(), aligned=False)[0] == ["ben_1"]
    assert capsys.readouterr().out == f"no face: {photos / 'anna/1.png'}\n"
    monkeypatch.setattr("tasks.template_to_face.infer.crops_of", lambda *_: iter([]))
    with pytest.raises(DataError, match=r"^No face in .*anna/1\.png nor in 1 more\. Crop closer, or give "):
        templates_of_photos(photos, Mean(), aligned=False)


def test_what_infer_lacks_is_named():
    task = SimpleNamespace(cfg=SimpleNamespace(infer_source=""), recogniser=None)
    with pytest.raises(ConfigError, match=r"^Say what to rebuild: --infer_source="):
        infer(task)
    task.cfg.infer_source = "x.npy"
    with pytest.raises(ConfigError, match="does not say which recogniser its templates are of"):
        infer(task)


def test_one_picture_holds_one_face_or_a_sheet_of_many(tmp_path):
    faces, plain = np.full((20, 112, 112, 3), 200, np.uint8), Marks(None)
    write_one(tmp_path / "one.png", ["anna"], faces[:1], np.ones(1, np.float32), plain)
    assert read_photo(tmp_path / "one.png").shape == (112, 112, 3)
    write_one(tmp_path / "many", [str(number) for number in range(20)], faces, np.ones(20, np.float32), plain)
    assert read_photo(tmp_path / "many.png").shape[1] == 4 * 112 + 3 * 4, "sixteen of them, four beside each other"
