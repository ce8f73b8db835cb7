from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_gen.stages import Done
from data_gen.video.job import VideoJob
from data_gen.video.pose import camera
from data_gen.video.pose.tracking import fit_camera
from data_gen.video.stage import Bench
from tests.data_gen.video.made_motion import make_motion
from utils.files.arrays import load_arrays, save_arrays


def test_what_was_fitted_is_written_and_summed_up(tmp_path, monkeypatch):
    """The landmarks' own fit is written as it is; how the picture steadies it is the promise of `refine_pose`."""
    motion = make_motion(40)
    fit = fit_camera(motion.points_px, np.ones(40, bool), 512, 512, [20])
    asked = {}

    def steady(frames, fit, cuts, *, rounds, on_frame):
        asked.update(frames=frames.shape, cuts=cuts, rounds=rounds)
        on_frame(40)
        return fit

    monkeypatch.setattr(camera, "refine_pose", steady)
    np.save(tmp_path / "frames.npy", np.zeros((40, 512, 512, 3), np.uint8))
    save_arrays(tmp_path / "arrays.safetensors", {"points_px": motion.points_px, "found": np.ones(40, np.uint8)})
    summaries = {"convert": {"frames": 40}, "cuts": {"cuts": [20]}, "landmarks": {}}
    done = {name: Done(name, tmp_path, summary, "x", 0.0) for name, summary in summaries.items()}
    out = tmp_path / "out"
    out.mkdir()
    steps: list[tuple[int, int]] = []
    summary = camera.camera_stage(
        Bench(VideoJob("anna", Path("a.mp4")), done, (0, 0, 0)), out, lambda *step: steps.append(step)
    )
    arrays = load_arrays(out / "arrays.safetensors")
    np.testing.assert_array_equal(arrays["world_from_camera"], fit.world_from_camera)
    np.testing.assert_array_equal(arrays["landmarks"], fit.landmarks)
    assert set(arrays) == {"landmarks", "world_from_camera", "neutral", "reprojection_px"}
    assert summary["focal_px"] == pytest.approx(fit.focal_px)
    assert summary["reprojection_px"] == pytest.approx(fit.reprojection_px.mean())
    assert asked == {"frames": (40, 512, 512, 3), "cuts": [20], "rounds": 2}
    assert steps == [(40, 120)]
