"""Pictures are laid out as they say, and a face is written as a picture."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from tasks.speech_to_face.pictures import similarity_picture, to_bytes, write_face
from utils.media.marks.marks import Marks


def test_colours_become_bytes():
    images = torch.tensor([0.0, 0.5, 1.0, 2.0, -1.0]).view(5, 1, 1, 1).expand(5, 3, 2, 4)
    pictures = to_bytes(images)
    assert [picture.shape for picture in pictures] == [(2, 4, 3)] * 5
    assert [int(picture[0, 0, 0]) for picture in pictures] == [0, 128, 255, 255, 0]


def test_own_faces_are_the_bright_diagonal():
    picture = similarity_picture(torch.eye(3), torch.eye(3), side=90)
    cells = picture[-90:, :90][15::30, 15::30].sum(-1).astype(int)
    assert cells.shape == (3, 3)
    assert (np.diag(cells) > cells[~np.eye(3, dtype=bool)].max()).all()


def test_a_face_is_written_as_png_unless_the_name_says_otherwise(tmp_path):
    decoder = SimpleNamespace(
        device="cpu", render=lambda feature: SimpleNamespace(face=torch.ones(1, 3, 4, 4) * feature.view(1, 3, 1, 1))
    )
    for name, written, kind in (("a", "a.png", "PNG"), ("b.png", "b.png", "PNG"), ("c.jpg", "c.jpg", "JPEG")):
        write_face(decoder, torch.tensor([1.0, 0.0, 0.4]), tmp_path / "there" / name, Marks(None))
        opened = Image.open(tmp_path / "there" / written)
        assert opened.format == kind
        np.testing.assert_allclose(np.asarray(opened)[0, 0], [255, 0, 102], atol=3)
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["a.png", "b.png", "c.jpg"]
