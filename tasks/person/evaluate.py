"""Measure a talking head on footage it has not seen: rendered from real landmarks, and spoken from the sound alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core.loading import load_task
from tasks.person.compare import Pictures
from tasks.person.runs import SYNCNETS, find_run
from tasks.speaking.frames import seed_everything
from tasks.speaking.mend import post_process
from tasks.speaking.resting_face import Person
from tasks.speaking.windows import MARGIN
from utils.arrays import Floats, Ints
from utils.drawing.canvas import grid_of
from utils.drawing.curves import plot_curves, plot_lip_opening
from utils.errors import ConfigError, DataError
from utils.faces.landmarks import MOUTH, from_offsets, mouth_opening
from utils.faces.lip_figures import Span, Stretch, lip_figures
from utils.files.tables import write_json
from utils.media.pictures import write_picture
from utils.metrics import correlation
from utils.rates import FPS
from utils.sound.speech_level import voice_rms
from utils.sound.timings import lips_meet, read_timings

if TYPE_CHECKING:
    from tasks.person.head import TalkingHead


log = logging.getLogger(__name__)


def evaluate_person(
    head: TalkingHead, video_id: str, folder: Path, *, frames: int = 250, timings: Path | None = None
) -> dict[str, Any]:
    """Measure, print, and write `metrics.json`, `contact_sheet.png`, `side_by_side.mp4` and curves.

    Args:
        head: What was trained.
        video_id: For whom; names the SyncNet.
        folder: Where the files go.
        frames: At most so many frames of the longest held-out run.
        timings: When what is said in the video (`utils.sound.timings`), as far as that is known.

    Returns:
        The figures, as in metrics.json. Distances are pixels of the rendered picture.
    """
    ids = held_out(head, frames)
    spans = lips_said(head, ids, timings)
    imagined = speak_held_out(head, ids)
    real = head.video.landmarks[ids]
    seed_everything(head.seed)
    pictures = Pictures(head, ids, {"rendered": real, "spoken": imagined}, folder)
    pictures.run()
    stretch = Stretch(from_offsets(imagined), from_offsets(real), spans)
    figures: dict[str, Any] = {
        "video_id": video_id,
        "checkpoints": {name: getattr(task, "source", {}) for name, task in head_tasks(head)},
        "frames": [int(ids[0]), int(ids[-1]) + 1],
        "pictures": pictures.figures(spans),
        "landmarks": {
            "lip_opening_correlation": correlation(mouth_opening(imagined), mouth_opening(real)),
            "mouth_error": float(np.linalg.norm((imagined - real)[:, MOUTH], axis=-1).mean()),
            "lip_spread": float(mouth_opening(imagined).std() / max(mouth_opening(real).std(), 1e-6)),
            **lip_figures([stretch]),
        },
        "seconds_per_frame": pictures.seconds_per_frame(),
        "sync": measure_sync(head, video_id, ids, {"real": real, "spoken": imagined, **pictures.measured()}),
    }
    write_pictures(folder, pictures, {"real": real, "spoken": imagined})
    write_offsets(folder / "sync_offsets.png", figures["sync"])
    show(figures, folder)
    figures = without_nan(figures)
    write_json(folder / "metrics.json", figures)
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
    """Return the first frames (n,), at most `frames`, of the longest held-out run without a cut.

    Raises:
        DataError: None is held out.
    """
    shots = head.video.shots("val")
    if not shots:
        raise DataError(f"{head.video.path} holds no frame out to measure on. Process the video again (--val_seconds).")
    start, stop = max(shots, key=lambda shot: (shot[1] - shot[0], -shot[0]))
    return np.arange(start, min(stop, start + max(1, frames)))


def lips_said(head: TalkingHead, ids: Ints, timings: Path | None) -> list[Span] | None:
    """List where in frames (T,) of the video the lips meet as what is said wants it; None where that is not known."""
    if timings is None:
        return None
    return lips_meet(read_timings(timings), head.video.meta.heard_from_s + float(ids[0]) / FPS)


def speak_held_out(head: TalkingHead, ids: Ints) -> Floats:
    """Imagine the landmarks of held-out frames from their sound, (T, 68, 3), mended as for speaking."""
    import torch

    head.postnet.hear_as(head.video.meta.sound_level)
    start = max(0, int(ids[0]) - MARGIN)
    stop = min(len(head.video), int(ids[-1]) + 1 + MARGIN)
    rows = slice(2 * start, 2 * stop)
    audio = torch.from_numpy(head.video.audio(head.postnet.cfg.audio_feature)[rows])
    pitch = torch.from_numpy(head.video.audio("pitch_hz")[rows])
    temperature = head.settings.infer_temperature
    values = head.postnet.predict(audio, pitch, seed=head.seed, temperature=temperature)
    landmarks = np.asarray(values.cpu(), np.float32)[ids - start]
    rms = voice_rms(head.video.wav())[2 * ids[0] : 2 * (ids[-1] + 1)]
    person = Person.of(head.video, head.settings.infer_sil_ref_frame_idx)
    return post_process(landmarks, person, ids, rms, head.settings, head.seed)


def measure_sync(head: TalkingHead, video_id: str, ids: Ints, sequences: dict[str, Floats]) -> dict[str, Any]:
    """Let the person's SyncNet find how late the sound is against each (T, 68, 3); empty without a SyncNet."""
    import torch

    out = {}
    try:
        syncnet: Any = load_task(find_run(video_id, SYNCNETS), "best", kind=SYNCNETS)
        syncnet.hear_as(head.video.meta.sound_level)
        rows = head.video.audio(syncnet.cfg.audio_feature)[2 * ids[0] : 2 * (ids[-1] + 1)]
        for name, landmarks in sequences.items():
            heard, seen = torch.from_numpy(rows), torch.from_numpy(landmarks)
            offset = syncnet.find_offset(heard, seen)
            out[name] = {"offset_frames": int(offset.offset_frames), "confidence": float(offset.confidence)}
            out[name]["seconds"] = syncnet.find_seconds(heard, seen)
    except (ConfigError, DataError) as error:
        log.warning("No sync figures: %s", error)
    return out


