from __future__ import annotations

import pytest

from data_gen.video.framing.follow import follow
from tests.data_gen.video.scripted import face_at
from utils.errors import DataError


def test_the_nearest_face_of_a_like_size_goes_on_and_at_first_the_largest():
    small, large = face_at(100, 100, 20), face_at(250, 100, 40)
    assert follow([large, small], None) is large
    assert follow([large, small], face_at(104, 100, 21)) is small
    assert follow([], large) is None
    with pytest.raises(DataError, match="two faces of about equal size"):
        follow([large, face_at(100, 100, 38)], None)
