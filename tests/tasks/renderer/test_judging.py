"""One judging of a render: box by box, by PSNR alone or also by SSIM and LPIPS."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.renderer.judging import PERCEPTUAL_SIDE, Sharpness, judge, perceptual_loss
from utils.faces.landmarks import MEAN_FACE

BOXES = {"head": None, "mouth": (20, 40, 44, 56), "eyes": (12, 16, 52, 28)}


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_the_frame_itself_is_perfect_and_noise_in_the_mouth_shows_there_alone():
    truth = picture()
    assert judge(truth, truth, BOXES)["head_psnr"] == 100
    dimmed = truth.copy()
    x0, y0, x1, y1 = BOXES["mouth"]
    dimmed[y0:y1, x0:x1] //= 2
    figures = judge(dimmed, truth, BOXES)
    assert figures["mouth_psnr"] < 30
    assert figures["eyes_psnr"] > figures["mouth_psnr"] + 20


def test_psnr_is_the_decibels_of_a_known_error():
    truth = np.full((64, 64, 3), 100, np.uint8)
    assert judge(truth + 10, truth, {"face": None}) == {"face_psnr": pytest.approx(20 * np.log10(255 / 10), abs=1e-4)}


def test_lpips_and_ssim_come_when_they_are_asked_for_and_lpips_only_where_it_can_judge():
    truth = picture()
    figures = judge(truth, truth, {"face": None}, lambda ours, theirs, box: 0.25)
    assert figures == {"face_psnr": 100, "face_ssim": pytest.approx(1), "face_lpips": 0.25}
    assert set(judge(truth, truth, {"face": None}, lambda *_: None)) == {"face_psnr", "face_ssim"}


def test_small_pictures_are_enlarged_for_lpips_and_large_ones_left():
    sides = []

    def net(ours, theirs):
        sides.append(tuple(ours.shape[-2:]))
        return (ours - theirs).abs().mean(dim=(1, 2, 3))

    for side in (16, PERCEPTUAL_SIDE, 100):
        a, b = torch.zeros(2, 3, side, side), torch.ones(2, 3, side, side)
        assert perceptual_loss(net, a, b) == 1
    assert sides == [(64, 64), (64, 64), (100, 100)]


def open_mouth(wider: float = 0.4) -> np.ndarray:
    points = MEAN_FACE[:, :2].astype(np.float64)
    points[65:68, 1] -= wider
    return np.array([32, 12]) + points * (18, -18)


def sharpness(picture: np.ndarray, points: np.ndarray) -> Sharpness:
    measure = Sharpness()
    measure.see(picture, points)
    return measure


def test_sharpness_is_of_what_is_between_the_lips_and_falls_by_the_square_of_contrast():
    truth, points = picture(), open_mouth()
    real = sharpness(truth, points)
    assert sharpness(truth, points).against(real) == 1
    assert sharpness((64 + truth / 2).round().astype(np.uint8), points).against(real) == pytest.approx(1 / 4, rel=0.02)
    elsewhere = truth.copy()
    elsewhere[:24] = elsewhere[48:] = 0
    assert sharpness(elsewhere, points).against(real) == 1
    assert sharpness(np.full_like(truth, 90), points).against(real) == 0


def test_closed_lips_and_no_face_say_nothing_of_sharpness():
    truth = picture()
    real = sharpness(truth, open_mouth())
    for points in (open_mouth(-0.05), open_mouth() * np.nan):
        assert sharpness(truth, points).against(real) is None
        assert real.against(sharpness(truth, points)) is None
