"""What do many talkers give a person of whom there is little footage?

    python -m tests.benchmarks.talkers cnn2 --prior checkpoints/talkers/lm3d_vae_sync --seconds 10 20 60
        [--seeds 0 1] [--binary_dir data/binary/videos] [--share 0.2] [--set A=1] [--out FOLDER]

On the person's first so many seconds of footage, judged on what is held out of it (`--share`: that last share): the
person alone; the talkers before anything is learnt, with the person's mean face; the talkers first, then the person.
Correlation of the lips' opening, Lin's concordance with the recorded one, its spread over the recorded, error of the
20 mouth points in tenths of an eye distance. Every run at its step with the lowest held-out lip error, so all are
favoured alike.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from data_gen.clips.corpus import MotionCorpus, Run
from tasks import run
from tasks.core.loading import load_task
from tasks.motion import base
from tasks.motion.losses import lip_opening
from utils.metrics import concordance
from utils.rates import FPS

open_whole = base.open_corpus


def shortened(corpus: MotionCorpus, seconds: float) -> MotionCorpus:
    """Leave of a corpus its first so many seconds."""
    left, runs = round(seconds * FPS), list[Run]()
    for one in corpus.runs:
        if left >= 5:
            runs.append(one._replace(stop=min(one.stop, one.start + left)))
            left -= runs[-1].frames
    corpus.runs, corpus._ends = runs, np.cumsum([one.frames for one in runs])
    return corpus


def judge(task: Any, corpus: MotionCorpus) -> dict[str, float]:
    """Imagine every held-out stretch and judge all of them together."""
    windows = [corpus.read(one) for one in corpus.runs]
    imagined = torch.cat([task.predict(torch.from_numpy(window.audio), temperature=0.0) for window in windows])
    real = torch.from_numpy(np.concatenate([window.landmarks for window in windows]))
    ours, theirs = (lip_opening(landmarks).double().numpy() for landmarks in (imagined, real))
    return {
        "r": float(np.corrcoef(ours, theirs)[0, 1]),
        "CCC": concordance(ours, theirs),
        "spread": float(ours.std() / theirs.std()),
        "error": float((imagined - real)[:, 48:68].norm(dim=-1).mean()),
    }


def learn(words: argparse.Namespace, seconds: float, seed: int, out: Path, settings: list[str]) -> Any:
    """Train the speech network on the first seconds of a person and load its best step."""
    line = [f"--config=egs/datasets/videos/{words.recipe}/lm3d_vae_sync.yaml", f"--exp_name={out}", "--reset"]
    line += [f"--video_id={words.video}", f"--person_binary_data_dir={words.binary_dir}"]
    settings = [f"audio_feature={words.feature}", f"person_val_share={words.share}", f"seed={seed}", *settings]
    for setting in ["weights.sync=0", "num_valid_plots=0", *settings]:
        line += ["--set", setting]

    def shorter(cfg: Any, split: Any, paths: Any = None) -> MotionCorpus:
        corpus = open_whole(cfg, split, paths)
        return shortened(corpus, seconds) if split == "train" else corpus

    with patch.object(base, "open_corpus", shorter):
        if run.main(line):
            raise SystemExit(f"{words.video} could not be trained")
    return load_task(out, "best")


def main() -> None:
    """Read the command line and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("--prior", default="", help="run of many talkers; none: the person alone")
    parser.add_argument("--seconds", type=float, nargs="+", default=[10, 20, 60])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--share", type=float, default=0.0, help="hold out this last share; 0: what the dataset says")
    parser.add_argument("--feature", default="whisper:3-5")
    parser.add_argument("--recipe", default="person", help="egs/datasets/videos/<this>")
    parser.add_argument("--binary_dir", default="data/binary/videos")
    parser.add_argument("--set", action="append", default=[], metavar="A=1", help="of runs after the prior")
    parser.add_argument("--alone", type=int, default=1, help="0: leave the person alone out")
    parser.add_argument("--out", default="", help="where the runs go; a folder that is removed when not given")
    words = parser.parse_args()
    torch.set_num_threads(1)
    train, val = (
        MotionCorpus([Path(words.binary_dir) / words.video], words.feature, split, val_share=words.share)
        for split in ("train", "val")
    )
    print("| video | footage | what | seed | r | CCC | spread | error |\n|---|---|---|---|---|---|---|---|")

    def say(seconds: float, what: str, seed: int | str, task: Any) -> None:
        figures = " | ".join(f"{value:.3f}" for value in judge(task, val).values())
        print(f"| {words.video} | {seconds:g} s | {what} | {seed} | {figures} |", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        out = Path(words.out or scratch).resolve()
        for seconds in words.seconds:
            if words.prior:
                stranger: Any = load_task(words.prior, "best")
                short = shortened(train, seconds)
                stranger.wear(short.statistics()[2].numpy(), short)
                say(seconds, "talkers", "", stranger)
                train = MotionCorpus([Path(words.binary_dir) / words.video], words.feature, val_share=words.share)
            for seed in words.seeds:
                ways = {"alone": list[str]()} if words.alone else {}
                if words.prior:
                    ways["talkers first"] = [f"start_from={Path(words.prior).resolve()}", *words.set]
                for way, settings in ways.items():
                    folder = out / f"{way.split()[0]}_{seconds:g}_{seed}"
                    say(seconds, way, seed, learn(words, seconds, seed, folder, settings))


if __name__ == "__main__":
    main()
