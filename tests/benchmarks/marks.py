"""Measure the pattern in the pictures: which attacks it survives, what it costs, how often it is seen where none is.

    python -m tests.benchmarks.marks attacks FILM...      # films to mark; each is brought to 256 and to 512 pixels
    python -m tests.benchmarks.marks pictures FILM...     # their first pictures as single pictures, and drawn parts
    python -m tests.benchmarks.marks cost FILM...
    python -m tests.benchmarks.marks alarms FILM...       # true films
"""

from __future__ import annotations

import io
import math
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from utils.arrays import Bytes
from utils.media.ffmpeg import run
from utils.media.marks import detector
from utils.media.marks.detector import Finding, residual, search
from utils.media.marks.label import draw_label
from utils.media.marks.marks import Marks
from utils.media.marks.origin import Origin
from utils.media.marks.pattern import Stamp
from utils.media.pictures import fitted
from utils.media.video import VideoWriter, read_frames

ORIGIN = Origin("film", "made/lm3d_nerf", "c0ffee" + "0" * 58)
FRAMES, LOOKED_AT = 50, 16
CROP = "crop=trunc(iw*0.4)*2:trunc(ih*0.4)*2:iw*0.13:ih*0.07"
HALF = "scale=trunc(iw/4)*2:trunc(ih/4)*2"
ATTACKS = {
    "as written": (None, None), "crf 28": ("null", 28), "half size": (HALF, 23), "crop of 80 %": (CROP, 23),
    "half size, crf 28": (HALF, 28), "crop, crf 28": (CROP, 28), "all three": (f"{CROP},{HALF}", 28),
}  # fmt: skip


def frames_of(film: Path, size: int, count: int = FRAMES) -> list[Bytes]:
    """Return a film's first pictures, cut to squares of a size."""
    frames = list(read_frames(film, fps=25, count=count))
    side = min(frames[0].shape[:2])
    return [fitted(frame[:side, :side], size, size) for frame in frames]


