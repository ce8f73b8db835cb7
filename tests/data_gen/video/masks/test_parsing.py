from __future__ import annotations

import numpy as np
import pytest

from data_gen.video.masks.parser import Masks, Parser
from data_gen.video.masks.parsing import make_parser, parse_frames
from utils import assets
from utils.errors import AssetError, ConfigError
from utils.faces.landmarks import MEAN_FACE


def portrait(size: int = 160) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw head and shoulders before a wall: frame, landmarks (68, 2), true head, true torso."""
    rng = np.random.default_rng(0)
    points = MEAN_FACE[:, :2] * [0.17 * size, -0.17 * size] + [size / 2, 0.4 * size]
    yy, xx = np.mgrid[0:size, 0:size] + 0.5
    chin, side = points[8, 1], np.ptp(points[:17, 0]) / 2
    torso = (yy > chin + 0.1 * size) & (np.abs(xx - size / 2) < 0.42 * size)
    torso |= (yy > chin - 0.1 * size) & (np.abs(xx - size / 2) < 0.6 * side)
    head = ((xx - size / 2) / (1.05 * side)) ** 2 + ((yy - 0.42 * size) / (chin - 0.42 * size)) ** 2 < 1
    frame = np.full((size, size, 3), (60, 120, 190), np.int64)
    frame[torso], frame[head] = (40, 40, 45), (205, 150, 125)
    frame = np.clip(frame + rng.normal(0, 4, frame.shape), 0, 255).astype(np.uint8)
    return frame, points, head, torso & ~head


def agreement(mask: np.ndarray, truth: np.ndarray) -> float:
    found = mask > 127
    return float((found & truth).sum() / (found | truth).sum())


def test_grabcut_needs_no_weights_and_finds_head_and_torso():
    frame, points, head, torso = portrait()
    masks = make_parser("grabcut").parse(frame, points)
    assert agreement(masks.head, head) > 0.85
    assert agreement(np.maximum(masks.neck, masks.cloth), torso) > 0.8
    again = make_parser("grabcut").parse(frame, points)
    np.testing.assert_array_equal(masks.head, again.head)


def test_without_weights_auto_is_grabcut_and_bisenet_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "roots", lambda: [tmp_path])
    assert make_parser("auto").name == "grabcut"
    with pytest.raises(AssetError, match="download face_parsing"):
        make_parser("bisenet")


def test_a_typo_is_named():
    with pytest.raises(ConfigError, match="Did you mean 'bisenet'"):
        make_parser("bisnet")  # type: ignore[arg-type]


class Flicker(Parser):
    name = "flicker"
    smoothing_frames = 1.5

    def parse(self, frame, points_px):
        value = np.full(frame.shape[:2], frame[0, 0, 0], np.uint8)
        return Masks(value, value // 4, value // 2)


def test_flicker_is_smoothed_within_shots_only(tmp_path):
    frames = np.zeros((40, 32, 32, 3), np.uint8)
    frames[20:] = 200
    frames[10] = 200
    said = parse_frames(frames, np.zeros((40, 68, 2)), Flicker(), tmp_path, lambda done, total: None, [20])
    head = np.load(tmp_path / "head_mask.npy")
    assert head[10].max() < 80
    assert head[19].max() == 0
    assert head[20].min() == 200
    assert np.load(tmp_path / "torso_mask.npy")[25, 0, 0] == 150
    assert said["source"] == "flicker"
    assert said["shares"]["head"]["most"] == pytest.approx(200 / 255, abs=0.01)


def test_bisenet_finds_a_face(tmp_path):
    if assets.find_asset("face_parsing") is None:
        pytest.skip("the BiSeNet weights are not here ($VIZEME_ASSETS)")
    from skimage.data import astronaut

    frame = np.ascontiguousarray(astronaut()[0:320, 60:380])
    masks = make_parser("bisenet").parse(frame, np.zeros((68, 2)))
    assert masks.head[100, 170] > 200
    assert masks.head[20, 20] < 50
    assert (masks.cloth[250:] > 200).mean() > 0.2
