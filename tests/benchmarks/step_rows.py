"""The training steps that are timed: our task on random data of the shapes that the original was timed with."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from data_gen.clips.corpus import MotionBatch
from tasks.core.task import Task
from tasks.registry import task_class
from tests.made import make_video_dataset
from utils.config.recipe import load_recipe
from utils.config.schema import parse

AUDIO = 1024
"""Width of HuBERT's features."""


class Original(NamedTuple):
    """CPU seconds a step of the original, plain and with freed memory kept; its parameters; its peak memory in MiB."""

    seconds: float
    tuned: float
    parameters: int
    memory: int


class Row(NamedTuple):
    """One training step.

    Args:
        make: Builds the task and one batch, given the precision.
        samples: What one step works through.
        unit: What a sample is.
        original: None where there is nothing to compare with.
    """

    make: Callable[[str], tuple[Task, Any]]
    samples: int
    unit: str
    original: Original | None


def build(recipe: str, precision: str, **settings: Any) -> Task:
    """Build the task of a recipe, with some settings changed and no data opened."""
    found = load_recipe(f"egs/{recipe}.yaml")
    weights = {**found.values.get("weights", {}), **settings.pop("weights", {})}
    kind = task_class(found.values["task_cls"])
    values = {**found.values, **settings, "precision": precision, "weights": weights}
    torch.manual_seed(0)
    return kind(parse(kind.schema, values, Path(recipe)))


def motion_batch(windows: int, frames: int, seed: int = 0) -> MotionBatch:
    """Make windows of random speech features and landmarks."""
    torch.manual_seed(seed)
    return MotionBatch(
        torch.randn(windows, 2 * frames, AUDIO),
        torch.randn(windows, frames, 68, 3),
        torch.full((windows, 2 * frames), 120.0),
        torch.ones(windows, frames, dtype=torch.bool),
        torch.arange(windows),
    )


def syncnet(precision: str) -> tuple[Task, Any]:
    """1024 clips out of 32 windows of 200 speech rows."""
    return build("datasets/lrs3/lm3d_syncnet", precision), motion_batch(32, 100)


def lm3d_vae_sync(precision: str, *, sync: bool) -> tuple[Task, Any]:
    """Reconstruct 32 windows of 100 frames; with `sync` SyncNet judges 1024 clips of them."""
    task = build("datasets/lrs3/lm3d_vae_sync", precision)
    task.freeze("syncnet", build("datasets/lrs3/lm3d_syncnet", precision))
    task.sync_on = sync  # type: ignore[assignment]
    return task, motion_batch(32, 100)


def postnet(precision: str) -> tuple[Task, Any]:
    """Refine 32 windows of 100 frames of anybody, and 1500 frames of the person in 15 windows."""
    from tasks.motion.postnet import PostnetBatch

    task = build("datasets/videos/May/lm3d_postnet_sync", precision)
    task.freeze("syncnet", build("datasets/lrs3/lm3d_syncnet", precision))
    task.freeze("audio2motion", build("datasets/lrs3/lm3d_vae_sync", precision))
    return task, PostnetBatch(motion_batch(32, 100), motion_batch(15, 100, seed=1))


def lm3d_nerf(precision: str, *, vanilla: bool) -> tuple[Task, Any]:
    """1600 rays of 64 + 128 samples through GeneFace's networks, or an update of our own renderer's recipe."""
    from tasks.renderer.patches import PatchBatch

    settings: dict[str, Any] = {}
    if vanilla:
        settings = {"backbone": "vanilla", "upsample": 1, "n_rays": 1600, "n_frames": 1}
        settings |= {"n_samples_per_ray": 64, "n_samples_per_ray_fine": 128, "weights": {"coarse_rgb": 1.0}}
    task = build("datasets/videos/May/lm3d_nerf", precision, **settings)
    cfg: Any = task.cfg
    model: Any = task.model
    model.scene.size.copy_(torch.tensor([512, 512]))
    model.scene.focal.copy_(torch.tensor(1024.0))
    if not vanilla:
        _put_head(model.head)
    frames, side, up = cfg.n_frames, round(cfg.n_rays**0.5), cfg.upsample
    grid = (torch.arange(side) + 0.5) * up
    corner = (512 - side * up) / 2 + 40.0 * torch.linspace(-1, 1, frames)[:, None, None]
    uv = torch.stack(
        [(corner + grid[None, None]).expand(-1, side, -1), (corner + grid[None, :, None]).expand(-1, -1, side)], -1
    )
    pose = torch.eye(4).repeat(frames, 1, 1)
    pose[:, 2, 3] = 10.0
    torch.manual_seed(1)
    pixels = (frames, 3, side * up, side * up)
    mask = torch.full((frames, 1, side * up, side * up), 255, dtype=torch.uint8)
    pictures = [torch.randint(0, 256, pixels, dtype=torch.uint8) for _ in range(2)]
    landmarks = torch.randn(frames, cfg.smo_win_size, 68, 3)
    return task, PatchBatch(torch.arange(frames), landmarks, pose, uv, *pictures, mask, mask, torch.ones(mask.shape))


