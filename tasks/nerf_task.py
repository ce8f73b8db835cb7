"""What the head task and the torso task share: the network from its settings, losses, judging, rendering."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from data_gen.video.dataset import open_video
from modules.renderer import losses as terms
from modules.renderer.field import BlendPlaneHead
from modules.renderer.inference import FrameRenderer
from modules.renderer.planes import plane_roughness
from modules.renderer.renderer import Patch, Renderer
from modules.renderer.scene import Scene
from modules.renderer.torso import TorsoPlane
from modules.renderer.vanilla import VanillaHead
from tasks.board import Board
from tasks.nerf_config import NETWORK, NerfConfig
from tasks.nerf_data import Footage, PatchBatch, PatchSource, ValBatches, scene_boxes
from tasks.nerf_painter import Painter
from tasks.task import Task
from utils.assets import find_asset
from utils.errors import ConfigError
from utils.landmarks import MEAN_FACE
from utils.metrics import crop, make_lpips, psnr, ssim

log = logging.getLogger(__name__)
Bytes = NDArray[np.uint8]
PERCEPTUAL_SIDE = 64
"""Smallest side in pixels of a picture that LPIPS judges; smaller ones are enlarged."""


def build_renderer(cfg: NerfConfig, torso: TorsoPlane | None = None) -> Renderer:
    """Build the network that the settings describe.

    Raises:
        ConfigError: The settings do not go together.
    """
    scene = Scene()
    head: BlendPlaneHead | VanillaHead
    samples: dict[str, int] = {"samples": cfg.n_samples_per_ray, "fine_samples": cfg.n_samples_per_ray_fine}
    if not any(samples.values()):
        raise ConfigError(
            "n_samples_per_ray = 0 and n_samples_per_ray_fine = 0: a ray that is never sampled shows no head; "
            "give one of them at least 1"
        )
    if cfg.backbone == "vanilla":
        if cfg.upsample != 1:
            raise ConfigError(f"upsample = {cfg.upsample}: the vanilla backbone has no decoder; set upsample: 1")
        head = VanillaHead(scene.box, window=cfg.smo_win_size, cond_dim=cfg.cond_dim, **samples)
    else:
        head = BlendPlaneHead(
            scene.box,
            scene.face_box,
            window=cfg.smo_win_size,
            cond_dim=cfg.cond_dim,
            bases=cfg.n_bases,
            plane_size=cfg.plane_size,
            dynamic_size=cfg.dynamic_size,
            grid_size=cfg.grid_size,
            channels=cfg.plane_channels,
            **samples,
        )
    return Renderer(
        scene,
        head,
        upsample=cfg.upsample,
        decoder_width=cfg.decoder_width,
        landmark_input=cfg.landmark_input,
        torso=torso,
    )


class NerfTask(Task):
    """Train and use a `Renderer`; the two tasks differ in what lies behind it and in what learns."""

    cfg: NerfConfig
    model: Renderer
    network_settings: ClassVar[tuple[str, ...]] = (*NETWORK, "size")

    def __init__(self, config: NerfConfig | dict[str, Any]) -> None:
        super().__init__(config)
        self._footage: Footage | None = None
        self._perceptual: torch.nn.Module | None = None
        self._perceptual_sought = False
        self._frames: FrameRenderer | None = None

    # -- data ------------------------------------------------------------------------------------------------------
    @property
    def footage(self) -> Footage:
        """Open the person's video at the training size."""
        if self._footage is None:
            if not self.cfg.video_id:
                raise ConfigError("video_id is empty: say whose renderer this is, for example --video_id May")
            self._footage = Footage(open_video(self.cfg.video_id, self.cfg.binary_data_dir), self.cfg.size)
        return self._footage

    def prepare(self) -> None:
        """Measure the footage: box, camera, how landmarks and poses are spread."""
        footage, scene = self.footage, self.model.scene
        box, face_box = scene_boxes(footage, self.cfg.box_depth)
        self.data_fingerprint = footage.video.meta.fingerprint
        poses = footage.cameras[footage.video.frame_ids("train")][:, :3].reshape(-1, 12)
        values = {
            "box": box,
            "face_box": face_box,
            "mean_face": MEAN_FACE,
            "landmarks_mean": footage.video.landmarks_mean,
            "landmarks_std": np.maximum(footage.video.landmarks_std, 0.05),
            "pose_mean": poses.mean(axis=0),
            "pose_std": np.maximum(poses.std(axis=0), 1e-2),
            "focal": np.float32(footage.focal),
            "size": np.array([footage.height, footage.width]),
        }
        for name, value in values.items():
            getattr(scene, name).copy_(torch.from_numpy(np.array(value)))
        head = self.model.head
        head.box.copy_(scene.box)
        if isinstance(head, BlendPlaneHead):
            head.face_box.copy_(scene.face_box)

    def train_source(self) -> PatchSource:
        """Draw patches of training frames."""
        cfg = self.cfg
        return PatchSource(
            self.footage,
            upsample=cfg.upsample,
            rays=cfg.n_rays,
            frames=cfg.n_frames,
            window=cfg.smo_win_size,
            on_face=cfg.in_rect_percent,
            emphasis=cfg.mouth_eyes_weight,
            pairs=cfg.weights.temporal > 0,
            scattered=cfg.backbone == "vanilla",
        )

    def val_source(self) -> ValBatches:
        """Take patches of a few held-out frames."""
        return ValBatches(self.train_source(), "val", self.cfg.eval_max_batches)

    # -- training --------------------------------------------------------------------------------------------------
    def backdrop(self, batch: PatchBatch) -> Tensor:
        """Return what is behind the patch, (B, 3, H, W) in [0, 1]."""
        raise NotImplementedError

    def mask(self, batch: PatchBatch) -> Tensor:
        """Return where the patch is opaque, (B, 1, H, W) in [0, 1]."""
        raise NotImplementedError

    def losses(self, batch: PatchBatch) -> dict[str, Tensor]:
        """Return the terms of `NerfWeights`."""
        train = self.training
        patch: Patch = self.model(
            batch.landmarks,
            batch.world_from_camera,
            batch.uv,
            noise=self.cfg.landmark_noise if train else 0.0,
            jitter=train,
        )
        target, behind, mask = batch.target.float() / 255, self.backdrop(batch), self.mask(batch)
        image = patch.colour + (1 - patch.alpha) * behind
        up = self.cfg.upsample
        small = [F.avg_pool2d(x, up) if up > 1 else x for x in (target, behind, mask, batch.weight)]
        low = patch.low.features[:, :3] + (1 - patch.low.alpha) * small[1]
        error = image - target
        found = {
            "rgb": terms.weighted_mean(error.abs(), batch.weight) + terms.weighted_mean(error.square(), batch.weight),
            "low_rgb": terms.weighted_mean((low - small[0]).square(), small[3]),
            "alpha": terms.opacity_loss(patch.low.alpha, small[2], small[3]),
            "matte": terms.opacity_loss(patch.alpha, mask, batch.weight),
        }
        if self.cfg.backbone == "vanilla":
            coarse = patch.low_coarse[:, :3] + (1 - patch.low_coarse[:, 3:]) * small[1]
            return found | {"coarse_rgb": (coarse - small[0]).square().mean()}
        found["structure"] = terms.structure_loss(image, target, batch.weight)
        found["detail"] = terms.detail_loss(image, target, batch.weight)
        found["entropy"] = terms.entropy(patch.low.alpha)
        if self.cfg.weights.temporal > 0 and len(image) % 2 == 0:
            change = (image[1::2] - image[::2]) - (target[1::2] - target[::2])
            found["temporal"] = terms.weighted_mean(change.abs(), batch.weight[1::2])
        if (net := self._lpips()) is not None:
            found["perceptual"] = perceptual_loss(net, image, target)
        if self._head_learns():
            found |= self._field_losses(patch, small[2])
        return found

    def _head_learns(self) -> bool:
        return any(parameter.requires_grad for parameter in self.model.head.parameters())

    def _field_losses(self, patch: Patch, mask: Tensor) -> dict[str, Tensor]:
        head = self.model.head
        assert isinstance(head, BlendPlaneHead)
        count = len(patch.marches)
        found = {
            "distortion": sum((terms.distortion_loss(m) for m in patch.marches if len(m.hits)), mask.new_zeros(()))
            / count,
            "roughness": plane_roughness(head.planes, self.cfg.plane_size, self.updates % 3),
            "bases": patch.weights.square().mean() if self.cfg.n_bases else mask.new_zeros(()),
        }
        if head.samples and head.fine_samples:
            found["interlevel"] = (
                sum((terms.interlevel_loss(m) for m in patch.marches if len(m.hits)), mask.new_zeros(())) / count
            )
            found["empty"] = terms.coarse_mask_loss(patch.low_coarse[:, 3:], mask)
        return found

    def _lpips(self) -> torch.nn.Module | None:
        """Return LPIPS when it is wanted now and its weights are here."""
        progress = self.updates / self.cfg.max_updates
        if self.cfg.weights.perceptual == 0 or (self.training and progress < self.cfg.perceptual_from):
            return None
        return self._perceptual_net()

    def _perceptual_net(self) -> torch.nn.Module | None:
        if not self._perceptual_sought:
            self._perceptual_sought = True
            path = find_asset("lpips_alexnet")
            if path is None and self.cfg.weights.perceptual > 0:
                log.info("No LPIPS weights here: trained without the perceptual loss (python -m utils.assets).")
            net = make_lpips(path) if path is not None else None
            object.__setattr__(self, "_perceptual", net)  # outside the state dict
        net = self._perceptual
        return None if net is None else net.to(self.device)

    def configure_optimizers(self) -> Any:
        """Return Adam with a rate for tables of features and one for networks, and a cosine down to a twentieth."""
        tables = {id(p) for p in self._tables()}
        code = (
            {id(p) for p in self.model.head.code.parameters()} if isinstance(self.model.head, BlendPlaneHead) else set()
        )
        trained = [p for p in self.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if id(p) in tables], "lr": self.cfg.lr_planes},
            {"params": [p for p in trained if id(p) in code], "lr": self.cfg.lr_code},
            {"params": [p for p in trained if id(p) not in tables | code], "lr": self.cfg.lr},
        ]
        groups = [group for group in groups if group["params"]]
        optimizer = torch.optim.Adam(groups, lr=self.cfg.lr, betas=(0.9, 0.99), eps=1e-12, fused=True)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _tables(self) -> list[torch.nn.Parameter]:
        found = [self.model.torso.plane] if self.model.torso is not None else []
        return found + (self.model.head.table_parameters() if isinstance(self.model.head, BlendPlaneHead) else [])

    def schedule(self, update: int) -> float:
        """Warm up over 20 updates, then follow a cosine."""
        progress = min(1.0, update / self.cfg.max_updates)
        return min(1.0, (update + 1) / 20) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))

    # -- rendering -------------------------------------------------------------------------------------------------
    def plate(self, frame_id: int, height: int, width: int, background: Bytes | None = None) -> Bytes:
        """Return what is seen behind the render of a frame, (H, W, 3) RGB; `background` in place of the footage's."""
        raise NotImplementedError

    def render(
        self,
        landmarks: NDArray[np.float32],
        world_from_camera: NDArray[np.float32],
        frame_ids: NDArray[np.integer[Any]],
        *,
        scale: float = 1.0,
        compile: bool = False,
        background: Bytes | None = None,
        batch: int = 64,
    ) -> Iterator[Bytes]:
        """Render frames one after the other; the memory it takes does not grow with their number.

        Args:
            landmarks: (T, 68, 3) un-normalised: offsets from the mean face in tenths of an eye distance.
            world_from_camera: (T, 4, 4) poses.
            frame_ids: (T,) frames of the dataset, whose torso is seen behind the head (head task only).
            scale: Size of the result against the training pictures.
            compile: Compile the renderer's elementwise kernels first.
            background: (H, W, 3) of any size to show in place of the footage's background.
            batch: Frames whose landmarks are encoded at once.

        Yields:
            (H, W, 3) uint8 RGB; the same for the same input, whatever was rendered before.
        """
        painter = self.painter(scale=scale, compile=compile, background=background)
        reach = self.cfg.smo_win_size
        for start in range(0, len(landmarks), batch):
            stop = min(start + batch, len(landmarks))
            low, high = max(0, start - reach), min(len(landmarks), stop + reach)
            some = (world_from_camera[start:stop], frame_ids[start:stop])
            yield from painter.paint(landmarks[low:high], range(start - low, stop - low), *some)

    def painter(self, *, scale: float = 1.0, compile: bool = False, background: Bytes | None = None) -> Painter:
        """Prepare to draw frames of one size over one background."""
        return Painter(self, scale=scale, compile=compile, background=background)

    def render_frames(self, frame_ids: NDArray[np.integer[Any]]) -> Iterator[Bytes]:
        """Render frames of the dataset from their own landmarks and poses, each with its own window."""
        for frame in frame_ids:
            window = self.footage.window(int(frame), self.cfg.smo_win_size)
            middle = len(window) // 2
            cameras = np.repeat(self.footage.cameras[frame][None], len(window), axis=0)
            yield next(self._render_middle(window, cameras, int(frame), middle))

    def _render_middle(
        self, window: NDArray[np.float32], cameras: NDArray[np.float32], frame: int, middle: int
    ) -> Iterator[Bytes]:
        frames = FrameRenderer(self.model, dtype=None if self.cfg.infer_bf16 else torch.float32)
        values = torch.from_numpy(window).to(self.device)
        behind = torch.from_numpy(self.plate(frame, frames.height, frames.width)).to(self.device)
        camera = torch.from_numpy(cameras[middle]).to(self.device)
        yield frames(frames.encode(values[None]), 0, values[middle], camera, behind).cpu().numpy()

    def metrics(self, batch: PatchBatch) -> dict[str, Tensor]:
        """Judge whole rendered frames in the boxes of head, face, mouth and eyes."""
        totals: dict[str, list[float]] = {}
        ids = batch.frame_ids.cpu().numpy()
        for frame, picture in zip(ids, self.render_frames(ids), strict=True):
            for name, value in self.judge(int(frame), picture).items():
                totals.setdefault(name, []).append(value)
        return {name: torch.tensor(float(np.mean(values))) for name, values in totals.items()}

    def judge(self, frame: int, picture: Bytes) -> dict[str, float]:
        """Compare a render with its frame: `<box>_psnr`, `face_ssim`, and `face_lpips` when its weights are here."""
        truth = self.footage.picture("frames", frame)
        boxes = self.footage.boxes(frame)
        found = {f"{name}_psnr": psnr(picture, truth, box) for name, box in boxes.items()}
        found["face_ssim"] = ssim(picture, truth, boxes["face"])
        if (net := self._perceptual_net()) is not None:
            pair = [crop(p, boxes["face"]).transpose(2, 0, 1)[None] for p in (picture, truth)]
            tensors = [torch.from_numpy(np.ascontiguousarray(p)).float().to(self.device) / 255 for p in pair]
            with torch.no_grad():
                found["face_lpips"] = float(perceptual_loss(net, *tensors))
        return found

    def draw(self, board: Board) -> None:
        """Show rendered beside real frames."""
        ids = self.val_source().ids[: self.cfg.num_valid_plots]
        for index, (frame, picture) in enumerate(zip(ids, self.render_frames(ids), strict=True)):
            truth = self.footage.picture("frames", int(frame))
            board.image(f"rendered_and_real/{index}", np.concatenate([picture, truth], axis=1))

    def infer(self) -> None:
        """Speak: see `tasks.talking_head`."""
        from tasks.inference import infer_video

        infer_video(self)


def perceptual_loss(net: torch.nn.Module, picture: Tensor, truth: Tensor) -> Tensor:
    """Return the mean LPIPS of pictures (B, 3, H, W) in [0, 1]; small ones are enlarged first."""
    side = min(picture.shape[-2:])
    if side < PERCEPTUAL_SIDE:
        factor = PERCEPTUAL_SIDE / side
        picture, truth = (F.interpolate(x, scale_factor=factor, mode="bilinear") for x in (picture, truth))
    return net(picture, truth).mean()  # type: ignore[no-any-return]
