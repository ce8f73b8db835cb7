"""Landmarks to the person's head, seen over the true torso of the footage."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from modules.renderer import losses as terms
from modules.renderer.field import BlendPlaneHead
from modules.renderer.planes import plane_roughness
from modules.renderer.renderer import Patch
from tasks.renderer.base import NerfTask
from tasks.renderer.build import build_renderer
from tasks.renderer.config import Lm3dNerfConfig
from tasks.renderer.patches import PatchBatch, PatchSource


class Lm3dNerfTask(NerfTask):
    """Train a head; what lies behind it is the frame with the head taken out."""

    schema = Lm3dNerfConfig
    cfg: Lm3dNerfConfig

    def __init__(self, config: Lm3dNerfConfig | dict[str, Any]) -> None:
        super().__init__(config)
        self.model = build_renderer(self.cfg)

    def train_source(self) -> PatchSource:
        """Draw patches on the face and anywhere; GeneFace's own networks learn from rays drawn one by one."""
        return self.patches(scattered=self.cfg.backbone == "vanilla")

    def losses(self, batch: PatchBatch) -> dict[str, Tensor]:
        """Return the terms of `NerfWeights`, each a mean ()."""
        train = self.training
        patch: Patch = self.model(
            batch.landmarks,
            batch.world_from_camera,
            batch.uv,
            noise=self.cfg.landmark_noise if train else 0.0,
            jitter=train,
        )
        target, behind, mask = batch.target.float() / 255, batch.backdrop.float() / 255, batch.head.float() / 255
        image = patch.colour + (1 - patch.alpha) * behind
        if self.cfg.backbone == "vanilla":  # its rays are scattered and make no picture
            losses = {"rgb": terms.colour_loss(image, target, batch.weight)}
        else:
            losses = self.picture_losses(image, target, batch.weight)
        losses["matte"] = terms.opacity_loss(patch.alpha, mask, batch.weight)
        return losses | self._ray_losses(patch, target, behind, mask, batch.weight)

    def _ray_losses(
        self, patch: Patch, target: Tensor, behind: Tensor, mask: Tensor, weight: Tensor
    ) -> dict[str, Tensor]:
        up = self.cfg.upsample
        target, behind, mask, weight = (F.avg_pool2d(x, up) if up > 1 else x for x in (target, behind, mask, weight))
        low = patch.low.features[:, :3] + (1 - patch.low.alpha) * behind
        losses = {
            "low_rgb": terms.weighted_mean((low - target).square(), weight),
            "alpha": terms.opacity_loss(patch.low.alpha, mask, weight),
        }
        if self.cfg.backbone == "vanilla":
            coarse = patch.low_coarse[:, :3] + (1 - patch.low_coarse[:, 3:]) * behind
            return losses | {"coarse_rgb": (coarse - target).square().mean()}
        return losses | {"entropy": terms.entropy(patch.low.alpha)} | self._field_losses(patch, mask)

    def _field_losses(self, patch: Patch, mask: Tensor) -> dict[str, Tensor]:
        head = self.model.head
        assert isinstance(head, BlendPlaneHead)
        hit = len(patch.march.hits) > 0
        nothing = mask.new_zeros(())
        losses = {
            "distortion": terms.distortion_loss(patch.march) if hit else nothing,
            "roughness": plane_roughness(head.planes, self.cfg.plane_size, self.updates % 3),
            "bases": patch.weights.square().mean() if self.cfg.n_bases else nothing,
        }
        if head.samples and head.fine_samples:
            losses["interlevel"] = terms.interlevel_loss(patch.march) if hit else nothing
            losses["empty"] = terms.coarse_mask_loss(patch.low_coarse[:, 3:], mask)
        return losses
