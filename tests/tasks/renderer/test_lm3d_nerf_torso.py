"""A torso is trained under a frozen head, and renders alone."""

from __future__ import annotations

import numpy as np
import torch

from tasks.core.loading import load_task
from tasks.core.trainer import train
from tasks.renderer.lm3d_nerf import Lm3dNerfTask
from tasks.renderer.lm3d_nerf_torso import Lm3dNerfTorsoTask
from tests.tasks.renderer.small import pictures, settings


def test_two_updates_of_head_and_torso_end_in_a_checkpoint_that_renders_alone(video, tmp_path):
    head = Lm3dNerfTask(settings(video, max_updates=2, fit_poses=True))
    train(head, tmp_path / "head")
    torso = Lm3dNerfTorsoTask(settings(video, max_updates=2, head_model_dir=str(tmp_path / "head"), torso_size=16))
    train(torso, tmp_path / "torso")
    kept = load_task(tmp_path / "torso")
    assert kept.model.scene.plate.shape == (64, 64, 3)
    for name, value in load_task(tmp_path / "head", "best").model.head.state_dict().items():
        assert torch.equal(kept.model.head.state_dict()[name], value), f"the frozen head moved: {name}"
    assert kept.model.scene.pose_errors.any(), "poses are fitted before a validation"
    assert torch.equal(kept.model.scene.pose_errors, load_task(tmp_path / "head", "best").model.scene.pose_errors)
    other_place = load_task(tmp_path / "torso", settings={"binary_data_dir": str(tmp_path / "nowhere")})
    cameras, landmarks = head.footage.cameras[:3], head.footage.landmarks[:3]
    alone = np.stack(list(other_place.render(landmarks, cameras, np.arange(3))))
    assert alone.shape == (3, 64, 64, 3)
    assert np.array_equal(alone, pictures(kept))
    kept.prepare()
    assert kept.model.scene.pose_errors.any()
    assert np.array_equal(alone, pictures(kept)), "what --validate does first must not bring the untuned decoder back"
    head_alone = load_task(tmp_path / "head", "best")
    assert np.array_equal(pictures(kept, portrait=True), pictures(head_alone, portrait=True)), "over its own neck, too"
    saved = torch.load(tmp_path / "torso" / "last.ckpt", weights_only=True)["vizeme"]["frozen"]["head"]
    assert set(saved) == {"path", "updates", "sha256"}
    assert list((tmp_path / "head").rglob("events.*"))
