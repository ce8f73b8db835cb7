"""Draw a processed video's contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.video.dataset import VideoDataset
from utils.drawing.canvas import fit, label
from utils.drawing.landmarks import draw_landmarks

_CELL = 192
_COLUMNS = 6


def contact_sheet(data: VideoDataset, columns: int = _COLUMNS, cell: int = _CELL) -> np.ndarray:
    """Return frames from all over the video: with landmarks, with masks, without head, head put back; (H, W, 3)."""
    chosen = np.unique(np.linspace(0, len(data) - 1, columns).round().astype(int))
    rows: list[list[np.ndarray]] = [[], [], [], []]
    for index in chosen:
        frame = np.asarray(data.frames[index])
        head, torso = np.asarray(data.head_mask[index]), np.asarray(data.torso_mask[index])
        bare = np.asarray(data.torso_frames[index])
        points = draw_landmarks(data.landmarks_px[index], canvas=frame.copy())
        share = head[..., None] / 255
        back = (share * frame + (1 - share) * bare).round().astype(np.uint8)
        pictures = (points, overlay(frame, head, torso), bare, back)
        for row, picture in zip(rows, pictures, strict=True):
            row.append(fit(picture, cell, cell))
    names = ("landmarks", "head (red) and torso (blue)", "head removed", "head put back on it")
    strips = [label(np.concatenate(row, axis=1), name) for name, row in zip(names, rows, strict=True)]
    plate = np.full((cell, strips[0].shape[1], 3), 255, np.uint8)
    plate[:, :cell] = fit(data.background, cell, cell)
    return np.concatenate([*strips, label(plate, "background plate")])


def overlay(frame: np.ndarray, head: np.ndarray, torso: np.ndarray) -> np.ndarray:
    """Tint the head red and the torso blue."""
    result: NDArray[Any] = frame.astype(np.float32)
    for mask, colour in ((head, (255, 40, 40)), (torso, (40, 80, 255))):
        share = 0.45 * mask[..., None].astype(np.float32) / 255
        result = (1 - share) * result + share * np.array(colour, np.float32)
    return result.round().astype(np.uint8)


def save_png(path: Path, picture: np.ndarray) -> None:
    """Write an RGB picture as PNG."""
    import cv2

    done, data = cv2.imencode(".png", picture[..., ::-1])
    assert done
    path.write_bytes(data.tobytes())
