from __future__ import annotations

from data_gen.demo.clip import Clip
from data_gen.demo.mouth import MouthPose


def test_a_blink_shuts_the_eye(clip: Clip):
    shut = clip.face.landmarks_px(MouthPose(), closed=1.0)
    opened = clip.face.landmarks_px(MouthPose())
    height = [abs(p[[40, 41]] - p[[38, 37]])[:, 1].mean() for p in (opened, shut)]
    assert height[1] < 0.25 * height[0]
    eye = opened[36:42].mean(0).astype(int)
    iris = slice(eye[1] - 3, eye[1] + 3), slice(eye[0] - 4, eye[0] + 4)
    assert clip.face.paint(MouthPose(), closed=1.0)[iris].mean() > clip.face.paint(MouthPose())[iris].mean() + 30
