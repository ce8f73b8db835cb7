"""Draw a processed video: its contact sheet, and the curves of what was measured on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.video.dataset import VideoDataset
from utils.camera import rotation_vector
from utils.drawing.canvas import fit, label
from utils.drawing.landmarks import draw_landmarks
from utils.faces.landmarks import mouth_opening
from utils.rates import FPS

_CELL = 192
_COLUMNS = 6


def contact_sheet(data: VideoDataset, columns: int = _COLUMNS, cell: int = _CELL) -> np.ndarray:
    """Return frames from all over the video: with landmarks, with masks, without head, head put back; (H, W, 3)."""
    used = data.frame_ids()
    chosen = used[np.unique(np.linspace(0, len(used) - 1, columns).round().astype(int))]
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
    """Tint a frame (H, W, 3) by masks (H, W), all uint8: the head red, the torso blue; (H, W, 3) uint8."""
    result: NDArray[Any] = frame.astype(np.float32)
    for mask, colour in ((head, (255, 40, 40)), (torso, (40, 80, 255))):
        share = 0.45 * mask[..., None].astype(np.float32) / 255
        result = (1 - share) * result + share * np.array(colour, np.float32)
    return result.round().astype(np.uint8)


def draw_curves(
    data: VideoDataset, sync: dict[str, Any], changes: np.ndarray, reprojection: np.ndarray, path: Path
) -> None:
    """Draw lips and loudness, head turn, picture change with cuts, reprojection error, and the offset's curve.

    Args:
        data: Whose, T frames.
        sync: What the stage `sync` said.
        changes: (T,) grey levels from the frame before.
        reprojection: (T,) pixels.
        path: The picture to write.
    """
    from matplotlib.figure import Figure

    time = np.arange(len(data)) / FPS
    turn = np.degrees(rotation_vector(data.world_from_camera[:, :3, :3]))
    figure = Figure(figsize=(12, 11), layout="constrained")
    axes = figure.subplots(5, 1)
    axes[0].plot(time, mouth_opening(data.landmarks), lw=0.8, label="lip opening (tenths of an eye distance)")
    axes[0].plot(time, data.audio("rms")[::2] * 10, lw=0.6, alpha=0.7, label="loudness x 10")
    for column, name in enumerate(("pitch", "yaw", "roll")):
        axes[1].plot(time, turn[:, column], lw=0.8, label=f"camera {name} (degrees)")
    axes[2].plot(time, changes[: len(time)], lw=0.6, label="change from the frame before (grey levels)")
    axes[3].plot(time, reprojection, lw=0.6, label="reprojection error (px)")
    axes[4].plot(sync["offsets_frames"], sync["curve"], label="lips foretold from the sound (correlation)")
    axes[4].axvline(sync["frames"], color="tab:red", lw=1, label=f"sound is {sync['frames']:.1f} frames late")
    axes[4].set_xlabel("offset (frames)")
    for axis in axes[:4]:
        for cut in data.meta.cuts:
            axis.axvline(cut / FPS, color="0.7", lw=0.5)
        axis.axvspan(data.meta.val_start / FPS, len(data) / FPS, color="tab:green", alpha=0.08)
        axis.set_xlim(0, len(data) / FPS)
    axes[3].set_xlabel("seconds (green: validation; grey lines: cuts)")
    for axis in axes:
        axis.legend(loc="upper right", fontsize=8)
    figure.savefig(path, dpi=80)