def _put_head(head: Any) -> None:
    """Fill the grid with an ellipsoid as large as a head, so that rays hit something as they do after training."""
    side = torch.linspace(-1, 1, round(head.grid.numel() ** (1 / 3)))
    z, y, x = torch.meshgrid(side, side, side, indexing="ij")
    inside = (x / 0.72).square() + (y / 0.72).square() + (z / 0.8).square() < 1
    head.grid.data.copy_(torch.where(inside, 2.0, -12.0).flatten().view_as(head.grid))


def _vgg_face(precision: str) -> Task:
    """The published face encoder with random weights, 2622 persons."""
    settings = {"network": "vgg_face", "size": 224, "feature_dim": 4096, "classes": 2622}
    return build("datasets/face_voice/face_encoder", precision, **settings)


def voices_batch(count: int, feature_dim: int, *sound: int) -> Any:
    """Make what is heard of `count` voices, each of the shape `sound`, and their owners' face features."""
    from tasks.speech_to_face.data import VoiceBatch

    owners = torch.arange(count)
    return VoiceBatch(torch.randn(count, *sound), torch.rand(count, feature_dim), owners, owners)


def faces_batch(count: int, size: int, feature_dim: int) -> Any:
    """Make faces of as many persons."""
    from tasks.speech_to_face.data import FaceBatch

    people = torch.arange(count)
    points = torch.rand(count, 68, 2) - 0.5
    return FaceBatch(torch.rand(count, 3, size, size), points, people, torch.rand(count, feature_dim), people)


def _around_head(name: str, precision: str) -> tuple[Task, Any]:
    """Learn around an untrained head from footage of a drawn face of 512 pixels."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        made = {"video_id": "made", "binary_data_dir": "."}
        make_video_dataset(Path("made"), frames=40, size=512)
        head: Any = build("datasets/videos/person/lm3d_nerf", precision, **made)
        head.prepare()
        notes = {"updates": 1, "recipe": head.cfg.model_dump(mode="json"), "extra": {}}
        Path("head").mkdir()
        torch.save({"state_dict": head.state_dict(), "vizeme": notes}, "head/model_ckpt_steps_1.ckpt")
        where = str(Path("head").absolute())
        task = build(f"datasets/videos/person/{name}", precision, head_model_dir=where, **made)
        task.prepare()
        return task, task.train_source().batch(np.random.default_rng(0))


def face_encoder(precision: str) -> tuple[Task, Any]:
    """Tell a thousand persons apart by 32 faces of 224 pixels."""
    task = build("datasets/face_voice/face_encoder", precision, classes=1000)
    return task, faces_batch(32, 224, 4096)


def ve_ast(precision: str) -> tuple[Task, Any]:
    """Hear filter banks of as many voices as a batch of the recipe has, by an untrained transformer that learns."""
    task: Any = build("datasets/face_voice/ve_ast", precision, pretrained="none", head_updates=0)
    task.freeze("face_encoder", _vgg_face(precision))
    task.freeze("face_decoder", build("datasets/face_voice/face_decoder", precision))
    return task, voices_batch(task.cfg.batch_size, 4096, task.cfg.rows, 128)


def ve_ridge(precision: str) -> tuple[Task, Any]:
    """What was measured of as many voices as a batch of the recipe has."""
    from data_gen.face_voice.measure import MEASURES

    task: Any = build("datasets/face_voice/ve_ridge", precision)
    task.freeze("face_encoder", build("datasets/face_voice/face_encoder", precision, classes=4, feature_dim=16))
    task.freeze("face_decoder", build("datasets/face_voice/face_decoder", precision, feature_dim=16))
    return task, voices_batch(task.cfg.batch_size, 16, MEASURES)


def ve_conv(precision: str) -> tuple[Task, Any]:
    """Four spectrograms of 6 s, and all three losses as published."""
    task = build("datasets/face_voice/ve_conv", precision, batch_size=4)
    task.freeze("face_encoder", _vgg_face(precision))
    task.freeze("face_decoder", build("datasets/face_voice/face_decoder", precision))
    return task, voices_batch(4, 4096, 2, 257, 601)


def face_decoder(precision: str, *, identity: float | None) -> tuple[Task, Any]:
    """Sixteen faces of 224 pixels; `identity` None takes the recipe's third loss, 0 leaves it out."""
    weights = {} if identity is None else {"identity": identity}
    task = build("datasets/face_voice/face_decoder", precision, weights=weights)
    task.freeze("face_encoder", _vgg_face(precision))
    return task, faces_batch(16, 224, 4096)


