"""A picture's size is known before it is decoded, or it is none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from utils.media.picture_size import claimed_size


@pytest.mark.parametrize("options", [
    (".jpg", []), (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]), (".jpg", [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]),
    (".png", []),
])  # fmt: skip
def test_the_size_is_the_one_that_is_decoded(options):
    name, settings = options
    data = cv2.imencode(name, np.zeros((37, 130, 3), np.uint8), settings)[1].tobytes()
    assert claimed_size(data) == claimed_size(memoryview(data)) == (37, 130)


@pytest.mark.parametrize("data", [
    b"", b"\xff\xd8", b"\xff\xd8\xff", b"BM" + bytes(60), b"GIF89a" + bytes(60), b"\x89PNG\r\n\x1a\n" + bytes(40),
    b"\xff\xd8" + bytes(60),  # what a decoder would skip
    b"\xff\xd8\xff\xd0\xff\xc0" + bytes(60),  # a mark without a length, at which readers part
    b"\xff\xd8\xff\xff\xff\xc0" + bytes(60),
    b"\xff\xd8\xff\xe0\0\0" + bytes(60),
    b"\xff\xd8\xff\xe0\xff\xff" + bytes(60),
])  # fmt: skip
def test_what_is_no_plain_picture_has_no_size(data):
    assert claimed_size(data) is None
