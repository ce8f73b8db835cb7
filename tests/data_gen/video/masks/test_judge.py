"""What is wrong with masks is told, with what mends it for the parser that made them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from data_gen.video.masks.judge import HOLLOW, chin_colour, covered_chins, hollow, mask_checks
from tests.data_gen.video.masks.test_mend import CHIN, POINTS, SIZE, person, torso_of


def test_a_lost_collar_is_measured_and_a_whole_torso_is_not_hollow():
    masks = person()
    torso = torso_of(masks).astype(np.uint8)
    assert hollow(masks.head, torso, POINTS) < 0.03
    torso[CHIN + 8 : CHIN + 40, 14:40] = 0
    assert hollow(masks.head, torso, POINTS) > HOLLOW
    assert hollow(np.zeros_like(torso), np.zeros_like(torso), POINTS) == 0


def test_something_before_the_chin_is_seen_by_its_colour():
    rng = np.random.default_rng(0)
    colours = []
    for index in range(20):
        frame = np.full((SIZE, SIZE, 3), (200, 150, 130), np.int64) + rng.integers(-15, 15)  # light comes and goes
        if index in (7, 8):
            frame[CHIN - 8 : CHIN + 10, 50:80] = (60, 90, 170)
        colours.append(chin_colour(frame.astype(np.uint8), POINTS))
    assert covered_chins(colours).tolist() == [7, 8]


@pytest.mark.parametrize(
    ("source", "remedy"), [("bisenet", "leave those parts out"), ("grabcut", "download face_parsing")]
)
def test_the_remedy_suits_the_parser(source, remedy):
    masks = person()
    frames = np.full((30, SIZE, SIZE, 3), 150, np.uint8)
    data = SimpleNamespace(
        head_mask=np.stack([masks.head] * 30), torso_mask=np.stack([torso_of(masks).astype(np.uint8)] * 30),
        landmarks_px=np.stack([POINTS] * 30), frames=frames, frame_ids=lambda: np.arange(30),
    )  # fmt: skip
    shares = {"mean": 0.1, "least": 0.09, "most": 0.3}
    said = {"source": source, "shares": {"head": shares, "torso": shares}}
    checks = {check.name: check for check in mask_checks(data, said)}
    assert checks["head mask"].verdict == "warn"
    assert remedy in checks["head mask"].remedy
    assert [checks[name].verdict for name in ("chin", "torso mask")] == ["pass", "pass"]
    assert ("weights" in checks["head mask"].remedy) == (source == "grabcut")