def template_decoder(precision: str, *, network: str) -> tuple[Task, Any]:
    """Thirty-two faces behind an IResNet-50 (`fr`), or sixteen behind VGG-11 (`large`)."""
    from modules.faces.iresnet import IResNet
    from modules.template_decoder import Vgg11Maps
    from tasks.template_to_face.data import TemplateBatch
    from tasks.template_to_face.perceptors import Perceptor

    recipe = "datasets/faces/template_decoder" + ("" if network == "fr" else "_naive")
    task: Any = build(recipe, precision, accumulate_grad_batches=1)
    if network == "fr":
        judge = IResNet(50).fold().requires_grad_(False)
        task.keep_outside("_judge", judge)
        task.keep_outside("_perceptor", Perceptor(judge, {}))
        count = 32
    else:
        task.keep_outside("_perceptor", Perceptor(Vgg11Maps(), {}, imagenet=True, side=None))
        count = 16
    crops = torch.randint(0, 256, (count, task.size, task.size, 3), dtype=torch.uint8)
    return task, TemplateBatch(torch.randn(count, 512), crops)


def wav2pix(precision: str, *, size: int, count: int) -> tuple[Task, Any]:
    """Draw `count` faces of `size` pixels from a second of sound each, ten speakers."""
    from tasks.wav2pix.data import PairBatch

    task: Any = build("datasets/speakers/wav2pix", precision, image_size=size, batch_size=count, matching="concat")
    task.speakers = [str(number) for number in range(10)]
    task._build()
    faces = [torch.rand(count, 3, size, size) * 2 - 1 for _ in range(2)]
    return task, PairBatch(*faces, torch.randn(count, 16_000), torch.arange(count) % 10)


ROWS: dict[str, Row] = {
    "syncnet": Row(syncnet, 1024, "clips", Original(2.73, 2.63, 9_304_352, 953)),
    "lm3d_vae_sync": Row(lambda p: lm3d_vae_sync(p, sync=False), 32, "windows", Original(2.44, 2.39, 11_127_500, 1019)),
    "lm3d_vae_sync+sync": Row(
        lambda p: lm3d_vae_sync(p, sync=True), 32, "windows", Original(2.44, 2.39, 11_127_500, 1019)
    ),
    "postnet": Row(postnet, 32, "windows", Original(2.05, 2.08, 954_700, 949)),
    "lm3d_nerf_vanilla": Row(lambda p: lm3d_nerf(p, vanilla=True), 1600, "rays", Original(26.8, 19.8, 1_244_931, 5697)),
    "lm3d_nerf": Row(lambda p: lm3d_nerf(p, vanilla=False), 3 * 48 * 48, "rays", None),
    "ve_conv": Row(ve_conv, 4, "voices", Original(30.9, 24.2, 148_062_976, 6654)),
    "face_decoder": Row(lambda p: face_decoder(p, identity=None), 16, "faces", Original(9.49, 6.48, 125_596_403, 3734)),
    "face_decoder-identity": Row(
        lambda p: face_decoder(p, identity=0.0), 16, "faces", Original(9.49, 6.48, 125_596_403, 3734)
    ),
    "template_decoder": Row(
        lambda p: template_decoder(p, network="fr"), 32, "faces", Original(18.6, 17.25, 6_906_890, 4472)
    ),
    "template_decoder_large": Row(
        lambda p: template_decoder(p, network="large"), 16, "faces", Original(13.98, 11.9, 24_659_978, 2910)
    ),
    "wav2pix_64": Row(lambda p: wav2pix(p, size=64, count=16), 16, "faces", Original(1.21, 1.24, 18_118_310, 910)),
    "wav2pix_128": Row(lambda p: wav2pix(p, size=128, count=8), 8, "faces", Original(3.12, 2.59, 35_978_918, 1483)),
    "face_encoder": Row(face_encoder, 32, "faces", None),
    "ve_ast": Row(ve_ast, 32, "voices", None),
    "ve_ridge": Row(ve_ridge, 64, "voices", None),
    "lm3d_nerf_torso": Row(lambda p: _around_head("lm3d_nerf_torso", p), 2, "patches", None),
    "lm3d_nerf_portrait": Row(lambda p: _around_head("lm3d_nerf_portrait", p), 2, "faces", None),
}
"""Name -> step. The originals' figures: each original's own model, loss, batch sampling, backward pass and optimiser on
random data of these shapes, 32-bit, one thread, the same torch, on the same processor as the figures in
docs/performance.md; process CPU seconds, the least of several steps after one to warm up."""
