"""Render held-out frames and compare each with the real one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.renderer.evaluate import seconds_a_frame
from tasks.renderer.judging import Sharpness
from utils.arrays import Bytes, Floats, Ints
from utils.camera import to_camera
from utils.drawing.canvas import side_by_side
from utils.faces.detector import find_points
from utils.faces.detectors import make_detector
from utils.faces.landmarks import MOUTH, from_offsets, lip_gap, to_offsets
from utils.faces.lip_figures import Span, Stretch, lip_figures
from utils.media.video import VideoWriter
from utils.metrics import correlation
from utils.progress import Progress
from utils.rates import SAMPLES_A_FRAME

if TYPE_CHECKING:
    from tasks.person.head import TalkingHead

SHEET_COLUMNS = 6


class Pictures:
    """Render held-out frames from several landmark sequences and compare each picture with the real one as it comes.

    Args:
        head: What was trained.
        ids: (T,) frames of the footage; their own poses are used.
        sequences: Name -> landmarks (T, 68, 3).
        folder: Where `side_by_side.mp4` goes.
    """

    def __init__(self, head: TalkingHead, ids: Ints, sequences: dict[str, Floats], folder: Path) -> None:
        self.head, self.ids, self.sequences, self.folder = head, ids, sequences, folder
        self.footage = head.renderer.footage
        self.judged: dict[str, list[dict[str, float]]] = {name: [] for name in sequences}
        self.points_px: dict[str, list[Floats]] = {name: [] for name in ("real", *sequences)}
        self.kept: dict[str, list[Bytes]] = {name: [] for name in ("real", *sequences)}
        self.sharpness = {name: Sharpness() for name in ("real", *sequences)}

    def run(self) -> None:
        """Go through the frames once; no more than a few pictures are held."""
        poses, video, draw = self.footage.cameras[self.ids], self.head.video, self.head.renderer.render
        renders = {
            name: draw(video.carried(landmarks, self.ids), poses, self.ids)
            for name, landmarks in self.sequences.items()
        }
        keep = set(np.linspace(0, len(self.ids) - 1, SHEET_COLUMNS).round().astype(int).tolist())
        sound = self.head.video.wav()[SAMPLES_A_FRAME * int(self.ids[0]) : SAMPLES_A_FRAME * (int(self.ids[-1]) + 1)]
        with make_detector("auto") as detector, Progress("held-out frames", len(self.ids)) as bar, ExitStack() as stack:
            for index, frame in enumerate(self.ids.tolist()):
                row = {"real": self.footage.picture("frames", frame)}
                for name, render in renders.items():
                    row[name] = next(render)
                    self.judged[name].append(self.head.renderer.judge(frame, row[name]))
                for name, picture in row.items():
                    self.points_px[name].append(find_points(detector, picture))
                    self.sharpness[name].see(picture, self.points_px[name][-1])
                    if index in keep:
                        self.kept[name].append(picture)
                strip = side_by_side(list(row.values()), list(row))
                if index == 0:
                    out = self.folder / "side_by_side.mp4"
                    how: dict[str, Any] = {"audio": sound, "marks": self.head.marks("comparison")}
                    writer = stack.enter_context(VideoWriter(out, strip.shape[0], strip.shape[1], **how))
                writer.write(strip)
                bar.step()

    def figures(self, spans: Sequence[Span] | None = None) -> dict[str, dict[str, float]]:
        """Average what was judged: PSNR by box, landmark distance (LMD), lips and sharpness against the real.

        Args:
            spans: Where the lips meet, as `Stretch` has it.
        """
        real = np.stack(self.points_px["real"])
        out: dict[str, dict[str, float]] = {}
        for name, judged in self.judged.items():
            values = {key: float(np.mean([one[key] for one in judged])) for key in judged[0]}
            points_px = np.stack(self.points_px[name])
            distance = np.linalg.norm(points_px - real, axis=-1)
            values["lmd"] = _mean(distance)
            values["lmd_mouth"] = _mean(distance[:, MOUTH])
            values["lip_opening_correlation"] = correlation(lip_gap(points_px), lip_gap(real))
            sharp = self.sharpness[name].against(self.sharpness["real"])
            values["mouth_sharpness"] = float("nan") if sharp is None else sharp
            values |= lip_figures([Stretch(points_px, real, spans)])
            values["faces_found"] = float(np.isfinite(points_px[:, 0, 0]).mean())
            out[name] = values
        return out

    def seconds_per_frame(self) -> float:
        """Return how long a frame takes to draw when nothing else is done."""
        landmarks = next(iter(self.sequences.values()))
        return seconds_a_frame(self.head.renderer, landmarks, self.footage.cameras[self.ids], self.ids)

    def measured(self) -> dict[str, Floats]:
        """Lift the points found in the pictures to landmarks (T, 68, 3): the depth is that of the driving landmarks."""
        out = {}
        for name, landmarks in self.sequences.items():
            points_px = np.stack(self.points_px[name])
            if np.isfinite(points_px).all():
                depth = from_offsets(landmarks)
                size = (self.footage.height, self.footage.width)
                out[f"{name} (measured in the picture)"] = lift(
                    points_px, depth, self.footage.cameras[self.ids], self.footage.focal, size
                )
        return out


def _mean(values: NDArray[np.floating[Any]]) -> float:
    """Average what is finite; NaN when nothing is."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def lift(points_px: Floats, points: Floats, poses: Floats, focal: float, size: tuple[int, int]) -> Floats:
    """Turn pixels (T, 68, 2) into landmarks (T, 68, 3), each point at the camera's distance that `points` says.

    Args:
        points_px: What was found in the pictures.
        points: (T, 68, 3) in the head's frame, eye distances; only how far they are from the camera is used.
        poses: (T, 4, 4) world_from_camera.
        focal: Pixels.
        size: Height and width of the pictures.
    """
    height, width = size
    z = to_camera(points.astype(np.float64), poses.astype(np.float64))[..., 2]
    x = (points_px[..., 0] - width / 2) * -z / focal
    y = (height / 2 - points_px[..., 1]) * -z / focal
    local = np.stack([x, y, z], axis=-1)
    world = local @ np.swapaxes(poses[:, :3, :3], 1, 2) + poses[:, None, :3, 3]
    return np.asarray(to_offsets(world), np.float32)
