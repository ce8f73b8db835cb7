"""Tell head, neck and cloth apart with the published 19-class network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.video.masks.parser import Masks, Parser
from utils.arrays import Bytes, Reals
from utils.errors import AssetError

_HEAD_CLASSES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 18)
_HAIR_CLASSES = (17, 18)
_SKIN_CLASSES = tuple(number for number in _HEAD_CLASSES if number not in _HAIR_CLASSES)
_NECK_CLASSES = (14, 15)
_CLOTH_CLASSES = (16,)
_CHIN_ROOM = 0.15
"""How far below the chin skin is still the head's, in face heights: farther down it is a neckline, or a hand."""
_EVERY = 12
"""Frames from a parsed one to the next on a processor, where parsing costs thirty times what carrying does."""
_SHARPNESS = 4.0
"""The network is never sure: its logits times this give edges of about two pixels."""


class BiSeNetParser(Parser):
    """The published 19-class network, in bf16 where the processor computes it natively.

    Args:
        weights: The published state dict.
    """

    name = "bisenet"
    smoothing_frames = 0.0
    _side = 512

    def __init__(self, weights: Path) -> None:
        import torch

        # torch is seconds of start-up, and a video that is parsed by GrabCut, or refused, needs none of it
        from modules.faces.face_parsing import IMAGE_MEAN, IMAGE_STD, FaceParser

        network = FaceParser()
        try:
            network.load_published(torch.load(weights, map_location="cpu", weights_only=True))
        except (RuntimeError, AttributeError, KeyError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise AssetError(f"{weights} does not hold BiSeNet's 19-class weights ({reason}).") from None
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self.every = _EVERY if self._device == "cpu" else 1
        self._dtype = torch.bfloat16 if self._device == "cpu" and _has_bf16() else torch.float32
        self._network = network.fuse().to(self._device, self._dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._scale = torch.tensor(1 / (255 * np.array(IMAGE_STD)), dtype=torch.float32).view(1, 3, 1, 1)
        self._shift = torch.tensor(-np.array(IMAGE_MEAN) / np.array(IMAGE_STD), dtype=torch.float32).view(1, 3, 1, 1)

    def parse(self, frame: Bytes, points_px: Reals) -> Masks:
        """Return the masks of an RGB (H, W, 3) frame; skin below the chin that `points_px` (68, 2) has is neck."""
        import cv2
        import torch
        import torch.nn.functional as F

        height, width = frame.shape[:2]
        small: NDArray[Any] = frame
        if (height, width) != (self._side, self._side):
            method = cv2.INTER_AREA if height > self._side else cv2.INTER_LINEAR
            small = cv2.resize(frame, (self._side, self._side), interpolation=method)
        image = torch.from_numpy(np.ascontiguousarray(small)).permute(2, 0, 1)[None].float()
        image = (image * self._scale + self._shift).to(self._device, self._dtype)
        with torch.inference_mode():
            logits = self._network(image.contiguous(memory_format=torch.channels_last)).float()
            groups = [logits[:, list(ids)].amax(1) for ids in (_HEAD_CLASSES, _NECK_CLASSES, _CLOTH_CLASSES)]
            chin, brows = float(points_px[8, 1]), float(points_px[17:27, 1].min())
            row = round((chin + _CHIN_ROOM * (chin - brows)) * logits.shape[2] / height)
            if brows < chin and row < logits.shape[2]:
                skin = logits[:, list(_SKIN_CLASSES), row:].amax(1)
                groups[1] = torch.cat([groups[1][:, :row], torch.maximum(groups[1][:, row:], skin)], dim=1)
                hair = logits[:, list(_HAIR_CLASSES), row:].amax(1)
                groups[0] = torch.cat([groups[0][:, :row], hair], dim=1)
            joined = torch.stack([logits[:, 0], *groups], dim=1)
            joined = F.interpolate(joined, size=(height, width), mode="bilinear", align_corners=True)
            shares = (_SHARPNESS * joined).softmax(1)[0, 1:].mul(255).round().to(torch.uint8).cpu().numpy()
        return Masks(*shares)


def _has_bf16() -> bool:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in text or "amx_bf16" in text
