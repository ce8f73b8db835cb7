from __future__ import annotations

import numpy as np

from data_gen.video.pictures import contact_sheet, draw_curves, overlay
from tests.made import make_video_dataset
from utils.media.pictures import read_photo


def test_head_and_torso_are_tinted_by_their_share():
    frame = np.full((1, 3, 3), 100, np.uint8)
    head, torso = np.array([[255, 0, 0]], np.uint8), np.array([[0, 255, 0]], np.uint8)
    # 0.55 of the picture and 0.45 of the colour
    assert overlay(frame, head, torso)[0].tolist() == [[170, 73, 73], [73, 91, 170], [100, 100, 100]]


def test_a_sheet_has_four_rows_of_frames_and_the_plate(tmp_path):
    data = make_video_dataset(tmp_path / "anna", frames=26, size=32)
    sheet = contact_sheet(data, columns=3, cell=48)
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] == 3 * 48
    assert sheet.shape[0] > 5 * 48, "five rows and their labels"
    assert sheet.shape[0] % 5 == 0


def test_the_curves_become_one_picture(tmp_path):
    data = make_video_dataset(tmp_path / "anna", frames=26, size=32)
    sync = {"frames": 1.5, "offsets_frames": [-1.0, 0.0, 1.0], "curve": [0.1, 0.4, 0.2]}
    draw_curves(data, sync, np.zeros(26), np.ones(26), tmp_path / "curves.png")
    assert read_photo(tmp_path / "curves.png").shape == (880, 960, 3)
