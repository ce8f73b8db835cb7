"""Measure a talking head on footage it has not seen: rendered from real landmarks, and spoken from the sound alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.inference import MARGIN, seed_everything
from tasks.landmark_post import Floats, Ints, Person, post_process
from utils.landmarks import MOUTH, from_offsets, lip_gap, mouth_opening, to_offsets
from utils.progress import Progress

if TYPE_CHECKING:
    from tasks.talking_head import TalkingHead

log = logging.getLogger(__name__)
Bytes = NDArray[np.uint8]
SHEET_COLUMNS = 6


def evaluate_person(head: TalkingHead, video_id: str, folder: Path, *, frames: int = 250) -> dict[str, Any]:
    """Measure, print, and write `metrics.json`, `contact_sheet.png`, `lip_opening.png` and `side_by_side.mp4`.

    Args:
        head: What was trained.
        video_id: For whom; names the SyncNet.
        folder: Where the files go.
        frames: At most so many frames of the longest held-out run.

    Returns:
        The figures, as in metrics.json. Distances are pixels of the rendered picture.
    """
    from utils.files import write_json

    ids = held_out(head, frames)
    imagined = speak_held_out(head, ids)
    real = head.video.landmarks[ids]
    seed_everything(head.seed)
    pictures = Pictures(head, ids, {"rendered": real, "spoken": imagined}, folder)
    pictures.run()
    figures: dict[str, Any] = {
        "video_id": video_id,
        "checkpoints": {name: getattr(task, "source", {}) for name, task in head_tasks(head)},
        "frames": [int(ids[0]), int(ids[-1]) + 1],
        "pictures": pictures.figures(),
        "landmarks": {
            "lip_opening_correlation": correlation(mouth_opening(imagined), mouth_opening(real)),
            "mouth_error": float(np.linalg.norm((imagined - real)[:, MOUTH], axis=-1).mean()),
            "lip_spread": float(mouth_opening(imagined).std() / max(mouth_opening(real).std(), 1e-6)),
        },
        "seconds_per_frame": pictures.seconds_per_frame(),
        "sync": measure_sync(head, video_id, ids, {"real": real, "spoken": imagined, **pictures.measured()}),
    }
    write_pictures(folder, pictures, {"real": real, "spoken": imagined})
    write_json(folder / "metrics.json", without_nan(figures))
    show(figures, folder)
    return figures


def without_nan(value: Any) -> Any:
    """Put null where a figure could not be had, since JSON knows no NaN."""
    if isinstance(value, dict):
        return {name: without_nan(part) for name, part in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def head_tasks(head: TalkingHead) -> Iterator[tuple[str, Any]]:
    """Yield the networks of a head by name."""
    yield "postnet", head.postnet
    yield head.renderer.cfg.task_cls, head.renderer


def held_out(head: TalkingHead, frames: int) -> Ints:
    """Return the first frames of the longest held-out run without a cut."""
    start, stop = max(head.video.shots("val"), key=lambda shot: (shot[1] - shot[0], -shot[0]))
    return np.arange(start, min(stop, start + max(1, frames)))


def speak_held_out(head: TalkingHead, ids: Ints) -> Floats:
    """Imagine the landmarks of held-out frames from their sound, (T, 68, 3), mended as for speaking."""
    import torch

    start = max(0, int(ids[0]) - MARGIN)
    stop = min(len(head.video), int(ids[-1]) + 1 + MARGIN)
    rows = slice(2 * start, 2 * stop)
    audio = torch.from_numpy(head.video.audio(head.postnet.cfg.audio_feature)[rows])
    pitch = torch.from_numpy(head.video.audio("pitch_hz")[rows])
    temperature = head.settings.infer_temperature
    values = head.postnet.predict(audio, pitch, seed=head.seed, temperature=temperature)
    landmarks = np.asarray(values.cpu(), np.float32)[ids - start]
    rms = head.video.audio("rms")[2 * ids[0] : 2 * (ids[-1] + 1)]
    person = Person.of(head.video, head.settings.infer_sil_ref_frame_idx)
    return post_process(landmarks, person, ids, rms, head.settings, head.seed)


def correlation(a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> float:
    """Return Pearson's correlation over the entries that both have; NaN when either does not vary."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 3 or a[both].std() < 1e-9 or b[both].std() < 1e-9:
        return float("nan")
    return float(np.corrcoef(a[both], b[both])[0, 1])


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
        self.found: dict[str, list[Floats]] = {name: [] for name in ("real", *sequences)}
        self.seconds: list[float] = []
        self.kept: dict[str, list[Bytes]] = {name: [] for name in ("real", *sequences)}

    def run(self) -> None:
        """Go through the frames once; no more than a few pictures are held."""
        from utils.drawing import side_by_side
        from utils.landmark_detector import make_detector
        from utils.video import VideoWriter

        poses = self.footage.cameras[self.ids]
        renders = {
            name: self.head.renderer.render(landmarks, poses, self.ids) for name, landmarks in self.sequences.items()
        }
        keep = set(np.linspace(0, len(self.ids) - 1, SHEET_COLUMNS).round().astype(int).tolist())
        sound = self.head.video.wav()[640 * int(self.ids[0]) : 640 * (int(self.ids[-1]) + 1)]
        with make_detector("auto") as detector, Progress("held-out frames", len(self.ids)) as bar, ExitStack() as stack:
            for index, frame in enumerate(self.ids.tolist()):
                row = {"real": self.footage.picture("frames", frame)}
                for name, render in renders.items():
                    began = time.perf_counter()
                    row[name] = next(render)
                    self.seconds.append(time.perf_counter() - began)
                    self.judged[name].append(self.head.renderer.judge(frame, row[name]))
                for name, picture in row.items():
                    self.found[name].append(find_points(detector, picture))
                    if index in keep:
                        self.kept[name].append(picture)
                strip = side_by_side(list(row.values()), list(row))
                if index == 0:
                    out = self.folder / "side_by_side.mp4"
                    writer = stack.enter_context(VideoWriter(out, strip.shape[0], strip.shape[1], audio=sound))
                writer.write(strip)
                bar.step()

    def figures(self) -> dict[str, dict[str, float]]:
        """Average what was judged: PSNR by box, landmark distance (LMD), lip opening against the real frames."""
        real = np.stack(self.found["real"])
        out: dict[str, dict[str, float]] = {}
        for name, judged in self.judged.items():
            values = {key: float(np.mean([one[key] for one in judged])) for key in judged[0]}
            found = np.stack(self.found[name])
            distance = np.linalg.norm(found - real, axis=-1)
            values["lmd"] = _mean(distance)
            values["lmd_mouth"] = _mean(distance[:, MOUTH])
            values["lip_opening_correlation"] = correlation(lip_gap(found), lip_gap(real))
            values["faces_found"] = float(np.isfinite(found[:, 0, 0]).mean())
            out[name] = values
        return out

    def seconds_per_frame(self) -> float:
        """Return the median time of one rendered frame; the first ones warm up."""
        return float(np.median(self.seconds[2:] or self.seconds))

    def measured(self) -> dict[str, Floats]:
        """Lift the points found in the pictures to landmarks (T, 68, 3): the depth is that of the driving landmarks."""
        out = {}
        for name, landmarks in self.sequences.items():
            found = np.stack(self.found[name])
            if np.isfinite(found).all():
                depth = from_offsets(landmarks)
                size = (self.footage.height, self.footage.width)
                out[f"{name} (measured in the picture)"] = lift(
                    found, depth, self.footage.cameras[self.ids], self.footage.focal, size
                )
        return out


