"""Pictures are looked at as a detector does, and compared from afar."""

from __future__ import annotations

import numpy as np

from tasks.verdicts.faces import cut_out, little
from tests.made_faces import draw_face


class SeesNobody:
    """A detector that finds no face."""

    def forget(self):
        """Do nothing."""

    def detect(self, picture):
        assert picture.shape == (256, 256, 3), "small faces are enlarged"
        return []


def test_where_no_face_is_found_the_picture_is_the_crop():
    faces = np.stack([draw_face(0, 0, 64), draw_face(1, 0, 64)])
    crops, with_face = cut_out(faces, SeesNobody(), "made")
    assert crops.shape == (2, 112, 112, 3)
    assert with_face.tolist() == [False, False]
    assert little(faces).shape == (2, 32, 32, 3)
