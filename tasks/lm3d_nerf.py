"""Landmarks to the person's head, seen over the true torso of the footage."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tasks.backdrop import behind_the_torso, cover
from tasks.nerf_config import NerfConfig
from tasks.nerf_data import PatchBatch
from tasks.nerf_task import NerfTask, build_renderer


class Lm3dNerfConfig(NerfConfig):
    """A head that follows landmarks."""


class Lm3dNerfTask(NerfTask):
    """Train a head; what lies behind it is the frame with the head taken out."""

    schema = Lm3dNerfConfig
    cfg: Lm3dNerfConfig

    def __init__(self, config: Lm3dNerfConfig | dict[str, Any]) -> None:
        super().__init__(config)
        self.model = build_renderer(self.cfg)

    def backdrop(self, batch: PatchBatch) -> Tensor:
        return batch.backdrop.float() / 255

    def mask(self, batch: PatchBatch) -> Tensor:
        return batch.head.float() / 255

    def plate(
        self, frame_id: int, height: int, width: int, background: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        video = self.footage.video
        if background is None:
            return resized(video.torso_frames[frame_id], height, width)
        scene = behind_the_torso(video, frame_id, cover(background, video.meta.height, video.meta.width))
        return resized(scene, height, width)


def resized(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Bring a picture to a size: by area when it shrinks, by cubic interpolation when it grows."""
    if picture.shape[:2] == (height, width):
        return np.array(picture)
    import cv2

    way = cv2.INTER_AREA if height <= picture.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.asarray(picture), (width, height), interpolation=way), np.uint8)
