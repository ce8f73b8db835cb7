"""Windows, codes and maps of landmarks."""

from __future__ import annotations

import torch

from modules.renderer.landmark_code import LandmarkCode, WindowAttention, landmark_maps, windows


def test_windows_repeat_the_ends():
    got = windows(torch.arange(3.0)[:, None], 5)[..., 0]
    assert got.tolist() == [[0, 0, 0, 1, 2], [0, 0, 1, 2, 2], [0, 1, 2, 2, 2]]


def test_attention_over_equal_frames_gives_the_frame():
    code = torch.randn(2, 1, 64)
    assert torch.allclose(WindowAttention(64, 5)(code.expand(2, 5, 64)), code[:, 0], atol=1e-5)


def test_codes_and_weights_have_their_widths():
    code = LandmarkCode(5, 64, 16)(torch.randn(3, 5, 68, 3))
    assert code.code.shape == (3, 64)
    assert code.weights.shape == (3, 16)
    assert code.weights.abs().max() <= 1


def test_a_landmark_is_drawn_where_it_is_seen():
    points = torch.zeros(68, 3)
    points[:, 0] = 100.0  # far outside
    points[61:64] = torch.tensor([0.5, 0.25, 0.0])
    pose = torch.eye(4)
    pose[2, 3] = 5.0
    places = torch.arange(64) + 0.5
    maps = landmark_maps(points, pose, places, places, 40.0, (64.0, 64.0), 1.0)
    row, column = divmod(int(maps[9].argmax()), 64)
    assert (row, column) == (29, 35)  # v = 32 - 40 * 0.25 / 5, u = 32 + 40 * 0.5 / 5, minus half a pixel, halves up
    assert maps[6].max() == 0