def _mean(values: NDArray[np.floating[Any]]) -> float:
    """Average what is finite; NaN when nothing is."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def find_points(detector: Any, picture: Bytes) -> Floats:
    """Find the largest face's 68 points in a picture, (68, 2) pixels; NaN when there is none."""
    faces = detector.detect(picture)
    return faces[0].points_px if faces else np.full((68, 2), np.nan, np.float32)


def lift(points_px: Floats, points: Floats, poses: Floats, focal: float, size: tuple[int, int]) -> Floats:
    """Turn pixels (T, 68, 2) into landmarks (T, 68, 3), each point at the camera's distance that `points` says.

    Args:
        points_px: What was found in the pictures.
        points: (T, 68, 3) in the head's frame, eye distances; only how far they are from the camera is used.
        poses: (T, 4, 4) world_from_camera.
        focal: Pixels.
        size: Height and width of the pictures.
    """
    from utils.camera import to_camera

    height, width = size
    z = to_camera(points.astype(np.float64), poses.astype(np.float64))[..., 2]
    x = (points_px[..., 0] - width / 2) * -z / focal
    y = (height / 2 - points_px[..., 1]) * -z / focal
    local = np.stack([x, y, z], axis=-1)
    world = local @ np.swapaxes(poses[:, :3, :3], 1, 2) + poses[:, None, :3, 3]
    return np.asarray(to_offsets(world), np.float32)


