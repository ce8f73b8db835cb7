"""The benchmark's baselines are judged alike, and the plain network learns a made face."""

from __future__ import annotations

import torch

from tests.benchmarks.motion_baselines import judge, mean_face, nearest_neighbour, open_case, plain_network
from tests.made import make_video_dataset


def test_baselines_of_a_made_face(tmp_path):
    make_video_dataset(tmp_path / "made", frames=200, size=32)
    case = open_case("made:mel:0.2", tmp_path)
    assert (case.train.frames, case.val.frames) == (160, 40)
    still = judge(mean_face(case), case)
    assert still["lip_spread"] < 1e-3
    near = judge(nearest_neighbour(case), case)
    plain = judge(plain_network(case, seed=0, updates=20, check=10), case)
    assert near["lip_error"] < 0.6 * still["lip_error"]
    for found in (near, plain):
        assert found["lip_correlation"] > 0.8
    own = case.val.read(case.val.runs[0])
    true = judge(lambda audio, pitch: torch.from_numpy(own.landmarks), case)
    assert true["lip_error"] == 0