def write_pictures(folder: Path, pictures: Pictures, sequences: dict[str, Floats]) -> None:
    """Write the contact sheet and the lips' curve of landmark sequences (T, 68, 3)."""
    sheet = grid_of(pictures.kept, size=min(256, pictures.footage.height))
    curve = plot_lip_opening(sequences, "lip opening, held-out speech:")
    write_picture(folder / "contact_sheet.png", sheet, pictures.head.marks("comparison"))
    write_picture(folder / "lip_opening.png", curve)


def write_offsets(path: Path, sync: dict[str, Any]) -> None:
    """Draw how the offsets of one-second windows are spread, where there are any."""
    from tasks.motion.syncnet import RADIUS

    shares = {}
    for name, one in sync.items():
        histogram = one["seconds"].get("histogram", {})
        counts = np.array([histogram.get(f"{offset:+d}", 0) for offset in range(-RADIUS, RADIUS + 1)], np.float64)
        if counts.sum():
            shares[name] = counts / counts.sum()
    if shares:
        curve = plot_curves(shares, "share of seconds", xlabel="sound late by (frames)", fps=1.0, first=-RADIUS)
        write_picture(path, curve)


def say_lips(lips: dict[str, float]) -> str:
    """Put into words what `lip_figures` found."""
    count, recall = int(lips["closures"]), lips["closure_recall"]
    meets = f"meet in {100 * recall:.0f} % of {count} closures" if count else "no closure to judge by"
    return f"{meets}, shut in {100 * lips['closed_wrongly']:.0f} % of what is open, trembling {lips['trembling']:.2f}"


def say_seconds(seconds: dict[str, Any]) -> str:
    """Put into words what `offset_shares` found."""
    if not seconds["windows"]:
        return "too short for seconds"
    within, early, late = (100 * seconds[name] for name in ("within_1", "early", "late"))
    return f"of {seconds['windows']} seconds {within:.0f} % within a frame, {early:.0f} % early, {late:.0f} % late"


def show(figures: dict[str, Any], folder: Path) -> None:
    """Print the figures a person looks at first, and where the rest is."""
    start, stop = figures["frames"]
    print(f"{figures['video_id']}: held-out frames {start} to {stop - 1}")
    for name, what in (("rendered", "rendered from the real landmarks"), ("spoken", "spoken from the sound alone")):
        one = figures["pictures"][name]
        quality = f"PSNR face {one['face_psnr']:.1f} dB, mouth {one['mouth_psnr']:.1f} dB"
        distance = f"LMD {one['lmd']:.2f} px, mouth {one['lmd_mouth']:.2f} px"
        lips = f"lip opening r = {one['lip_opening_correlation']:.2f}, sharpness inside {one['mouth_sharpness']:.2f}"
        print(f"  {what}: {quality}; {distance}; {lips}; {say_lips(one)}")
    points = figures["landmarks"]
    opening, spread = points["lip_opening_correlation"], points["lip_spread"]
    lips = f"lip opening r = {opening:.2f}, spread {spread:.2f} of the real one; {say_lips(points)}"
    print(f"  landmarks from sound: {lips}")
    for name, one in figures["sync"].items():
        offset = f"offset {one['offset_frames']:+d} frames, confidence {one['confidence']:.3f}"
        print(f"  SyncNet, {name}: {offset}; {say_seconds(one['seconds'])}")
    print(f"  {figures['seconds_per_frame']:.3f} s per rendered frame")
    print(f"  {folder}/: metrics.json, contact_sheet.png, lip_opening.png, sync_offsets.png, side_by_side.mp4")
