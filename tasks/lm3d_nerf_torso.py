"""Head and torso in one picture: a trained head, frozen, with a torso under it and a decoder tuned for both."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from modules.renderer.torso import TorsoPlane
from tasks.backdrop import cover
from tasks.checkpoints import Steps, load_task
from tasks.lm3d_nerf import resized
from tasks.nerf_config import NETWORK, NerfConfig
from tasks.nerf_data import PatchBatch
from tasks.nerf_task import NerfTask, build_renderer
from utils.errors import ConfigError


class Lm3dNerfTorsoConfig(NerfConfig):
    """A torso under a trained head."""

    head_model_dir: str = ""
    """The run of `lm3d_nerf` whose head is used; checkpoints/<video_id>/lm3d_nerf when empty."""
    head_ckpt_steps: Steps = "best"
    """Which of its checkpoints: last, best, or a number of updates."""
    use_color: bool = True
    """Let the torso see the head's colour at each ray, so that neck and chin meet."""
    torso_size: int = Field(default=256, ge=8)
    """Resolution of the torso's feature plane."""
    in_rect_percent: float = Field(default=0.3, ge=0, le=1)
    """Share of the patches that are centred on the face; the others lie anywhere."""


class Lm3dNerfTorsoTask(NerfTask):
    """Train a torso and tune the decoder; the head's planes and networks stay as they are.

    The head is part of this task's weights, and the plate of the background lies in a buffer: rendering needs this
    checkpoint alone. Which head it came from is recorded in `frozen_sources`.
    """

    schema = Lm3dNerfTorsoConfig
    cfg: Lm3dNerfTorsoConfig
    network_settings: ClassVar[tuple[str, ...]] = (*NerfTask.network_settings, "use_color", "torso_size")

    def __init__(self, config: Lm3dNerfTorsoConfig | dict[str, Any]) -> None:
        super().__init__(config)
        features = 3 if self.cfg.backbone == "vanilla" else 16
        torso = TorsoPlane(features, size=self.cfg.torso_size, use_color=self.cfg.use_color)
        self.model = build_renderer(self.cfg, torso)
        self.model.head.requires_grad_(False)

    def prepare(self) -> None:
        """Measure the footage and take over the trained head.

        Raises:
            ConfigError: The head has another shape than this recipe says.
        """
        super().prepare()
        if self.source or self.updates:  # it comes from a checkpoint, which holds the head
            return
        folder = self.cfg.head_model_dir or f"checkpoints/{self.cfg.video_id}/lm3d_nerf"
        head = load_task(folder, self.cfg.head_ckpt_steps)
        if not isinstance(head, NerfTask) or isinstance(head, Lm3dNerfTorsoTask):
            raise ConfigError(f"head_model_dir = {folder}: that is a run of {head.cfg.task_cls}, not of lm3d_nerf")
        ours, theirs = self.cfg.model_dump(), head.cfg.model_dump()
        wrong = [f"{name}: {theirs[name]!r}" for name in (*NETWORK, "size") if ours[name] != theirs[name]]
        if wrong:
            raise ConfigError(f"The head in {folder} was trained with other settings. Set here too: {', '.join(wrong)}")
        plate = torch.from_numpy(np.array(self.footage.shrink(self.footage.video.background)))
        state = dict(head.model.state_dict())
        state["scene.plate"] = plate
        missing = self.model.load_state_dict(state, strict=False).missing_keys
        assert all(name.startswith("torso.") for name in missing), missing
        self.frozen_sources["head"] = dict(head.source)
        self._paint_mean()

    def _paint_mean(self) -> None:
        """Start the torso from the mean of a few frames, so that training is left with what moves."""
        ids = self.footage.video.frame_ids("train")
        ids = ids[:: max(1, len(ids) // 32)]
        picture, mask = (
            np.mean([self.footage.picture(name, int(i)) for i in ids], axis=0, dtype=np.float32) / 255
            for name in ("torso_frames", "torso_mask")
        )
        assert self.model.torso is not None
        self.model.torso.begin_with(torch.from_numpy(picture).permute(2, 0, 1), torch.from_numpy(mask)[None])

    def train(self, mode: bool = True) -> Lm3dNerfTorsoTask:
        super().train(mode)
        self.model.head.eval()
        return self

    def backdrop(self, batch: PatchBatch) -> Tensor:
        plate = self.model.scene.plate
        height, width = batch.target.shape[2:]
        if self.cfg.backbone == "vanilla":
            u, v = batch.uv.long().unbind(-1)
            return plate[v, u].permute(0, 3, 1, 2).float() / 255
        corners = (batch.uv[:, 0, 0] - self.cfg.upsample / 2).round().long().tolist()
        parts = []
        for left, top in corners:
            v = torch.arange(top, top + height, device=plate.device).clamp(0, plate.shape[0] - 1)
            u = torch.arange(left, left + width, device=plate.device).clamp(0, plate.shape[1] - 1)
            parts.append(plate[v][:, u].permute(2, 0, 1))
        return torch.stack(parts).float() / 255

    def mask(self, batch: PatchBatch) -> Tensor:
        return batch.person.float() / 255

    def plate(
        self, frame_id: int, height: int, width: int, background: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        if background is not None:
            return cover(background, height, width)
        return resized(self.model.scene.plate.cpu().numpy(), height, width)
