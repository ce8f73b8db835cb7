"""How well a portrait says what another speaker says, over frames in which its own mouth said something else.

    python -m tests.benchmarks.cross_driving ID SOUND... [--frames 300] [--strips FOLDER]

The longest held-out stretch of a person is spoken over with sounds of other speakers; the mouth is read back out of the
film by the landmark detector. Rows: `true`, the held-out frames with their own sound, what the judge can tell at best;
then for each sound `imagined`, the landmarks that were asked for, and `film`, those found in the picture. Columns: in
what share of the one-second windows the person's own SyncNet finds the sound in step, within one frame, and in what
share of those in which somebody speaks all the time; the median offset; `new` and `old`, the correlation of the lips'
opening with that which was asked for and with that of the true frames; `chance`, how these two go together anyway.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks.core.loading import load_task
from tasks.motion.syncnet import second_offsets
from tasks.motion.windows import in_eval_mode, read_speech
from tasks.person.compare import lift
from tasks.person.evaluate import held_out
from tasks.person.head import TalkingHead
from tasks.person.runs import SYNCNETS, find_run
from tasks.renderer.footage import spread
from tasks.speaking.mend import post_process
from tasks.speaking.resting_face import Person
from tasks.speaking.settings import PostSettings
from tasks.speaking.silence import silence_weight
from tasks.speaking.sound import Sound
from utils.arrays import Bytes, Floats, Ints, Reals
from utils.faces.detector import LandmarkDetector, find_points
from utils.faces.detectors import make_detector
from utils.faces.landmarks import from_offsets, mouth_opening
from utils.media.pictures import write_picture
from utils.metrics import correlation
from utils.rates import FPS
from utils.sound.speech_level import voice_rms

FIRST = 15
"""The first window that SyncNet judges begins so many frames after the beginning."""


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("id")
    parser.add_argument("sounds", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--strips", type=Path, help="write the most closed, the widest and consecutive frames here")
    args = parser.parse_args(words)
    head = TalkingHead.load(args.id, settings={"infer_compose": "portrait"})
    syncnet: Any = load_task(find_run(args.id, SYNCNETS), kind=SYNCNETS)
    ids = held_out(head, args.frames)
    print(f"{args.id}: held-out frames {ids[0]} to {ids[-1]}, {syncnet.cfg.audio_feature}")
    print(f"{'':32}{'in step':>9}{'speech':>8}{'offset':>8}{'new':>7}{'old':>7}{'chance':>8}")
    with make_detector("auto") as detector:
        truth = [head.renderer.footage.picture("frames", int(frame)) for frame in ids]
        own = read_back(head, ids, truth, head.video.landmarks[ids], detector)
        syncnet.hear_as(head.video.meta.sound_level)
        audio = head.video.audio(syncnet.cfg.audio_feature)[2 * ids[0] : 2 * (ids[-1] + 1)]
        silence = silence_weight(voice_rms(head.video.wav())[2 * ids[0] :], len(ids), PostSettings())
        show("true", in_step(syncnet, torch.from_numpy(audio), own, silence))
        for path in args.sounds:
            spoken, silence = imagine(head, path, ids)
            shown = ids[: len(spoken)]
            asked, poses = head.video.carried(spoken, shown), head.renderer.footage.cameras[shown]
            film = list(head.renderer.render(asked, poses, shown, portrait=True))
            seen = read_back(head, shown, film, spoken, detector)
            audio, _ = read_speech(str(path), syncnet.cfg.audio_feature, len(shown), sound_level=syncnet.sound_level)
            lips = [mouth_opening(one) for one in (seen, spoken, own[: len(shown)])]
            show(f"{path.stem[:20]}, imagined", in_step(syncnet, audio, spoken, silence))
            show(f"{path.stem[:20]}, film", in_step(syncnet, audio, seen, silence) | followed(*lips))
            if args.strips:
                write_picture(args.strips / f"{path.stem}.png", strip(film, truth, lips[0]))


def show(name: str, figures: dict[str, float]) -> None:
    """Print a row."""
    row = f"{name:32}{figures['all']:9.2f}{figures['speech']:8.2f}{figures['offset']:+8.0f}"
    if "new" in figures:
        row += f"{figures['new']:7.2f}{figures['old']:7.2f}{figures['chance']:8.2f}"
    print(row, flush=True)


def imagine(head: TalkingHead, path: Path, ids: Ints) -> tuple[Floats, Floats]:
    """Return the landmarks (T, 68, 3) of a sound, mended for frames (n,), T <= n, and how far nobody speaks (T,)."""
    with Sound(path) as sound:
        spoken = head.landmarks(sound)[: len(ids)]
        rms = sound.rms()[: 2 * len(spoken)]
        silence = silence_weight(rms, len(spoken), head.settings, sound.level)
    person = Person.of(head.video, head.settings.infer_sil_ref_frame_idx)
    return post_process(spoken, person, ids[: len(spoken)], rms, head.settings, head.seed), silence


def read_back(
    head: TalkingHead, ids: Ints, pictures: list[Bytes], asked: Floats, detector: LandmarkDetector
) -> Floats:
    """Find landmarks (T, 68, 3) in pictures of frames (T,), as far from the camera as those that were asked for.

    Where no face is found the points of the frames around it are taken.
    """
    points = np.stack([find_points(detector, picture) for picture in pictures])
    seen = np.flatnonzero(np.isfinite(points[:, 0, 0]))
    if len(seen) < len(points) / 2:
        raise SystemExit(f"A face was found in {len(seen)} of {len(points)} frames: there is nothing to judge.")
    nearest = seen[np.abs(np.arange(len(points))[:, None] - seen).argmin(axis=1)]
    footage = head.renderer.footage
    size = (footage.height, footage.width)
    return lift(points[nearest], from_offsets(asked), footage.cameras[ids], footage.focal, size)


def in_step(syncnet: Any, audio: torch.Tensor, landmarks: Floats, silence: Floats) -> dict[str, float]:
    """Return in what share of the windows the sound is in step, of all and of those that are speech, and the offset."""
    with in_eval_mode(syncnet):
        offsets = second_offsets(syncnet.model, audio, torch.from_numpy(landmarks))[0].cpu().numpy()
    hits = np.abs(offsets) <= 1
    speech = np.array([silence[FIRST + k : FIRST + k + FPS].max() < 0.5 for k in range(len(hits))], bool)
    shares = {"all": hits, "speech": hits[speech]}
    figures = {name: float(values.mean()) if len(values) else float("nan") for name, values in shares.items()}
    return figures | {"offset": float(np.median(offsets)) if len(offsets) else float("nan")}


def followed(seen: Reals, asked: Reals, old: Reals) -> dict[str, float]:
    """Return how the lips (T,) that are seen go with those asked for, with the old ones, and these with each other."""
    return {"new": correlation(seen, asked), "old": correlation(seen, old), "chance": correlation(asked, old)}


def strip(film: list[Bytes], truth: list[Bytes], lips: Reals) -> Bytes:
    """Return the widest, the most closed and eight consecutive frames of a film, over the true frames."""
    order = np.argsort(lips)
    extremes = [*spread(order[: len(order) // 20 + 1], 2), *spread(order[-(len(order) // 20) - 1 :], 2)]
    begin = max(0, min(int(order[-1]) - 4, len(film) - 8))
    shown = [*extremes, *range(begin, min(begin + 8, len(film)))]
    return np.concatenate([np.concatenate([row[int(k)] for k in shown], axis=1) for row in (film, truth)])


if __name__ == "__main__":
    main()