def measure_sync(head: TalkingHead, video_id: str, ids: Ints, sequences: dict[str, Floats]) -> dict[str, Any]:
    """Let the person's SyncNet find how late the sound is against each landmark sequence; empty without a SyncNet."""
    import torch

    from tasks.checkpoints import load_task
    from tasks.talking_head import SYNCNETS, find_run
    from utils.errors import DataError

    out = {}
    try:
        syncnet: Any = load_task(find_run(video_id, SYNCNETS), "best")
        rows = head.video.audio(syncnet.cfg.audio_feature)[2 * ids[0] : 2 * (ids[-1] + 1)]
        for name, landmarks in sequences.items():
            found = syncnet.find_offset(torch.from_numpy(rows), torch.from_numpy(landmarks))
            out[name] = {"offset_frames": int(found.offset_frames), "confidence": float(found.confidence)}
    except DataError as error:
        log.warning("No sync figures: %s", error)
    return out


def write_pictures(folder: Path, pictures: Pictures, sequences: dict[str, Floats]) -> None:
    """Write the contact sheet and the curve of the lips."""
    import cv2

    from utils.drawing import grid_of, plot_lip_opening
    from utils.files import write_aside

    sheet = grid_of(pictures.kept, size=min(256, pictures.footage.height))
    curve = plot_lip_opening(sequences, "lip opening, held-out speech:")
    for name, picture in (("contact_sheet.png", sheet), ("lip_opening.png", curve)):
        with write_aside(folder / name) as aside:
            cv2.imwrite(str(aside), picture[..., ::-1])


def show(figures: dict[str, Any], folder: Path) -> None:
    """Print the figures a person looks at first, and where the rest is."""
    start, stop = figures["frames"]
    print(f"{figures['video_id']}: held-out frames {start} to {stop - 1}")
    for name, what in (("rendered", "rendered from the real landmarks"), ("spoken", "spoken from the sound alone")):
        one = figures["pictures"][name]
        quality = f"PSNR face {one['face_psnr']:.1f} dB, mouth {one['mouth_psnr']:.1f} dB"
        distance = f"LMD {one['lmd']:.2f} px, mouth {one['lmd_mouth']:.2f} px"
        print(f"  {what}: {quality}; {distance}; lip opening r = {one['lip_opening_correlation']:.2f}")
    lips = figures["landmarks"]
    opening, spread = lips["lip_opening_correlation"], lips["lip_spread"]
    print(f"  landmarks from sound: lip opening r = {opening:.2f}, spread {spread:.2f} of the real one")
    for name, one in figures["sync"].items():
        print(f"  SyncNet, {name}: offset {one['offset_frames']:+d} frames, confidence {one['confidence']:.3f}")
    print(f"  {figures['seconds_per_frame']:.3f} s per rendered frame")
    print(f"  {folder}/: metrics.json, contact_sheet.png, lip_opening.png, side_by_side.mp4")
