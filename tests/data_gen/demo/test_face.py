from __future__ import annotations

import numpy as np
import pytest

from data_gen.demo.clip import Clip
from data_gen.demo.mouth import MouthPose
from data_gen.demo.portrait import CANVAS


def test_the_jaw_moves_as_one_and_fades_towards_cheeks_and_neck(clip: Clip):
    rest, wide = (clip.face.landmarks_px(pose) for pose in (MouthPose(), MouthPose(1, jaw=1)))
    down = wide[:, 1] - rest[:, 1]
    assert down[57] == pytest.approx(down[8], rel=0.35)
    assert down[8] > 3 * max(down[2], down[14], 0.1)
    assert abs(down[27:36]).max() < 0.02 * clip.face.portrait.eye_distance_px
    before, after = clip.face.paint(MouthPose()), clip.face.paint(MouthPose(1, jaw=1))
    changed = np.argwhere((before != after).any(-1))
    assert changed[:, 0].max() < CANVAS - 1
    assert changed[:, 0].min() > clip.face.portrait.landmarks_px[30, 1]
