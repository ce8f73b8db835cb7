"""Pictures of what was drawn and heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.face_voice.dataset import FaceVoiceDataset
from modules.faces.face_warp import to_pixels
from tasks.speech_to_face.data import FaceBatch
from utils.arrays import Bytes
from utils.drawing.canvas import grid_of, label
from utils.drawing.landmarks import overlay_landmarks
from utils.media.marks.marks import Marks
from utils.media.pictures import write_picture


def to_bytes(images: Tensor) -> list[Bytes]:
    """Turn images (B, 3, H, W) in 0..1 into (H, W, 3) uint8."""
    out = images.detach().float().clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
    return [np.round(255 * picture).astype(np.uint8) for picture in out]


def decoder_picture(task: Any, batch: FaceBatch) -> Bytes:
    """Lay out photograph, texture, drawn face, and its landmarks over the photograph: (H, W, 3)."""
    drawn = task.render(batch.feature)
    photos, faces = to_bytes(batch.images), to_bytes(drawn.face)
    points = to_pixels(drawn.landmarks, batch.images.shape[-1]).cpu().numpy()
    rows = {
        "photograph": photos,
        "texture": to_bytes(drawn.texture),
        "drawn face": faces,
        "its landmarks": [overlay_landmarks(face, p) for face, p in zip(photos, points, strict=True)],
    }
    return grid_of(rows, size=photos[0].shape[0])


def heard_and_seen(
    data: FaceVoiceDataset, decoder: Any, heard: Tensor, feature: Tensor, entry: Tensor, count: int
) -> Bytes:
    """Lay out photograph, the face drawn of its feature, and the face drawn of the voice, of up to `count` persons.

    `heard` and `feature` are (N, F), `entry` (N,) says of which entry of `data`. Returns (H, W, 3).
    """
    _, first = np.unique(entry.cpu().numpy(), return_index=True)
    chosen = torch.from_numpy(first[:count])
    own, voice = (to_bytes(decoder.render(x[chosen].to(decoder.device)).face) for x in (feature.cpu(), heard.cpu()))
    rows = {
        "photograph": [data.face(int(e), 0) for e in entry.cpu()[chosen]],
        "drawn from the face": own,
        "drawn from the voice": voice,
    }
    return grid_of(rows, size=144)


def similarity_picture(heard: Tensor, feature: Tensor, side: int = 360) -> Bytes:
    """Show the cosines of voices (N, F), the rows, and faces (N, F), the columns: dark low, bright high."""
    import cv2

    cosine = (F.normalize(heard[:60], dim=1) @ F.normalize(feature[:60], dim=1).T).float().cpu().numpy()
    low, high = float(cosine.min()), float(cosine.max())
    grey = np.round(255 * (cosine - low) / max(high - low, 1e-6)).astype(np.uint8)
    colour = cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    big = cv2.resize(colour, (side, side), interpolation=cv2.INTER_NEAREST)
    return label(np.asarray(big, np.uint8), f"voices (rows) against faces, cosine {low:.2f} to {high:.2f}")


@torch.no_grad()
def write_face(decoder: Any, feature: Tensor, path: Path, marks: Marks) -> None:
    """Draw a face feature (F,) and write it as PNG, marked, aside and renamed."""
    face = to_bytes(decoder.render(feature[None].to(decoder.device)).face)[0]
    write_picture(path.with_suffix(path.suffix or ".png"), face, marks)
