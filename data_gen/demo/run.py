"""The `demo` command: write the made presenter's video, an unseen sentence in the same voice, and the truth of both."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from utils.arguments import Flag, must
from utils.config.schema import Config
from utils.errors import ConfigError, DataError


class DemoCommand(Config):
    out: Path = Path("data/raw/videos/demo.mp4")
    """video to write"""
    seconds: Annotated[float, must(lambda s: 3 <= s < math.inf, "choose at least 3, so that a sentence fits.")] = 60.0
    """length of the video"""
    size: Annotated[
        int, Field(ge=16, le=8192), must(lambda size: size % 2 == 0, "choose an even number, as video needs.")
    ] = 256
    """width and height of the video in pixels"""
    seed: Annotated[int, must(lambda seed: seed >= 0, "choose 0 or more.")] = 0
    """order of the sentences, head motion, blinks"""
    identity: Annotated[int, must(lambda number: number >= 0, "choose 0 or more.")] = 0
    """who speaks; 0 is the portrait itself"""
    val_wav: Annotated[Path | None, Flag("val-wav")] = None
    """unseen sentence to write (../val_wavs/<name>.wav beside the video's folder)"""


def main(args: DemoCommand) -> int:
    """Make the presenter's video and the unseen sentence."""
    from data_gen.demo.clip import Clip, say
    from data_gen.demo.identity import make_identity
    from data_gen.demo.texts import UNSEEN
    from utils.files.aside import make_folder
    from utils.media.video import VideoWriter
    from utils.media.wav import write_wav
    from utils.processes.workers import in_parallel

    out: Path = args.out
    if out.is_dir():
        raise DataError(f"--out {out} is a folder. Name the mp4 to write.")
    val_wav: Path = args.val_wav or out.parent.parent / "val_wavs" / f"{out.stem}.wav"
    if val_wav.resolve() == out.resolve():
        raise ConfigError(f"--out and --val-wav are the same file ({out}). Name two.")
    make_folder(out.parent)  # a place that cannot be written to is told now, not after a minute
    identity = make_identity(args.identity)
    sentences = training_sentences(args.seconds, args.seed)
    speech = say(identity, sentences, seed=args.seed, seconds=args.seconds)
    clip = Clip(identity, speech, size=args.size, seed=args.seed)
    stem = out.with_suffix("")
    with VideoWriter(out, args.size, args.size, 25, clip.speech.wav) as writer:
        for frame in in_parallel(clip.frame, range(len(clip))):
            writer.write(frame)
    clip.save_truth(stem)
    unseen = Clip(identity, say(identity, [UNSEEN[0]], seed=args.seed + 1), size=args.size, seed=args.seed + 1)
    unseen.save_truth(val_wav.with_suffix(""))
    write_wav(val_wav, unseen.speech.wav)  # last: who finds it (scripts/demo.sh) may take all to be there
    summary = {"video": str(out), "seconds": speech.seconds, "frames": len(clip), "unseen_wav": str(val_wav)}
    print(json.dumps(summary))
    return 0


def training_sentences(seconds: float, seed: int) -> list[str]:
    """Return enough training sentences for `seconds`, each pass through them in another order."""
    from data_gen.demo.texts import TRAINING, most_telling_first

    rng = np.random.default_rng([seed, 4])
    sentences: list[str] = []
    while len(sentences) < seconds / 2.2 + 3:
        sentences += most_telling_first([TRAINING[i] for i in rng.permutation(len(TRAINING))])
    return sentences[: int(seconds / 2.2 + 3)]
