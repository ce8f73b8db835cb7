"""Every pixel comes back as it was."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.handover.pictures import read_lossless, write_lossless
from utils.errors import DataError


@pytest.mark.parametrize("shape", [(5, 32, 34, 3), (5, 32, 34)])
def test_pictures_come_back_as_they_were_and_are_written_the_same(tmp_path, shape):
    pictures = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    for name in ("a.mkv", "b.mkv"):
        write_lossless(pictures, tmp_path / name, "packing")
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()
    read_lossless(tmp_path / "a.mkv", tmp_path / "a.npy", shape, "unpacking")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), pictures)


@pytest.mark.parametrize(
    ("shape", "text"), [((4, 32, 34), "more pictures"), ((6, 32, 34), "fewer pictures"), ((5, 34, 32), "are 34x32")]
)
def test_another_number_or_size_is_refused(tmp_path, shape, text):
    write_lossless(np.zeros((5, 32, 34), np.uint8), tmp_path / "a.mkv", "packing")
    with pytest.raises(DataError, match=text):
        read_lossless(tmp_path / "a.mkv", tmp_path / "a.npy", shape, "unpacking")
