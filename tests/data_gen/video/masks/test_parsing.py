from __future__ import annotations

import numpy as np
import pytest

from data_gen.video.masks.parser import Masks, Parser
from data_gen.video.masks.parsing import make_parser, parse_frames
from utils import assets
from utils.errors import AssetError, ConfigError
from utils.media.picture_file import open_pictures


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
    head = open_pictures(tmp_path, "head_mask", "")
    assert head[10].max() < 80
    assert head[19].max() == 0
    assert head[20].min() == 200
    assert open_pictures(tmp_path, "torso_mask", "")[25, 0, 0] == 150
    assert said["source"] == "flicker"
    assert said["shares"]["head"]["most"] == pytest.approx(200 / 255, abs=0.01)


class Seldom(Flicker):
    name = "seldom"
    smoothing_frames = 0.0
    every = 8


def test_a_dear_parser_sees_few_frames_and_none_that_are_left_out(tmp_path):
    asked: list[int] = []

    class Counted(Seldom):
        def parse(self, frame, points_px):
            asked.append(int(points_px[0, 0]))
            return super().parse(frame, points_px)

    frames = np.full((40, 32, 32, 3), 200, np.uint8)
    kept = np.arange(40) < 30
    points = np.tile(np.arange(40, dtype=float)[:, None, None], (1, 68, 2))
    parse_frames(frames, points, Counted(), tmp_path, lambda done, total: None, [17, 30], kept)
    assert sorted(asked) == [0, 8, 16, 17, 23, 29]
    head = open_pictures(tmp_path, "head_mask", "")
    assert (head[:30] == 200).all()
    assert head[30:].max() == 0
