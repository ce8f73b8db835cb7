"""Pictures of any kind are laid on one sheet."""

from __future__ import annotations

import numpy as np

from utils.drawing import canvas


def test_a_contact_sheet_takes_pictures_of_any_kind():
    images = [np.zeros((40, 60, 3), np.uint8), np.ones((20, 20)), np.full((80, 20, 3), 7, np.uint8)]
    sheet = canvas.contact_sheet(images, columns=2)
    assert sheet.shape == (84, 124, 3)
    assert sheet[20, 94].tolist() == [255, 255, 255]
    labelled = canvas.contact_sheet(images, ["one", "two", "three"], columns=3, size=30)
    assert labelled.shape[0] > 30
    assert labelled.shape[1] == 3 * 45 + 2 * 4
    assert canvas.grid_of({"true": images, "made": images}, 30).shape[1] == labelled.shape[1]
