from __future__ import annotations

import numpy as np

from data_gen.demo.clip import Clip
from data_gen.demo.mouth import MouthPose


def test_what_is_seen_between_the_lips_follows_the_gap(clip: Clip):
    """The brightness of the middle of the mouth changes from lip to teeth, and back when it closes."""
    face = clip.face
    shut, parted, wide = (face.paint(MouthPose(o, jaw=o)) for o in (0.0, 0.4, 1.0))
    lip = face.landmarks_px(MouthPose())[62]
    inside = slice(int(lip[1]), int(lip[1]) + 5), slice(int(lip[0]) - 8, int(lip[0]) + 8)

    def redness(image: np.ndarray) -> float:
        part = image[inside].astype(float)
        return float((part[..., 0] - part[..., 1]).mean())

    assert redness(shut) > redness(parted) + 15
    below = slice(int(lip[1]) + 14, int(lip[1]) + 18), inside[1]
    assert wide[below].mean() < 0.65 * shut[below].mean()


def test_closed_lips_show_no_tooth(clip: Clip):
    mouth = clip.face.mouth
    image = clip.face.paint(MouthPose()).astype(float)
    row = int(clip.face.landmarks_px(MouthPose())[62, 1])
    across = image[row - 4 : row + 5, int(mouth.left) + 8 : int(mouth.right) - 8]
    assert (across[..., 0] - across[..., 1]).min() > 12
