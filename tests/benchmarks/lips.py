"""How do the lips look that are imagined from held-out speech, as they are mended before they are drawn?

    python -m tests.benchmarks.lips cnn2 checkpoints/cnn2/lm3d_vae_sync [RUN ...] [--timings anna.csv]
        [--set infer_pause_seconds=0.4] [--binary_dir data/binary/videos]

Per run: correlation of the lips' opening and Lin's concordance with the recorded one, its spread over the recorded, how
much wider it is where the recorded is among the narrowest tenth ("closed"), error of the 20 mouth points, both in
tenths of an eye distance, and what `utils.faces.lip_figures` says. Held out is what the run says (`person_val_share`).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data_gen.clips.corpus import MotionCorpus
from data_gen.video.dataset import VideoDataset, open_video
from tasks.core.loading import load_task
from tasks.speaking.mend import mend
from tasks.speaking.resting_face import Person
from tasks.speaking.settings import PostSettings
from tasks.speaking.silence import rest_weight
from utils.arrays import Floats
from utils.config.assignments import typed_assignment
from utils.faces.landmarks import MOUTH, from_offsets, mouth_opening
from utils.faces.lip_figures import Span, Stretch, lip_figures
from utils.metrics import concordance, correlation
from utils.sound.speech_level import voice_rms
from utils.sound.timings import lips_meet, read_timings

HEARD = 124
"""Frames before a stretch that are heard, too."""


def imagine(task: Any, video: VideoDataset, start: int, stop: int) -> Floats:
    """Imagine the likeliest landmarks (T, 68, 3) of frames [start, stop)."""
    first = max(0, start - HEARD)
    rows = [torch.from_numpy(video.audio(name)[2 * first : 2 * stop]) for name in (task.cfg.audio_feature, "pitch_hz")]
    return np.asarray(task.predict(*rows, temperature=0.0).cpu(), np.float32)[start - first :]


def judge(task: Any, video: VideoDataset, settings: PostSettings, said: list[Span] | None) -> dict[str, float]:
    """Imagine and mend every held-out stretch and judge all of them together."""
    task.hear_as(video.meta.sound_level)
    share = getattr(task.cfg, "person_val_share", 0.0)
    corpus = MotionCorpus([video.path], task.cfg.audio_feature, "val", val_share=share)
    person, rms = Person.of(video, settings.infer_sil_ref_frame_idx), voice_rms(video.wav())
    rest = rest_weight(rms, len(video), settings) if settings.infer_close_mouth_when_sil else None
    mended, stretches = [], []
    for run in corpus.runs:
        ids = np.arange(run.start, run.stop)
        weight = None if rest is None else rest[ids]
        mended.append(mend(imagine(task, video, run.start, run.stop), person, ids, weight, settings))
        spans = None if said is None else [(start - run.start, stop - run.start) for start, stop in said]
        stretches.append(Stretch(from_offsets(mended[-1]), from_offsets(video.landmarks[ids]), spans))
    imagined = np.concatenate(mended)
    real = np.concatenate([video.landmarks[run.start : run.stop] for run in corpus.runs])
    ours, theirs = mouth_opening(imagined), mouth_opening(real)
    closed = theirs <= np.quantile(theirs, 0.1)
    return {
        "r": correlation(ours, theirs),
        "CCC": concordance(ours, theirs),
        "spread": float(ours.std() / theirs.std()),
        "closed": float(ours[closed].mean() - theirs[closed].mean()),
        "error": float(np.linalg.norm((imagined - real)[:, MOUTH], axis=-1).mean()),
        **lip_figures(stretches),
    }


def main() -> None:
    """Read the command line and print a line a run."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("id")
    words.add_argument("runs", nargs="+")
    words.add_argument("--timings", type=Path)
    words.add_argument("--set", action="append", default=[], metavar="A=1", help="a setting of how it is mended")
    words.add_argument("--binary_dir", type=Path, default=Path("data/binary/videos"))
    given = words.parse_args()
    torch.set_num_threads(1)
    video = open_video(given.id, given.binary_dir)
    said = lips_meet(read_timings(given.timings), video.meta.heard_from_s) if given.timings else None
    settings = PostSettings(**dict(typed_assignment(PostSettings, text) for text in given.set))
    for run in given.runs:
        figures = judge(load_task(run, "best"), video, settings, said)
        print(run, *(f"{name} {value:.3f}" for name, value in figures.items()), sep="  ", flush=True)


if __name__ == "__main__":
    main()
