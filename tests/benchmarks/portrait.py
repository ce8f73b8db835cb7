"""How well lower faces lie in true frames, with a trained portrait and without: the frame's own mouth, and another's.

    python -m tests.benchmarks.portrait ID --frames 100

Held-out frames of a person whose `lm3d_nerf` and `lm3d_nerf_portrait` are trained, from real landmarks: their own, and
those of another moment of the held-out stretch, over which the frame's mouth must not show. Columns: PSNR of the whole
frame, the face and the mouth; LPIPS of the whole and of the mouth; `sharp`, how fine is what the lips show when apart,
over what the true ones do; `seam`, the gradient on the edge of the lower face over that of the
true frames there (1 is no seam); `edge`, the mean difference along the true head's outline, of 255; `flicker`, how much
the skin inside it changes from frame to frame over how much it does in the footage; `new` and `old`, how much the lips
that are found follow those that were asked for and those of the frame (a regression on both: 1 and 0 are right);
processor milliseconds a frame.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.loading import load_task
from tasks.renderer.judging import Sharpness
from tasks.renderer.portrait.composer import WIDER
from tasks.renderer.portrait.lower_face import lower_face
from utils.arrays import Bytes, Floats, Ints
from utils.camera import project
from utils.faces.detector import LandmarkDetector, find_points
from utils.faces.detectors import make_detector
from utils.faces.landmarks import from_offsets, lip_gap
from utils.metrics import psnr

LPIPS_EVERY = 6
"""LPIPS is measured in every so many frames."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("id")
    parser.add_argument("--frames", type=int, default=100)
    args = parser.parse_args()
    runs = {name: load_task(Path(f"checkpoints/{args.id}/{name}")) for name in ("lm3d_nerf", "lm3d_nerf_portrait")}
    ids = runs["lm3d_nerf"].footage.video.frame_ids("val")
    print(f"{'':30}{'whole':>7}{'face':>7}{'mouth':>7}{'LPIPS':>8}{'mouth':>7}{'sharp':>6}{'seam':>6}{'edge':>6}{'flicker':>8}{'new':>6}{'old':>6}{'ms':>6}")
    with make_detector("auto") as detector:
        for label, shift in (("own", 0), ("another's", len(ids) // 2)):
            for name, task in runs.items():
                found = measure(task, ids[: args.frames], np.roll(ids, shift)[: args.frames], detector)
                lpips = f"{'-':>8}{'-':>7}"
                if "lpips" in found:
                    lpips = f"{found['lpips']:8.4f}{found['mouth_lpips']:7.3f}"
                print(
                    f"{label + ', ' + name:30}{found['frame']:7.2f}{found['face']:7.2f}{found['mouth']:7.2f}{lpips}"
                    f"{found['sharp']:6.2f}{found['seam']:6.2f}{found['edge']:6.1f}{found['flicker']:8.2f}{found['new']:6.2f}{found['old']:6.2f}"
                    f"{found['ms']:6.0f}"
                )


def measure(task: Any, ids: Ints, spoken: Ints, detector: LandmarkDetector) -> dict[str, float]:
    """Lay the mouths of frames (n,) into others (n,), and compare."""
    footage = task.footage
    began = time.process_time()
    driving = footage.video.carried(footage.video.landmarks[spoken], ids)
    pictures = list(task.render(driving, footage.cameras[ids], ids, portrait=True))
    figures = {"ms": 1000 * (time.process_time() - began) / len(ids)}
    truth = [footage.picture("frames", int(frame)) for frame in ids]
    for name in ("frame", "face", "mouth"):
        values = [psnr(a, b, footage.boxes(int(frame))[name]) for a, b, frame in zip(pictures, truth, ids, strict=True)]
        figures[name] = float(np.mean(values))
    mouths = [footage.boxes(int(frame))["mouth"] for frame in ids]
    for name, boxes in (("lpips", [None for _ in ids]), ("mouth_lpips", mouths)):
        trios = list(zip(pictures, truth, boxes, strict=True))[::LPIPS_EVERY]
        lpips = [task.lpips(*trio) for trio in trios]
        if lpips[0] is not None:
            figures[name] = float(np.mean(lpips))
    masks = [whole_mask(footage, int(frame)) for frame in ids]
    rings = [(mask > 0.02) & (mask < 0.98) for mask in masks]
    figures["seam"] = steepness(pictures, rings) / steepness(truth, rings)
    edges = [outline(footage, int(frame)) & (mask > 0.5) for frame, mask in zip(ids, masks, strict=True)]
    pairs = zip(pictures, truth, edges, strict=True)
    figures["edge"] = float(np.mean([np.abs(a.astype(float) - b)[edge].mean() for a, b, edge in pairs if edge.any()]))
    skin = [without_mouth(footage, int(frame), mask > 0.5) for frame, mask in zip(ids, masks, strict=True)]
    figures["flicker"] = changes(pictures, skin) / changes(truth, skin)
    camera = footage.cameras[ids].astype(np.float64)
    middle = (footage.width / 2, footage.height / 2)
    points = from_offsets(driving).astype(np.float64)
    asked = np.stack([project(one, pose, footage.focal, *middle) for one, pose in zip(points, camera, strict=True)])
    made, real = Sharpness(), Sharpness()
    for picture, points_px, true, frame in zip(pictures, asked, truth, ids, strict=True):
        made.see(picture, points_px)
        real.see(true, footage.landmarks_px[frame])
    sharp = made.against(real)
    figures["sharp"] = float("nan") if sharp is None else sharp
    gap = lip_gap(np.stack([find_points(detector, picture) for picture in pictures]))
    seen = np.isfinite(gap)
    causes = np.stack([lip_gap(asked), lip_gap(footage.landmarks_px[ids]), np.ones(len(ids))], axis=1)
    if (spoken == ids).all():
        causes[:, 1] = 0
    new, old, _ = np.linalg.lstsq(causes[seen], gap[seen], rcond=None)[0]
    return figures | {"new": float(new), "old": float(old)}


def whole_mask(footage: Any, frame: int) -> Floats:
    """Return where the lower face of a frame is, (H, W) in [0, 1]."""
    face = lower_face(footage.landmarks_px[[frame]], footage.height, footage.width, wider=WIDER)
    mask = np.zeros((footage.height, footage.width), np.float32)
    mask[face.part] = face.mask
    return mask


def outline(footage: Any, frame: int) -> np.ndarray:
    """Return where a frame is within a 170th of its height of the head's outline, (H, W) bool."""
    import cv2

    head = (footage.picture("head_mask", frame) > 127).astype(np.uint8)
    side = 2 * max(1, round(footage.height / 170)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(head, kernel) != cv2.erode(head, kernel))


def without_mouth(footage: Any, frame: int, inside: np.ndarray) -> np.ndarray:
    """Take the mouth's box out of a region (H, W) of a frame."""
    box = footage.boxes(frame)["mouth"]
    if box is not None:
        inside[box[1] : box[3], box[0] : box[2]] = False
    return inside


def steepness(pictures: list[Bytes], regions: list[np.ndarray]) -> float:
    """Return the mean size of the pictures' gradients in regions (H, W)."""
    import cv2

    sizes = []
    for picture, region in zip(pictures, regions, strict=True):
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        sizes.append(np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))[region].mean())
    return float(np.mean(sizes))


def changes(pictures: list[Bytes], regions: list[np.ndarray]) -> float:
    """Return the mean change from frame to frame in regions (H, W), of 255."""
    pairs = zip(pictures, pictures[1:], regions[1:], strict=False)
    return float(np.mean([np.abs(b.astype(float) - a)[region].mean() for a, b, region in pairs]))


if __name__ == "__main__":
    main()
