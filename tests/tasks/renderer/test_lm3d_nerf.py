"""Head and torso: they learn a made face, come back from a checkpoint, and render the same picture every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasks.core.loading import load_task
from tasks.core.trainer import train, validate
from tasks.renderer.footage import Footage, scene_boxes
from tasks.renderer.lm3d_nerf import Lm3dNerfTask
from tasks.renderer.lm3d_nerf_torso import Lm3dNerfTorsoTask
from tasks.renderer.patches import PatchSource
from tests.made import make_video_dataset
from utils.errors import ConfigError, DataError

SMALL: dict[str, Any] = {
    "size": 64, "upsample": 2, "n_rays": 400, "n_frames": 1, "n_bases": 3, "plane_size": 24, "dynamic_size": 12,
    "grid_size": 16, "plane_channels": 8, "decoder_width": 8, "n_samples_per_ray": 8, "n_samples_per_ray_fine": 4,
    "eval_max_batches": 2, "num_valid_plots": 1, "val_check_interval": 2, "tb_log_interval": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video_dataset(tmp_path_factory.mktemp("videos") / "made", frames=40, size=64).path


def settings(video: Path, **others: Any) -> dict[str, Any]:
    task = "lm3d_nerf_torso" if "head_model_dir" in others else "lm3d_nerf"
    return {**SMALL, "task_cls": task, "video_id": video.name, "binary_data_dir": str(video.parent)} | others


def pictures(task: Any, count: int = 3, **others: Any) -> np.ndarray:
    footage = task.footage
    ids = np.arange(count)
    return np.stack(list(task.render(footage.landmarks[:count], footage.cameras[:count], ids, **others)))


def test_two_updates_of_head_and_torso_end_in_a_checkpoint_that_renders_alone(video, tmp_path):
    head = Lm3dNerfTask(settings(video, max_updates=2))
    train(head, tmp_path / "head")
    torso = Lm3dNerfTorsoTask(settings(video, max_updates=2, head_model_dir=str(tmp_path / "head"), torso_size=16))
    train(torso, tmp_path / "torso")
    kept = load_task(tmp_path / "torso")
    assert kept.model.scene.plate.shape == (64, 64, 3)
    for name, value in load_task(tmp_path / "head", "best").model.head.state_dict().items():
        assert torch.equal(kept.model.head.state_dict()[name], value), f"the frozen head moved: {name}"
    other_place = load_task(tmp_path / "torso", settings={"binary_data_dir": str(tmp_path / "nowhere")})
    cameras, landmarks = head.footage.cameras[:3], head.footage.landmarks[:3]
    alone = np.stack(list(other_place.render(landmarks, cameras, np.arange(3))))
    assert alone.shape == (3, 64, 64, 3)
    assert np.array_equal(alone, pictures(kept))
    kept.prepare()
    assert np.array_equal(alone, pictures(kept)), "what --validate does first must not bring the untuned decoder back"
    saved = torch.load(tmp_path / "torso" / "last.ckpt", weights_only=True)["vizeme"]["frozen"]["head"]
    assert set(saved) == {"path", "updates", "sha256"}
    assert list((tmp_path / "head").rglob("events.*"))


def test_a_head_learns_the_made_face(video):
    task = Lm3dNerfTask(settings(video, max_updates=120, ema_decay=0.0))
    task.prepare()
    source = task.train_source()
    made = task.configure_optimizers()
    optimizer, scheduler = made["optimizer"], made["lr_scheduler"]["scheduler"]
    torch.manual_seed(0)
    task.train()
    for update in range(120):
        task.updates = update
        losses = task.losses(source.batch(np.random.default_rng([0, update])))
        total = sum(getattr(task.cfg.weights, name) * value for name, value in losses.items())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        scheduler.step()
    task.eval()
    ids = task.val_source().ids
    found = [task.judge(int(i), p) for i, p in zip(ids, task.render_frames(ids), strict=True)]
    assert np.mean([f["face_psnr"] for f in found]) > 17
    assert np.mean([f["frame_psnr"] for f in found]) > 19


def test_rendering_is_the_same_in_pieces_and_twice(video):
    torch.manual_seed(0)
    task = Lm3dNerfTask(settings(video))
    task.prepare()
    first = pictures(task, 6)
    assert np.array_equal(first, pictures(task, 6, batch=2))
    assert pictures(task, 2, scale=0.5).shape == (2, 32, 32, 3)
    assert pictures(task, 1, scale=1.75).shape == (1, 112, 112, 3)


def test_vanilla_trains_and_renders(video):
    small = {"size": 16, "backbone": "vanilla", "upsample": 1, "n_rays": 36, "weights": {"coarse_rgb": 1.0}}
    task = Lm3dNerfTask(settings(video, **small))
    task.prepare()
    losses = task.losses(task.train_source().batch(np.random.default_rng(0)))
    assert losses["coarse_rgb"] > 0
    sum(losses.values()).backward()
    assert task.model.head.model_coarse.density_out_linear.weight.grad is not None
    assert pictures(task, 1).shape == (1, 16, 16, 3)


def test_neighbouring_frames_may_be_compared(video):
    task = Lm3dNerfTask(settings(video, weights={"temporal": 1.0}))
    task.prepare()
    batch = task.train_source().batch(np.random.default_rng(3))
    assert len(batch.frame_ids) == 2
    assert batch.frame_ids[1] - batch.frame_ids[0] in (0, 1)
    assert "temporal" in task.losses(batch)


def test_validation_judges_boxes(video):
    found = validate(Lm3dNerfTask(settings(video)))
    assert {"val/face_psnr", "val/mouth_psnr", "val/eyes_psnr", "val/head_psnr", "val/face_ssim"} <= set(found)


def test_what_does_not_go_together_is_said(video, tmp_path):
    with pytest.raises(ConfigError, match="set upsample: 1"):
        Lm3dNerfTask(settings(video, backbone="vanilla"))
    with pytest.raises(ConfigError, match="video_id is empty"):
        Lm3dNerfTask(settings(video, video_id="")).prepare()
    with pytest.raises(DataError, match="No checkpoint in"):
        Lm3dNerfTorsoTask(settings(video, head_model_dir=str(tmp_path))).prepare()
    train(Lm3dNerfTask(settings(video, max_updates=1, n_bases=2)), tmp_path / "head")
    with pytest.raises(ConfigError, match=r"trained with other settings\. Set here too: n_bases: 2"):
        Lm3dNerfTorsoTask(settings(video, head_model_dir=str(tmp_path / "head"))).prepare()


def test_a_batch_follows_from_its_generator_alone(video):
    footage = Footage(task_video(video), 64)
    source = PatchSource(footage, upsample=2, rays=100, frames=2)
    one, other = (source.batch(np.random.default_rng(5)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert one.target.shape == (2, 3, 20, 20)
    assert one.uv.shape == (2, 10, 10, 2)


def test_a_patch_shows_the_pixels_its_rays_pass(video):
    footage = Footage(task_video(video), 64)
    patch = PatchSource(footage, upsample=2, rays=64).patch(3, (10.0, 12.0))
    u, v = (patch.uv[0, 2, 3] - 1).long().tolist()
    wanted = footage.picture("frames", 3)[v : v + 2, u : u + 2]
    assert np.array_equal(patch.target[0, :, 4:6, 6:8].permute(1, 2, 0).numpy(), wanted)


def test_frames_larger_than_the_training_size_shrink(video):
    footage = Footage(task_video(video), 32)
    assert (footage.height, footage.width) == (32, 32)
    assert footage.picture("frames", 0).shape == (32, 32, 3)
    assert footage.focal == pytest.approx(task_video(video).meta.focal_px / 2)
    patch = PatchSource(footage, upsample=4, rays=4096).patch(0, (0.0, 0.0))
    assert patch.target.shape == (1, 3, 32, 32)
    assert footage.window(0, 5).shape == (5, 68, 3)


def test_windows_stop_at_a_cut(video):
    footage = Footage(task_video(video), 64)
    cut = footage.video.meta.cuts[0]
    assert np.array_equal(footage.window(cut, 5)[0], footage.landmarks[cut])
    assert np.array_equal(footage.window(cut - 1, 5)[-1], footage.landmarks[cut - 1])


def test_the_box_holds_every_landmark(video):
    footage = Footage(task_video(video), 64)
    box, face_box = scene_boxes(footage, (-2.2, 1.0))
    from utils.faces.landmarks import MEAN_FACE

    points = MEAN_FACE + footage.landmarks / 10
    for corners in (box, face_box):
        assert (points >= corners[0]).all()
        assert (points <= corners[1]).all()
    assert (face_box[0] >= box[0]).all()
    assert (face_box[1] <= box[1]).all()


def task_video(path: Path) -> Any:
    from data_gen.video.dataset import open_video

    return open_video(path)
