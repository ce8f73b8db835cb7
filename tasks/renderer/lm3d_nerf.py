"""Landmarks to the person's head, seen over the true torso of the footage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from modules.layers.on_threads import losses_of_parts
from modules.renderer import losses as terms
from modules.renderer.field import BlendPlaneHead
from modules.renderer.planes import plane_roughness
from modules.renderer.renderer import Heads, Patch
from tasks.renderer.base import NerfTask
from tasks.renderer.build import build_renderer
from tasks.renderer.config import Lm3dNerfConfig
from tasks.renderer.patches import PatchBatch, PatchSource
from tasks.renderer.pose_fit import fit_poses
from utils.processes.workers import cores

BY_WEIGHT = ("rgb", "structure", "detail", "temporal", "low_rgb", "alpha", "matte")
"""Losses that are means over weighed pixels: in a batch that is cut in parts each counts as its pixels weigh."""
BY_RAY = ("distortion", "interlevel")
"""Losses that are means over the rays that hit something."""


class Lm3dNerfTask(NerfTask):
    """Train a head; what lies behind it is the frame with the head taken out."""

    schema = Lm3dNerfConfig
    cfg: Lm3dNerfConfig

    def __init__(self, config: Lm3dNerfConfig | dict[str, Any]) -> None:
        super().__init__(config)
        self.model = build_renderer(self.cfg)

    def prepare(self) -> None:
        """Measure the footage, whose poses are taken as they are at first."""
        super().prepare()
        count, scene = len(self.footage.cameras), self.model.scene
        if self.cfg.fit_poses and isinstance(self.model.head, BlendPlaneHead) and len(scene.pose_errors) != count:
            scene.pose_errors = scene.pose_errors.new_zeros(count, 6)

    def on_validation_start(self) -> None:
        """Fit the poses by the head as it is validated, which is the average of its weights."""
        if len(self.model.scene.pose_errors) and self.trainer.state.fn == "fit" and not self.trainer.sanity_checking:
            self.model.scene.pose_errors.copy_(torch.from_numpy(fit_poses(self)))
            self.put_right(self.footage)

    def _as_found(self, batch: PatchBatch) -> PatchBatch:
        """Return a batch with today's poses: one that a worker made, or made ahead, has those of its beginning."""
        if not len(self.model.scene.pose_errors):
            return batch
        ids, footage = batch.frame_ids.tolist(), self.footage
        windows = np.stack([footage.window(frame, self.cfg.smo_win_size) for frame in ids])
        there = {"landmarks": windows, "world_from_camera": footage.cameras[ids]}
        return batch._replace(**{name: torch.from_numpy(one).to(self.device) for name, one in there.items()})

    def train_source(self) -> PatchSource:
        """Draw patches on the face and anywhere; GeneFace's own networks learn from rays drawn one by one."""
        return self.patches(scattered=self.cfg.backbone == "vanilla")

    def losses(self, batch: PatchBatch) -> dict[str, Tensor]:
        """Return the terms of `NerfWeights`, each a mean ().

        On a processor the frames of a batch are learnt on threads of their own; what they share is worked out before.
        """
        head, batch = self.model.head, self._as_found(batch)
        heads = self.model.heads(batch.landmarks, self.cfg.landmark_noise if self.training else 0.0)
        losses: dict[str, Tensor] = {}
        if isinstance(head, BlendPlaneHead):
            losses["roughness"] = plane_roughness(head.planes, self.cfg.plane_size, self.updates % 3)
            losses["bases"] = heads.weights.square().mean() if self.cfg.n_bases else batch.weight.new_zeros(())
        count = self._parts(batch)
        if count == 1:
            patch = self.model.patch(heads, batch.world_from_camera, batch.uv, jitter=self.training)
            return losses | self._patch_losses(patch, batch)
        return losses | self._losses_on_threads(heads, batch, count)

    def _parts(self, batch: PatchBatch) -> int:
        """Return into how many parts a batch falls that are learnt each on a thread; 1 where that is no gain."""
        alone = self._trainer is None or self.trainer.world_size == 1
        if not self.training or not alone or batch.uv.is_cuda:
            return 1
        return len(batch.uv) // (2 if self.cfg.weights.temporal > 0 else 1)

    def _losses_on_threads(self, heads: Heads, batch: PatchBatch, count: int) -> dict[str, Tensor]:
        self._lpips("perceptual")  # looks for its weights once, and not on every thread
        shared = {name: tensor for name, tensor in heads.frames._asdict().items() if tensor is not None}
        parts = [PatchBatch(*fields) for fields in zip(*(field.chunk(count) for field in batch), strict=True)]
        landmarks = heads.landmarks.chunk(count)
        seeds = torch.randint(2**62, (count,)).tolist()
        names: list[str] = []
        hits = torch.zeros(count)

        def work(number: int, slices: Sequence[Tensor]) -> Tensor:
            part, frames = parts[number], heads.frames._replace(**dict(zip(shared, slices, strict=True)))
            own = Heads(landmarks[number], heads.weights, frames)
            generator = torch.Generator().manual_seed(seeds[number])
            patch = self.model.patch(own, part.world_from_camera, part.uv, jitter=True, generator=generator)
            losses = self._patch_losses(patch, part)
            names[:], hits[number] = losses, len(patch.march.hits)
            return torch.stack(list(losses.values()))

        learning = [p for p in self.model.parameters() if p.requires_grad]
        values = losses_of_parts(work, count, list(shared.values()), learning, threads=cores())
        sizes = {name: torch.stack([part.weight.sum() for part in parts]) for name in BY_WEIGHT}
        sizes |= dict.fromkeys(BY_RAY, hits)
        even = torch.ones(count)
        shares = torch.stack([sizes.get(name, even) / sizes.get(name, even).sum().clamp(min=1e-6) for name in names])
        return dict(zip(names, (values.T * shares).sum(dim=1).unbind(), strict=True))

    def _patch_losses(self, patch: Patch, batch: PatchBatch) -> dict[str, Tensor]:
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
        losses = {"distortion": terms.distortion_loss(patch.march) if hit else nothing}
        if head.samples and head.fine_samples:
            losses["interlevel"] = terms.interlevel_loss(patch.march) if hit else nothing
            losses["empty"] = terms.coarse_mask_loss(patch.low_coarse[:, 3:], mask)
        return losses
