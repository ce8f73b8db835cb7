"""Let something run for long and note its memory and its pace; each command prints its figures as JSON.

    python -m tests.reliability.long_runs speech --minutes 30 --folder /tmp/long
    python -m tests.reliability.long_runs training --updates 20000 --folder /tmp/long
    python -m tests.reliability.long_runs features --minutes 60

`speech` renders a made, untrained person of 64 pixels; `training` trains the smallest SyncNet; `features` turns a sound
into mel, MFCC, pitch and loudness. The pace of a machine that does other things too is judged by processor seconds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
RATE = 16_000
FPS = 25


def own_mb() -> float:
    """Return how much memory this process has for itself, swapped out or not, megabytes.

    Pages of files (the libraries' code, mapped frames) are left out: the kernel takes them back when it likes.
    """
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return sum(int(told[name].split()[0]) for name in ("RssAnon", "VmSwap")) / 1024


def resident_mb() -> float:
    """Return how much of this process is in the machine's memory, files that it maps included, megabytes."""
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return int(told["VmRSS"].split()[0]) / 1024


def peak_mb() -> float:
    """Return the most memory that this process ever had, megabytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_speech(path: Path, minutes: float) -> Path:
    """Write a tone that comes and goes like syllables, a second at a time."""
    import wave

    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        for second in range(round(60 * minutes)):
            t = second + np.arange(RATE) / RATE
            loud = np.clip(np.sin(2 * np.pi * 3.1 * t) * np.sin(2 * np.pi * 0.17 * t), 0, 1)
            out.writeframes((9000 * loud * np.sin(2 * np.pi * 140 * t)).astype("<i2").tobytes())
    return path


def speech(minutes: float, folder: Path, size: int = 64) -> dict[str, Any]:
    """Render a long speech of a made person into an mp4; note memory every second of it."""
    from tasks.person import head as person
    from tests.made_heads import make_house
    from utils.media.video import probe

    folder.mkdir(parents=True, exist_ok=True)
    make_house(folder, size=size)
    rows: list[tuple[int, float]] = []
    with chdir(folder):
        sound = write_speech(folder / "long.wav", minutes)
        head = person.TalkingHead.load("made", device="cpu")
        plain = person.render_landmarks

        def watched(*words: Any, **named: Any) -> Iterator[Any]:
            for number, frame in enumerate(plain(*words, **named)):
                if number % FPS == 0:
                    rows.append((number, own_mb()))
                yield frame

        person.render_landmarks = watched
        began = time.process_time(), time.monotonic()
        try:
            head.speak_to(sound, folder / "long.mp4")
        finally:
            person.render_landmarks = plain
        took = time.process_time() - began[0], time.monotonic() - began[1]
        info = probe(folder / "long.mp4")
    later = [mb for number, mb in rows if number >= 60 * FPS] or [mb for _, mb in rows]
    middle = statistics.median(later)
    return {
        "minutes": minutes, "size": size, "video_s": info.duration_s, "frames": info.frames,
        "cpu_s": took[0], "wall_s": took[1], "own_mb_after_a_minute": later[0], "own_mb_median": middle,
        "grown_mb": later[-1] - later[0],
        "lowest": min(later) / middle, "highest": max(later) / middle, "peak_mb": peak_mb(),
        "own_mb_by_minute": [round(mb, 1) for number, mb in rows if number % (60 * FPS) == 0],
    }  # fmt: skip


def training(updates: int, folder: Path) -> dict[str, Any]:
    """Train the smallest task; note memory and the processor time of every hundred updates."""
    import pytorch_lightning as pl

    from tasks import run
    from tasks.core import trainer
    from tests.made import make_video_dataset

    folder.mkdir(parents=True, exist_ok=True)
    make_video_dataset(folder / "binary/made", frames=150, size=32)
    every = max(10, updates // 200)
    rows: list[tuple[int, float, float]] = []

    class Watch(pl.Callback):
        def on_train_batch_end(self, trainer: Any, task: Any, *_: Any) -> None:  # type: ignore[override]
            if task.updates % every == 0:
                rows.append((task.updates, own_mb(), time.process_time()))

    plain = trainer.make_trainer

    def watched(*words: Any, **named: Any) -> pl.Trainer:
        made = plain(*words, **named)
        made.callbacks.append(Watch())  # type: ignore[attr-defined]
        return made

    trainer.make_trainer = watched
    settings = {
        "max_updates": updates, "val_check_interval": max(50, updates // 20), "tb_log_interval": 50,
        "num_ckpt_keep": 2, "num_valid_plots": 1, "audio_feature": "mel", "eval_max_batches": 1, "sync_clips": 16,
        "width": 16, "batch_size": 2, "window_frames": 25, "weights.offset": 0,
        "person_binary_data_dir": folder / "binary",
    }  # fmt: skip
    words = [f"--config={ROOT}/egs/datasets/videos/person_small/syncnet.yaml", f"--exp_name={folder / 'run'}"]
    words += ["--video_id=made"] + [word for pair in settings.items() for word in ("--set", "{}={}".format(*pair))]
    try:
        run.main(words)
    finally:
        trainer.make_trainer = plain
    seconds = [b[2] - a[2] for a, b in itertools.pairwise(rows)]
    tenth = max(2, len(rows) // 10)
    memory = [mb for _, mb, _ in rows]
    early, late = memory[tenth : 2 * tenth], memory[-tenth:]
    return {
        "updates": updates, "cpu_s": rows[-1][2] - rows[0][2], "peak_mb": peak_mb(),
        "own_mb_early": statistics.median(early), "own_mb_late": statistics.median(late),
        "grown_mb": statistics.median(late) - statistics.median(early),
        "memory_ratio": statistics.median(late) / statistics.median(early),
        "ms_per_update_early": 1000 * statistics.median(seconds[tenth : 2 * tenth]) / every,
        "ms_per_update_late": 1000 * statistics.median(seconds[-tenth:]) / every,
        "time_ratio": statistics.median(seconds[-tenth:]) / statistics.median(seconds[tenth : 2 * tenth]),
        "own_mb_by_tenth": [round(mb, 1) for mb in memory[:: max(1, len(memory) // 10)]],
    }  # fmt: skip


def features(minutes: float) -> dict[str, Any]:
    """Turn one long sound, held in memory, into every feature that is computed here; note the peak of each."""
    from data_gen.speech_features import audio_features

    audio_features(np.ones(RATE, np.float32) / 9, "mel")  # what importing costs is not the sound's
    audio_features(np.ones(RATE, np.float32) / 9, "mfcc")
    rng = np.random.default_rng(0)
    wav = np.concatenate([rng.normal(0, 0.1, 60 * RATE).astype(np.float32) for _ in range(round(minutes))])
    found: dict[str, Any] = {"minutes": minutes, "sound_mb": wav.nbytes / 2**20, "before_mb": resident_mb()}
    for name in ("rms", "mel", "pitch_hz", "mfcc"):
        began = time.process_time()
        rows = audio_features(wav, name)
        found[name] = {"rows": len(rows), "cpu_s": time.process_time() - began, "peak_mb": peak_mb()}
        del rows
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run one of them and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("speech", "training", "features"):
        command = commands.add_parser(name)
        command.add_argument("--out", type=Path, help="also write the figures here")
        if name == "training":
            command.add_argument("--updates", type=int, default=20_000)
        else:
            command.add_argument("--minutes", type=float, default=30 if name == "speech" else 60)
        if name != "features":
            command.add_argument("--folder", type=Path, required=True, help="where to work; must be new")
    given = vars(parser.parse_args(words))
    name, out = given.pop("command"), given.pop("out")
    if "folder" in given:
        given["folder"] = given["folder"].absolute()
    found = {"speech": speech, "training": training, "features": features}[name](**given)
    text = json.dumps(found, indent=1)
    print(text)
    if out is not None:
        out.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
