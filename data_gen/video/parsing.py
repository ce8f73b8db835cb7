"""Tell head, neck and cloth from the background, frame by frame.

BiSeNet where its weights are (19 classes, non-commercial); GrabCut seeded by the landmarks everywhere else.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from data_gen.video.stages import Tick, in_parallel
from utils.errors import AssetError, ConfigError, nearest
from utils.files import map_new_array

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
ParserName = Literal["auto", "bisenet", "grabcut"]

_HEAD_CLASSES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 18)
_NECK_CLASSES = (14, 15)
_CLOTH_CLASSES = (16,)
_SHARPNESS = 4.0
"""The network is never sure: its logits times this give edges of about two pixels."""


class Masks(NamedTuple):
    """What belongs to what, each (H, W) uint8 0..255: hair, face and ears; neck and necklace; cloth."""

    head: Bytes
    neck: Bytes
    cloth: Bytes


class Parser(ABC):
    """Parse one frame after another."""

    name: str
    smoothing_frames: float
    """Sigma of the Gaussian along time that suits this parser's flicker; 0 for none."""

    @abstractmethod
    def parse(self, frame: Bytes, points_px: Floats) -> Masks:
        """Return the masks of an RGB (H, W, 3) frame whose landmarks are at points_px (68, 2)."""


def make_parser(name: ParserName = "auto") -> Parser:
    """Return a parser by name; `auto` is BiSeNet where its weights are, GrabCut otherwise.

    Raises:
        AssetError: BiSeNet was asked for and its weights are not here.
        ConfigError: no parser has that name.
    """
    known = get_args(ParserName)
    if name not in known:
        near = nearest(name, known)
        hint = f"Did you mean '{near}'? " if near else ""
        raise ConfigError(f"No face parser is called '{name}'. {hint}Known: {', '.join(known)}.")
    if parser_name(name) == "grabcut":
        from data_gen.video.grabcut import GrabCutParser

        return GrabCutParser()
    from utils.assets import asset_path

    return BiSeNetParser(asset_path("face_parsing"))


def parser_name(name: str) -> str:
    """Return which parser a name means on this machine."""
    from utils.assets import find_asset

    return name if name != "auto" else "grabcut" if find_asset("face_parsing") is None else "bisenet"


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

        from modules.face_parsing import IMAGE_MEAN, IMAGE_STD, FaceParser

        network = FaceParser()
        try:
            network.load_published(torch.load(weights, map_location="cpu", weights_only=True))
        except (RuntimeError, AttributeError, KeyError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise AssetError(f"{weights} does not hold BiSeNet's 19-class weights ({reason}).") from None
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._dtype = torch.bfloat16 if self._device == "cpu" and _has_bf16() else torch.float32
        self._network = network.fuse().to(self._device, self._dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._scale = torch.tensor(1 / (255 * np.array(IMAGE_STD)), dtype=torch.float32).view(1, 3, 1, 1)
        self._shift = torch.tensor(-np.array(IMAGE_MEAN) / np.array(IMAGE_STD), dtype=torch.float32).view(1, 3, 1, 1)

    def parse(self, frame: Bytes, points_px: Floats) -> Masks:
        """Return the masks of an RGB (H, W, 3) frame; the landmarks are not needed."""
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


def parse_frames(
    frames: Bytes, points_px: Floats, parser: Parser, folder: Path, tick: Tick, cuts: list[int]
) -> dict[str, Any]:
    """Write head_mask.npy, neck_mask.npy and torso_mask.npy (neck and cloth), each (T, H, W) uint8, into `folder`.

    Returns what share of the picture head, torso and neck cover, per frame and on average.
    """
    count, height, width = frames.shape[:3]
    head, neck, torso = (
        map_new_array(folder / f"{name}_mask.npy", (count, height, width)) for name in ("head", "neck", "torso")
    )

    def one(index: int) -> Masks:
        return parser.parse(np.array(frames[index]), points_px[index])

    for index, masks in enumerate(in_parallel(one, range(count))):
        head[index], neck[index] = masks.head, masks.neck
        torso[index] = np.minimum(masks.neck.astype(np.uint16) + masks.cloth, 255)
        tick(index + 1, count)
    if parser.smoothing_frames > 0:
        for array in (head, neck, torso):
            _smooth(array, parser.smoothing_frames, cuts)
    shares = {}
    for name, array in (("head", head), ("neck", neck), ("torso", torso)):
        share = np.array([float(array[index].mean()) / 255 for index in range(count)])
        shares[name] = {"mean": float(share.mean()), "least": float(share.min()), "most": float(share.max())}
        array.flush()
    return {"source": parser.name, "shares": shares}


def _smooth(masks: Bytes, sigma: float, cuts: list[int]) -> None:
    """Smooth masks along time in place, within shots, holding only a window of them."""
    reach = int(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    edges = [0, *cuts, len(masks)]
    for start, stop in itertools.pairwise(edges):
        window = {index: masks[index].astype(np.float32) for index in range(start, min(start + reach, stop))}
        for index in range(start, stop):
            if index + reach < stop:
                window[index + reach] = masks[index + reach].astype(np.float32)
            window.pop(index - reach - 1, None)
            near = [(weights[other - index + reach], mask) for other, mask in window.items()]
            total = sum(weight for weight, _ in near)
            masks[index] = np.round(sum(weight * mask for weight, mask in near) / total).astype(np.uint8)
