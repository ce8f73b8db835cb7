"""Head and torso in one picture: a trained head, frozen, with a torso behind it."""

from __future__ import annotations

import functools
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modules.renderer import losses as terms
from modules.renderer.layers.torso import TorsoLayer
from modules.renderer.renderer import Renderer
from tasks.renderer.base import NerfTask
from tasks.renderer.build import build_renderer
from tasks.renderer.config import Lm3dNerfTorsoConfig
from tasks.renderer.footage import mask_box
from tasks.renderer.over_head import OverHeadTask
from tasks.renderer.patches import PatchBatch, PatchSource
from tasks.renderer.torso_motion import from_pose, shoulder_motion
from utils.errors import DataError
from utils.media.pictures import cover, fitted

FEW = 32
"""Frames from which the mean torso, and where it is, are found."""


class Lm3dNerfTorsoTask(OverHeadTask):
    """Train a torso; the head stays as it is, and the plate of the background lies in a buffer."""

    schema = Lm3dNerfTorsoConfig
    cfg: Lm3dNerfTorsoConfig
    network_settings: ClassVar[tuple[str, ...]] = (
        *NerfTask.network_settings, "torso_size", "torso_motion_dim", "torso_bases",
    )  # fmt: skip

    def build(self) -> Renderer:
        """Build a renderer with a torso."""
        cfg = self.cfg
        torso = TorsoLayer(size=cfg.torso_size, motion_dim=cfg.torso_motion_dim, bases=cfg.torso_bases)
        return build_renderer(cfg, torso)

    def prepare(self) -> None:
        """Measure the footage and take over the trained head.

        Raises:
            ConfigError: The head has another shape than this recipe says.
        """
        super().prepare()
        plate = torch.from_numpy(np.array(self.footage.shrink(self.footage.video.background)))
        if self.take_head({"scene.plate": plate}):
            self._watch_shoulders()
            self._paint_mean()

    def _watch_shoulders(self) -> None:
        """Find how the shoulders lie in every frame, and how that follows from the head's pose."""
        torso, scene = self.model.torso, self.model.scene
        assert torso is not None
        motion = shoulder_motion(self.footage, self.cfg.torso_motion_dim)
        train = self.footage.video.frame_ids("train")
        poses = scene.pose_code(torch.from_numpy(self.footage.cameras[train])).numpy()
        torso.motion = torch.from_numpy(motion)
        torso.motion_from_pose.copy_(torch.from_numpy(from_pose(motion[train], poses)))

    def _paint_mean(self) -> None:
        """Start the torso from the mean of a few frames, so that training is left with what moves."""
        ids = self.footage.some("train", FEW)
        plate = self.model.scene.plate.numpy().astype(np.int16)
        picture = np.zeros(plate.shape, np.float32)
        mask = np.zeros(plate.shape[:2], np.float32)
        for frame in ids:
            bare = self.footage.picture("torso_frames", int(frame))
            painted = (np.abs(bare - plate).max(axis=-1) > 8) & (self.footage.picture("head_mask", int(frame)) > 127)
            picture += bare
            mask += np.maximum(self.footage.picture("torso_mask", int(frame)) / 255, painted)
        assert self.model.torso is not None
        mean_picture = torch.from_numpy(picture / len(ids) / 255).permute(2, 0, 1)
        self.model.torso.begin_with(mean_picture, torch.from_numpy(mask / len(ids))[None])

    def train_source(self) -> PatchSource:
        """Draw patches where the torso is, and anywhere."""
        return self.patches(self._torso_box)

    @functools.cached_property
    def _torso_box(self) -> NDArray[np.float32]:
        """Find where the torso is seen, (4,) x0 y0 x1 y1 in pixels; the last row and column are in it."""
        masks = [self.footage.picture("torso_mask", int(frame)) for frame in self.footage.some("train", FEW)]
        box = mask_box(np.max(masks, axis=0))
        if box is None:
            raise DataError(f"{self.footage.video.path}: the torso masks are empty. Process the video again.")
        return np.array([box[0], box[1], box[2] - 1, box[3] - 1], np.float32)

    def losses(self, batch: PatchBatch) -> dict[str, Tensor]:
        """Compare the torso over the plate with the footage whose head was taken out; each term is a mean ().

        The head is not rendered: it was trained over these very pictures, so what fits them fits it. Under the head
        they are painted, and count less.
        """
        colour, alpha = self.model.bare(self.model.pixels(batch.uv), batch.world_from_camera, batch.frame_ids)
        image = colour + (1 - alpha) * self._behind(batch)
        uncovered = 1 - batch.head.float() / 255
        losses = self.picture_losses(image, batch.backdrop.float() / 255, 0.3 + 0.7 * uncovered)
        losses["matte"] = terms.opacity_loss(alpha, batch.person.float() / 255, uncovered)
        return losses

    def _behind(self, batch: PatchBatch) -> Tensor:
        """Cut the patch (B, 3, H, W) out of the plate, in [0, 1]."""
        plate = self.model.scene.plate
        height, width = batch.target.shape[2:]
        corners = (batch.uv[:, 0, 0] - self.cfg.upsample / 2).round().long().tolist()
        parts = []
        for left, top in corners:
            v = torch.arange(top, top + height, device=plate.device).clamp(0, plate.shape[0] - 1)
            u = torch.arange(left, left + width, device=plate.device).clamp(0, plate.shape[1] - 1)
            parts.append(plate[v][:, u].permute(2, 0, 1))
        return torch.stack(parts).float() / 255

    def plate(
        self, frame_id: int, height: int, width: int, background: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Return the plate of the footage, (height, width, 3), or `background` (H, W, 3) covering that size."""
        if background is not None:
            return cover(background, height, width)
        return fitted(self.model.scene.plate.cpu().numpy(), height, width)
