"""A small film to mark."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.media.video import VideoWriter


def film(out: Path, marks: object = None, *, size: int = 64, frames: int = 4, seed: int = 0) -> Path:
    """Write a film of a soft scene with grain."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    grey = 120 + 40 * np.sin(rows / 17) + 30 * np.cos(columns / 23)
    with VideoWriter(out, size, size, marks=marks) as writer:
        for _ in range(frames):
            picture = (grey + rng.normal(scale=2, size=grey.shape)).clip(0, 255).astype(np.uint8)
            writer.write(np.repeat(picture[..., None], 3, axis=2))
    return out
