"""Measure a trained head (and torso) on held-out frames: how near the picture is, where the face is, what flickers.

    python tasks/run.py --config=checkpoints/May/lm3d_nerf/config.yaml --evaluate
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.origins import marks_of
from tasks.renderer.judging import Sharpness, judge
from utils.arrays import Bytes, Floats, Ints
from utils.drawing.canvas import grid_of
from utils.faces.detector import find_points
from utils.faces.detectors import make_detector
from utils.faces.landmarks import EYES, MOUTH, lip_gap
from utils.files.tables import write_json
from utils.media.pictures import write_picture
from utils.metrics import correlation
from utils.progress import Progress

TIMED = 16
"""Frames that are drawn to see how long one takes."""
BOXES = ("head", "face", "mouth", "eyes")


def evaluate(task: Any, folder: Path) -> None:
    """Measure a trained `NerfTask` as its `eval_*` settings say, print, and write `metrics.json` and `pictures.png`."""
    figures = evaluate_renderer(task, folder, frames=task.cfg.eval_frames, own_poses=not task.cfg.eval_guess_torso)
    write_json(folder / "metrics.json", figures)
    show(figures)
    print(f"{folder}: metrics.json, pictures.png")


def evaluate_renderer(task: Any, folder: Path, *, frames: int = 250, own_poses: bool = True) -> dict[str, Any]:
    """Render held-out frames from their own landmarks and poses, and compare each with the real one.

    Args:
        task: A trained `NerfTask` whose footage is here.
        folder: Where `pictures.png` goes.
        frames: At most so many frames, from the first held-out one on.
        own_poses: Whether a torso lies as in the frame; else it is guessed from the head's pose.

    Returns:
        `<box>_psnr`, `<box>_ssim`, `<box>_lpips` (where its weights are here); `lmd_<part>` in pixels; correlation of
        the lips' opening; `flicker`, the forehead's change from frame to frame over the real one's; `mouth_sharpness`,
        see `Sharpness`; seconds a frame.
    """
    footage = task.footage
    ids = footage.video.frame_ids("val")[:frames]
    judged: list[dict[str, float]] = []
    points: dict[str, list[Floats]] = {"made": [], "real": []}
    kept: dict[str, list[Bytes]] = {"made": [], "real": []}
    flicker, sharpness = Flicker(), {name: Sharpness() for name in points}
    keep = set(np.linspace(0, len(ids) - 1, 6).round().astype(int).tolist())
    how: dict[str, Any] = {"own_poses": own_poses, "portrait": task.into_frames}
    render = task.render(footage.landmarks[ids], footage.cameras[ids], ids, **how)
    with make_detector("auto") as detector, Progress("held-out frames", len(ids)) as bar:
        for index, frame in enumerate(ids.tolist()):
            pair = {"made": next(render), "real": footage.picture("frames", frame)}
            boxes = {name: box for name, box in footage.boxes(frame).items() if name in BOXES}
            judged.append(judge(pair["made"], pair["real"], boxes, task.lpips))
            for name, picture in pair.items():
                points[name].append(find_points(detector, picture))
                sharpness[name].see(picture, footage.landmarks_px[frame])
                if index in keep:
                    kept[name].append(picture)
            flicker.see(pair["made"], pair["real"], footage.landmarks_px[frame], cut=frame in footage.video.meta.cuts)
            bar.step()
    figures: dict[str, Any] = {name: float(np.mean([one[name] for one in judged])) for name in judged[0]}
    figures |= compare_points(np.stack(points["made"]), np.stack(points["real"]))
    figures |= {
        "flicker": flicker.ratio(),
        "mouth_sharpness": sharpness["made"].against(sharpness["real"]),
        "seconds_per_frame": seconds_a_frame(task, footage.landmarks[ids], footage.cameras[ids], ids, **how),
        "frames": [int(ids[0]), int(ids[-1]) + 1],
        "checkpoint": dict(task.source),
    }
    sheet = grid_of(kept, size=min(256, footage.height))
    write_picture(folder / "pictures.png", sheet, marks_of(task, "comparison"))
    return figures


def seconds_a_frame(task: Any, landmarks: Floats, cameras: Floats, ids: Ints, **how: Any) -> float:
    """Draw the first frames alone, from beginning to end, as `task.render` is asked to; return how long one takes.

    Frames are drawn ahead of whoever looks at them, so that waiting for the next one says nothing.
    """
    few = slice(0, TIMED)
    began = time.perf_counter()
    count = sum(1 for _ in task.render(landmarks[few], cameras[few], ids[few], **how))
    return (time.perf_counter() - began) / count


def compare_points(rendered: Floats, real: Floats) -> dict[str, float]:
    """Compare landmarks (T, 68, 2) found in renders and in real frames; frames without a face (NaN) are left out."""
    distance = np.linalg.norm(rendered - real, axis=-1)
    has_face = np.isfinite(distance).all(axis=1)
    figures = {"faces_found": float(np.isfinite(rendered[:, 0, 0]).mean())}
    if not has_face.any():
        return figures
    parts = {"face": slice(None), "mouth": MOUTH, "eyes": EYES}
    figures |= {f"lmd_{name}": float(distance[has_face][:, part].mean()) for name, part in parts.items()}
    return figures | {"lip_opening_correlation": correlation(lip_gap(rendered), lip_gap(real))}


class Flicker:
    """Compare how much the forehead changes from one frame to the next in the render and in the footage."""

    def __init__(self) -> None:
        self.change = np.zeros(2)
        self._last: tuple[Floats, Floats] | None = None

    def see(self, rendered: Bytes, real: Bytes, points_px: Floats, *, cut: bool = False) -> None:
        """Take in the next pair of frames (H, W, 3); the forehead lies over the brows of `points_px` (68, 2)."""
        pair = (rendered.astype(np.float32), real.astype(np.float32))
        brows, wide = points_px[17:27], float(np.ptp(points_px[17:27, 0]))
        bottom = float(brows[:, 1].min()) - 0.05 * wide
        middle = float(brows[:, 0].mean())
        rows = slice(max(0, int(bottom - 0.25 * wide)), max(1, int(bottom)))
        columns = slice(max(0, int(middle - 0.3 * wide)), max(1, int(middle + 0.3 * wide)))
        if self._last is not None and not cut:
            for side in (0, 1):
                self.change[side] += np.abs(pair[side][rows, columns] - self._last[side][rows, columns]).mean()
        self._last = pair

    def ratio(self) -> float | None:
        """Return the render's change over the footage's; 1 is as calm as the footage."""
        return float(self.change[0] / self.change[1]) if self.change[1] > 0 else None


def show(figures: dict[str, Any]) -> None:
    """Print the figures as a table."""
    kinds = [kind for kind in ("psnr", "ssim", "lpips") if f"face_{kind}" in figures]
    print("box    " + "".join(f"{kind:>8}" for kind in kinds) + "     LMD")
    for box in BOXES:
        row = "".join(f"{figures[f'{box}_{kind}']:8.{1 if kind == 'psnr' else 3}f}" for kind in kinds)
        distance = figures.get(f"lmd_{box}")
        print(f"{box:<7}{row}" + (f"{distance:8.2f}" if distance is not None else "       -"))
    lips, flicker, sharp = (figures.get(name) for name in ("lip_opening_correlation", "flicker", "mouth_sharpness"))
    print(f"lip opening r {_or_dash(lips, 3)}; of the footage's: flicker of the forehead {_or_dash(flicker, 2)},")
    print(f"sharpness inside the lips {_or_dash(sharp, 2)};", end=" ")
    print(f"faces found {figures['faces_found']:.0%}, {figures['seconds_per_frame']:.3f} s a frame")


def _or_dash(value: float | None, digits: int) -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:.{digits}f}"

