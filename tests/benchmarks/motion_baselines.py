"""How well is the mouth driven on held-out speech? This project's chain beside a plain network and two trivial answers.

    python -m tests.benchmarks.motion_baselines grid:mel:0.2 cnn:whisper [--seeds 0 1] [--recipes person]
        [--plain_updates 1600] [--generic data/binary/lrs3 ...] [--binary_dir data/binary/videos] [--out FOLDER]

Each case is `video:feature[:share held out]`, the video processed before. Every row is judged by the same figures
(`tasks.motion.losses.lip_metrics`) on the same held-out speech: correlation of the lip opening, mean distance of the 20
mouth points in tenths of an eye distance, and how lively the lips are beside the recorded ones. CPU seconds are of one
thread. Both networks keep the step with the lowest held-out lip error, so both are favoured alike.

- mean face: the mean of the training frames.
- nearest neighbour: the training frame whose five frames of speech lie nearest.
- plain network: input convolution, five residual dilated blocks of 128 channels, batch norm, dropout 0.2; 12 principal
  components of the mouth; squared error of positions and of frame differences; 1,600 updates of 32 two-second windows.
- chain: syncnet, lm3d_vae_sync and postnet, trained by their recipes; "generic first" begins lm3d_vae_sync with one
  that was trained on the folders of --generic.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from data_gen.clips.corpus import MotionBatch, MotionCorpus, collate
from modules.motion.direct_path import DirectPath
from modules.motion.syncnet import MOUTH
from tasks import run
from tasks.core.checkpoints import best_step, read_index
from tasks.core.loading import load_task
from tasks.motion.losses import lip_metrics

FIGURES = ("lip_correlation", "lip_error", "lip_spread")
Predict = Callable[[Tensor, Tensor], Tensor]
"""Features (2T, C) and pitch (2T,) of one stretch -> landmarks (T, 68, 3)."""


class Case(NamedTuple):
    """One video, one speech feature, one split."""

    video: str
    feature: str
    share: float
    train: MotionCorpus
    val: MotionCorpus


def open_case(text: str, binary_dir: Path) -> Case:
    """Read `video:feature[:share]`; a feature may name layers, as in `anna:whisper:3-5`."""
    video, *rest = text.split(":")
    part = float(rest.pop()) if rest[1:] and "." in rest[-1] else 0.0
    feature = ":".join(rest)
    train, val = (MotionCorpus([binary_dir / video], feature, split, val_share=part) for split in ("train", "val"))
    return Case(video, feature, part, train, val)


def judge(predict: Predict, case: Case) -> dict[str, float]:
    """Predict every held-out stretch and judge all of them together."""
    windows = [case.val.read(run_) for run_ in case.val.runs]
    batch = collate(windows)
    out = torch.zeros_like(batch.landmarks)
    for i, window in enumerate(windows):
        found = predict(torch.from_numpy(window.audio), torch.from_numpy(window.pitch_hz))
        out[i, : len(window.landmarks)] = found
    return {name: float(value) for name, value in lip_metrics(out, batch).items()}


def mean_face(case: Case) -> Predict:
    """Return the training frames' mean for any speech."""
    mean = torch.from_numpy(np.concatenate([case.train.read(r).landmarks for r in case.train.runs]).mean(0))
    return lambda audio, pitch: mean.expand(len(audio) // 2, -1, -1)


def nearest_neighbour(case: Case) -> Predict:
    """Return the training frame whose five frames of speech are nearest, in standard units."""
    mean, std, _ = case.train.statistics()
    windows = [case.train.read(r) for r in case.train.runs]

    def around(audio: Tensor) -> Tensor:
        rows = ((audio - mean) / std.clamp(min=1e-5)).reshape(len(audio) // 2, -1)
        padded = torch.cat([rows[:1].repeat(2, 1), rows, rows[-1:].repeat(2, 1)])
        return padded.unfold(0, 5, 1).flatten(1)

    keys = torch.cat([around(torch.from_numpy(window.audio)) for window in windows])
    faces = torch.cat([torch.from_numpy(window.landmarks) for window in windows])
    return lambda audio, pitch: faces[torch.cdist(around(audio), keys).argmin(dim=1)]


def plain_network(case: Case, seed: int, updates: int, check: int = 100) -> Predict:
    """Train the plain network of the benchmark's head, and keep the step with the lowest held-out lip error."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    mean, std, face = case.train.statistics()
    mouths = np.concatenate([case.train.read(r).landmarks[:, MOUTH].reshape(-1, 60) for r in case.train.runs])
    middle = torch.from_numpy(mouths.mean(0))
    _, size, basis = torch.linalg.svd(torch.from_numpy(mouths) - middle, full_matrices=False)
    basis, scale = basis[:12], size[0] / math.sqrt(len(mouths))
    net = DirectPath(2 * case.train.audio_dim, 128, outputs=12)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def rows(audio: Tensor) -> Tensor:
        return ((audio - mean) / std.clamp(min=1e-5)).unflatten(-2, (-1, 2)).flatten(-2).transpose(-2, -1)

    def predict(audio: Tensor, pitch: Tensor) -> Tensor:
        net.eval()
        with torch.no_grad():
            found = net(rows(audio)[None], torch.ones(1, 1, len(audio) // 2))[0].T
        net.train()
        out = face.repeat(len(found), 1, 1)
        out[:, MOUTH] = (middle + scale * found @ basis).unflatten(-1, (20, 3))
        return out

    best, kept = math.inf, net.state_dict()
    for update in range(1, updates + 1):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, update / 50) * 0.5 * (1 + math.cos(math.pi * update / updates))
        batch: MotionBatch = case.train.batch(rng, 32, 50)
        mask = batch.mask[:, None].float()
        true = ((batch.landmarks[:, :, MOUTH].flatten(2) - middle) @ basis.T / scale).transpose(1, 2)
        error = (net(rows(batch.audio), mask) - true) * mask
        loss = error.square().mean() + (error[:, :, 1:] - error[:, :, :-1]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if update % check == 0 or update == updates:
            found = judge(predict, case)["lip_error"]
            if found < best:
                best, kept = found, {name: value.clone() for name, value in net.state_dict().items()}
    net.load_state_dict(kept)
    return predict


class Chain:
    """Train the three tasks of one case in a folder by their recipes.

    Args:
        settings: Given to every stage, "name=value".
    """

    def __init__(
        self, case: Case, folder: Path, recipes: str, binary_dir: Path, seed: int, settings: list[str]
    ) -> None:
        self.case, self.folder, self.recipes = case, folder, recipes
        self.words = [
            f"seed={seed}", f"audio_feature={case.feature}", f"person_val_share={case.share}", "num_valid_plots=0",
            f"person_binary_data_dir={binary_dir}", *settings,
        ]  # fmt: skip

    def train(self, stage: str, *, video: bool = True, name: str = "", more: list[str] | None = None) -> Path:
        """Train one stage and return its folder."""
        out = self.folder / (name or stage)
        words = [f"--config=egs/datasets/videos/{self.recipes}/{stage}.yaml", f"--exp_name={out}", "--reset"]
        words += [f"--video_id={self.case.video}"] if video else []
        for setting in [*self.words, *(more or [])]:
            words += ["--set", setting]
        if run.main(words):
            raise SystemExit(f"{stage} of {self.case.video} could not be trained")
        return out

    def predict(self, stage: Path) -> Predict:
        """Load the best step of a stage."""
        task: Any = load_task(stage, "best")
        return lambda audio, pitch: task.predict(audio, pitch, temperature=0.0)

    def figures(self, stage: str) -> dict[str, float]:
        """Return the best step's validation figures."""
        cfg: Any = load_task(self.folder / stage, "best").cfg
        best = best_step(self.folder / stage, cfg.valid_monitor_key, cfg.valid_monitor_mode)
        return read_index(self.folder / stage).get(best or 0, {})


def say(row: str, case: Case, seed: int | str, found: dict[str, float], seconds: float) -> None:
    """Print one row of the table."""
    figures = " | ".join(f"{found[name]:.3f}" for name in FIGURES)
    print(f"| {case.video} | {case.feature} | {row} | {seed} | {figures} | {seconds:.0f} |", flush=True)


def trivial(case: Case) -> None:
    """Print the rows that learn nothing."""
    say("mean face", case, "", judge(mean_face(case), case), 0)
    say("nearest neighbour", case, "", judge(nearest_neighbour(case), case), 0)


def measure(case: Case, seed: int, given: argparse.Namespace, folder: Path) -> None:
    """Print the rows of one case that learn from a seed."""
    if given.plain_updates:
        began = time.process_time()
        plain = plain_network(case, seed, given.plain_updates)
        say("plain network", case, seed, judge(plain, case), time.process_time() - began)

    place = folder / f"{case.video}_{case.feature.replace(':', '_')}_{seed}"
    without = ["weights.sync=0"] if given.without_syncnet else []
    chain = Chain(case, place, given.recipes, Path(given.binary_dir).resolve(), seed, [*given.set, *without])
    began = time.process_time()
    if not given.without_syncnet:
        chain.train("syncnet")
    of_sync = time.process_time() - began
    speech = chain.train("lm3d_vae_sync")
    say("speech network", case, seed, judge(chain.predict(speech), case), time.process_time() - began - of_sync)
    postnet = chain.train("postnet")
    say("chain", case, seed, judge(chain.predict(postnet), case), time.process_time() - began)
    if given.generic:
        began = time.process_time()
        folders = [str(Path(path).resolve()) for path in given.generic]
        everyone = [f"more_data={folders}", "weights.sync=0", "person_val_share=0"]
        generic = chain.train("lm3d_vae_sync", video=False, name="generic", more=everyone)
        say("generic network", case, seed, judge(chain.predict(generic), case), time.process_time() - began)
        adapted = chain.train("lm3d_vae_sync", name="adapted", more=[f"start_from={generic}"])
        say("generic first", case, seed, judge(chain.predict(adapted), case), time.process_time() - began)
    sync = {} if given.without_syncnet else chain.figures("syncnet")
    vae = chain.figures("lm3d_vae_sync")
    names = ("offset_exact", "offset_within_1", "confidence", "auc")
    words = [f"{name} {sync[f'val/{name}']:.2f}" for name in names if f"val/{name}" in sync]
    names = ("kl", "sample_error", "sample_lip_correlation", "sample_confidence", "diversity")
    words += [f"{name} {vae[f'val/{name}']:.3f}" for name in names if f"val/{name}" in vae]
    print(f"<!-- {case.video} {case.feature} seed {seed}: {', '.join(words)}; syncnet {of_sync:.0f} s -->", flush=True)


def main() -> None:
    """Read the command line and print a table in Markdown."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("cases", nargs="+", metavar="video:feature[:share]")
    words.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    words.add_argument("--recipes", default="person", help="egs/datasets/videos/<this>")
    words.add_argument("--plain_updates", type=int, default=1600, help="0 leaves the plain network out")
    words.add_argument("--generic", nargs="*", default=[], help="folders of other speakers, to learn from first")
    words.add_argument("--without_syncnet", action="store_true", help="leave SyncNet and its losses out, to save time")
    words.add_argument("--set", action="append", default=[], metavar="A=1", help="a setting for every stage")
    words.add_argument("--binary_dir", default="data/binary/videos")
    words.add_argument("--out", default="", help="where the runs go; a folder that is removed when not given")
    given = words.parse_args()
    torch.set_num_threads(1)
    heads = ("video", "feature", "what", "seed", "lip correlation", "lip error", "liveliness", "CPU s")
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    with tempfile.TemporaryDirectory() as scratch:
        cases = [open_case(text, Path(given.binary_dir)) for text in given.cases]
        for case in cases:
            trivial(case)
        for seed in given.seeds:
            for case in cases:
                measure(case, seed, given, Path(given.out or scratch).resolve())


if __name__ == "__main__":
    main()
