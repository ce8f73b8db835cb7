"""How soon a large corpus opens, how much memory it takes, and whether windows come faster than a network eats them.

    python -m tests.benchmarks.corpus [--clips 10000] [--seconds 3] [--feature whisper] [--folder DIR]

Clips are made of noise, of the sizes of real ones, each as long as `--seconds` on average; the folder is filled once
and used again. Opening and reading run in a process of their own, whose memory is what is told. A batch is what the
recipe egs/datasets/lrs3/lm3d_vae_sync.yaml takes; the network's time is one training update of its network on it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from data_gen.clips.settings import CLIPS_PER_SHARD
from data_gen.clips.shard_writer import ClipShardWriter
from data_gen.speech_features import feature_width

ROOT = Path(__file__).resolve().parents[2]
SPEAKERS = 400
BATCHES = 400
"""Batches whose median is told: the first ones read the headers of shards."""


def make_corpus(folder: Path, clips: int, seconds: float, feature: str) -> None:
    """Fill a folder with `clips` made clips; nothing happens when that is done already."""
    writer = ClipShardWriter(folder, {feature: feature_width(feature)})
    rng = np.random.default_rng(0)
    shards = -(-clips // CLIPS_PER_SHARD)
    for shard in range(shards):
        some = range(shard * CLIPS_PER_SHARD, min(clips, (shard + 1) * CLIPS_PER_SHARD))
        recipe = f"made {clips} {seconds} {feature}"
        if writer.has(shard, recipe):
            continue
        noise = rng.normal(size=200_000).astype(np.float32)
        for clip in some:
            frames = max(12, int(25 * seconds * rng.uniform(0.5, 1.5)))
            arrays = {
                "landmarks": np.resize(np.roll(noise, clip), (frames, 68, 3)),
                feature: np.resize(noise, (2 * frames, feature_width(feature))),
                "pitch_hz": np.zeros(2 * frames, np.float32),
            }
            writer.write_part(f"{clip:032x}", arrays)
        named = [(f"clip{clip}", f"speaker{clip % SPEAKERS}", f"{clip:032x}") for clip in some]
        writer.write(shard, named, recipe=recipe, first=shard * CLIPS_PER_SHARD)
    writer.finish(shards)


def measure(folder: Path, feature: str, batch: int, frames: int, repeat: int) -> dict[str, float]:
    """Open the corpus and read `repeat` batches in a fresh process; return seconds and megabytes."""
    words = [str(folder), feature, str(batch), str(frames), str(repeat)]
    command = [sys.executable, "-m", "tests.benchmarks.corpus", "--child", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600)
    return json.loads(done.stdout)


def child(folder: str, feature: str, batch: str, frames: str, repeat: str) -> None:
    """Do what `measure` measures and print it."""
    import torch

    from data_gen.clips.corpus import MotionCorpus

    torch.set_num_threads(1)
    before = _megabytes()
    wall, began = time.perf_counter(), time.process_time()
    corpus = MotionCorpus([folder], feature, "train")
    opened, opened_wall = time.process_time() - began, time.perf_counter() - wall
    at_once = _megabytes()
    rng = np.random.default_rng(0)
    seconds = []
    for _ in range(int(repeat)):
        began = time.process_time()
        corpus.batch(rng, int(batch), int(frames))
        seconds.append(time.process_time() - began)
    anonymous, peak = _megabytes(), _megabytes("VmHWM")
    print(json.dumps({
        "clips": len(corpus.runs), "hours": corpus.frames / 90_000, "open_cpu_s": opened, "open_wall_s": opened_wall,
        "before_mb": before, "opened_mb": at_once, "resident_mb": anonymous, "peak_mb": peak,
        "batch_cpu_s": float(np.median(seconds)),
    }))  # fmt: skip


def _megabytes(which: str = "RssAnon") -> float:
    """Return the memory that this process alone holds; pages of mapped files are the system's to take back.

    The peak is `VmHWM`; what getrusage says of it counts the process that began this one, too.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def network_seconds(feature: str, batch: int, frames: int, repeat: int = 3) -> float:
    """Return the CPU seconds of one thread that an update of the speech network takes on such a batch."""
    import torch

    from modules.motion.lm3d_vae import SpeechToLandmarks

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = SpeechToLandmarks(feature_width(feature))
    audio, landmarks = torch.randn(batch, 2 * frames, feature_width(feature)), torch.randn(batch, frames, 68, 3)
    mask, pitch = torch.ones(batch, frames, dtype=torch.bool), torch.zeros(batch, 2 * frames)
    best = float("inf")
    for _ in range(repeat):
        began = time.process_time()
        out, kl = model(audio, landmarks, mask, pitch)[:2]
        (out.square().mean() + kl).backward()
        best = min(best, time.process_time() - began)
    return best


def main() -> None:
    """Print the figures."""
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--feature", default="whisper")
    parser.add_argument("--folder", type=Path, help="keep the clips there (a temporary folder)")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--frames", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary) / "corpus"
        make_corpus(folder, given.clips, given.seconds, given.feature)
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e9
        found = measure(folder, given.feature, given.batch, given.frames, BATCHES)
    network = network_seconds(given.feature, given.batch, given.frames)
    print(f"{found['clips']:.0f} clips for training, {found['hours']:.1f} h, {size:.1f} GB of {given.feature}")
    print(f"open: {found['open_wall_s']:.2f} s ({found['open_cpu_s']:.2f} s CPU)")
    print(f"memory of the process: {found['before_mb']:.0f} MB with torch alone, {found['opened_mb']:.0f} MB opened,")
    print(f"  {found['resident_mb']:.0f} MB after {BATCHES} batches ({found['peak_mb']:.0f} MB at most, all told)")
    print(f"batch of {given.batch} x {given.frames} frames: {1000 * found['batch_cpu_s']:.0f} ms CPU;")
    print(f"  an update of the network on it: {1000 * network:.0f} ms CPU ({network / found['batch_cpu_s']:.0f} x)")


if __name__ == "__main__":
    main()