def find(frames: Sequence[Bytes]) -> Finding:
    """Look for the mark as `verify` does."""
    step = max(1, len(frames) // LOOKED_AT)
    return search(sum((residual(frame) for frame in frames[::step]), np.float32(0)))


def psnr(marked: Bytes, plain: Bytes) -> float:
    return 10 * math.log10(255**2 / np.mean((marked.astype(np.float64) - plain) ** 2))


def write(out: Path, frames: Sequence[Bytes], marks: Marks | None) -> None:
    with VideoWriter(out, *frames[0].shape[:2], marks=marks) as writer:
        for frame in frames:
            writer.write(frame)


def attacks(films: Sequence[Path], folder: Path) -> None:
    """Print which of the films' marks are read, all 32 bits right, after each attack."""
    for size in (256, 512):
        right = dict.fromkeys(ATTACKS, 0)
        weakest = dict.fromkeys(ATTACKS, math.inf)
        for film in films:
            frames = frames_of(film, size)
            write(folder / "film.mp4", frames, Marks(ORIGIN))
            for name, (filters, crf) in ATTACKS.items():
                attacked = folder / ("attacked.mp4" if filters else "film.mp4")
                if filters:
                    arguments = ["-y", "-i", f"file:{folder / 'film.mp4'}", "-vf", filters, "-c:v", "libx264"]
                    run([*arguments, "-crf", str(crf), f"file:{attacked}"], 600, "attack")
                found = find(list(read_frames(attacked)))
                right[name] += found.word == ORIGIN.word()
                weakest[name] = min(weakest[name], found.score)
        for name in ATTACKS:
            print(f"| {size} | {name} | {right[name]} of {len(films)} | {weakest[name]:.1f} |", flush=True)


def pictures(films: Sequence[Path], folder: Path) -> None:
    """Print for single pictures and for drawn parts of a frame from which size on the mark is read."""
    for size in (64, 96, 112, 128, 160, 224, 256, 512):
        right = {"PNG": 0, "JPEG 75": 0, "PNG, half size": 0}
        for film in films:
            marked = Stamp(ORIGIN.word(), size, size).on(frames_of(film, size, 1)[0])
            packed = io.BytesIO()
            Image.fromarray(marked).save(packed, "JPEG", quality=75)
            ways = {"PNG": marked, "JPEG 75": np.asarray(Image.open(packed).convert("RGB"), np.uint8),
                    "PNG, half size": fitted(marked, size // 2, size // 2)}  # fmt: skip
            for name, picture in ways.items():
                right[name] += find([picture]).word == ORIGIN.word()
        cells = " | ".join(f"{name} {n} of {len(films)}" for name, n in right.items())
        print(f"| picture, {size} | {cells} |", flush=True)
    for side in (96, 128, 160, 200, 256):
        right = {"18": 0, "28": 0}
        for film in films:
            frames = frames_of(film, 512)
            where = np.zeros((512, 512), np.bool_)
            where[300 - side // 2 : 300 + side // 2, 256 - side // 2 : 256 + side // 2] = True
            marks = Marks(ORIGIN)
            marked = [marks.on(frame, where) for frame in frames]
            for crf in right:
                with VideoWriter(folder / "part.mp4", 512, 512, crf=int(crf)) as writer:
                    for frame in marked:
                        writer.write(frame)
                right[crf] += find(list(read_frames(folder / "part.mp4"))).word == ORIGIN.word()
        cells = " | ".join(f"crf {crf}: {n} of {len(films)}" for crf, n in right.items())
        print(f"| drawn part, {side} of 512 | {cells} |", flush=True)


def cost(films: Sequence[Path], folder: Path) -> None:
    """Print PSNR, CPU milliseconds a frame, and what marking does to the encoder's time and the file's size."""
    for size in (256, 512):
        levels, sizes, seconds, ms = [], [], [], []
        for film in films:
            frames = frames_of(film, size)
            stamp = Stamp(ORIGIN.word(), size, size)
            began = time.process_time()
            marked = [stamp.on(frame) for frame in frames]
            ms.append(1000 * (time.process_time() - began) / len(frames))
            levels += [psnr(marked[0], frames[0])]
            used = {}
            for name, marks in (("plain", None), ("marked", Marks(ORIGIN))):
                before = [sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
                write(folder / f"{name}.mp4", frames, marks)
                after = [sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
                used[name] = sum(after) - sum(before)
            seconds.append(used["marked"] / used["plain"])
            sizes.append((folder / "marked.mp4").stat().st_size / (folder / "plain.mp4").stat().st_size)
        label = time.process_time()
        for frame in frames:
            draw_label(frame, "both")
        label = 1000 * (time.process_time() - label) / len(frames)
        figures = f"PSNR {min(levels):.1f} dB and more | {max(ms):.2f} ms a frame | label {label:.2f} ms"
        ratios = f"CPU of writing x {np.median(seconds):.2f} | bytes x {np.median(sizes):.2f}"
        print(f"| {size} | {figures} | {ratios} |", flush=True)


def alarms(films: Sequence[Path], folder: Path) -> None:
    """Print what is seen in true films."""
    scores, seen = [], []
    for film in films:
        found = find(list(read_frames(film, fps=25, count=FRAMES)))
        scores.append(found.score)
        seen += [film.name] if found.is_there else []
        print(f"{film}: {found.score:.2f}", file=sys.stderr, flush=True)
    chance = detector.TRIALS * math.erfc(detector.SURE / math.sqrt(2)) / 2
    print(f"| {len(films)} true films | {len(seen)} false alarms {seen} | greatest score {max(scores):.2f}, median "
          f"{np.median(scores):.2f} | sure from {detector.SURE} on: {chance:.1e} a file by theory |")  # fmt: skip


def main() -> None:
    """Measure what the first word names, on the films that follow."""
    what = {"attacks": attacks, "pictures": pictures, "cost": cost, "alarms": alarms}[sys.argv[1]]
    with tempfile.TemporaryDirectory() as folder:
        what([Path(name) for name in sys.argv[2:]], Path(folder))


if __name__ == "__main__":
    main()
