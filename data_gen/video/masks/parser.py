"""What every face parser gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from utils.arrays import Bytes, Reals


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
    every: int = 1
    """Frames from one that is parsed to the next, at most; what lies between is carried along the optical flow."""

    @abstractmethod
    def parse(self, frame: Bytes, points_px: Reals) -> Masks:
        """Return the masks of an RGB (H, W, 3) frame whose landmarks are at points_px (68, 2)."""
