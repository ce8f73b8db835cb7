from __future__ import annotations

import numpy as np

from data_gen.demo.face import Face
from data_gen.demo.identity import Identity, make_identity
from data_gen.demo.mouth import MouthPose
from data_gen.demo.portrait import load_portrait


def test_identity_zero_is_the_portrait():
    assert make_identity(0).portrait() is load_portrait()


def test_an_identity_is_the_same_every_time_and_unlike_the_others():
    assert make_identity(5) == make_identity(5)
    faces = [make_identity(seed).portrait().image.astype(int) for seed in (0, 1, 2)]
    assert abs(faces[0] - faces[1]).mean() > 3
    assert abs(faces[1] - faces[2]).mean() > 3


def test_looks_tell_the_voice():
    people = [make_identity(seed) for seed in range(1, 60)]
    build = [p.looks.build for p in people]
    assert np.corrcoef(build, [p.voice.pitch for p in people])[0, 1] < -0.99
    assert np.corrcoef(build, [p.voice.formant_scale for p in people])[0, 1] < -0.99
    assert abs(np.corrcoef([p.looks.skin for p in people], [p.voice.pitch for p in people])[0, 1]) < 0.4


def test_a_heavy_build_has_the_wider_jaw():
    jaw = {}
    for build in (-0.8, 0.8):
        looks = type(make_identity(1).looks)(build=build)
        points = Identity(1, looks).portrait().landmarks_px
        jaw[build] = points[12, 0] - points[4, 0]
    assert jaw[0.8] > 1.05 * jaw[-0.8]


def test_every_identity_can_close_its_lips():
    for seed in (1, 2, 3):
        face = Face(make_identity(seed).portrait())
        points = face.landmarks_px(MouthPose())
        assert (points[[65, 66, 67], 1] - points[[63, 62, 61], 1]).max() < 0.6
        assert face.mouth.gap_px(MouthPose(0.8, jaw=0.8)) > 10
