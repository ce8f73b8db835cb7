"""What may be typed to make a corpus of clips; nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from utils.arguments import must
from utils.config.schema import Config

CLIPS_PER_SHARD = 500


class ClipsCommand(Config):
    """Make a corpus of clips of many speakers from a folder of videos, or from a CSV that lists them.

        python data_gen/run.py clips --out data/binary/lrs3 --videos data/raw/lrs3 --workers 8

    In a folder the speaker is the folder a video lies in (`<videos>/<speaker>/<clip>.mp4`); videos that lie directly in
    `--videos` are a speaker each. A CSV has a column `video` and, if wanted, `speaker`, `start_s`, `stop_s`. A clip
    that cannot be used is listed with the reason and left out. The command may be stopped or killed and given again:
    finished clips are kept, and the corpus is the same to the byte, however often it was stopped and whatever --workers
    is.
    """

    videos: Path
    """folder of videos, <speaker>/<clip>.mp4, or a CSV that lists them"""
    out: Path
    """folder to fill, for example data/binary/lrs3"""
    audio_features: str = "ear,mel,mfcc"
    """comma-separated speech features: ear, mel, mfcc, whisper, hubert (the last two need their weights)"""
    cut_seconds: Annotated[float, must(lambda seconds: seconds >= 1, "must be at least 1")] = 60.0
    """cut longer videos into clips of this length"""
    detector: str = "auto"
    """landmark detector: auto, mediapipe, face_alignment, dlib"""
    workers: Annotated[int, must(lambda count: count >= 0, "must be at least 0")] = 0
    """processes; 0 is one a processor"""
    ray_address: str = ""
    """make the clips on this Ray cluster instead: <head>:6379, or auto"""
    per_shard: Annotated[int, must(lambda count: count >= 1, "must be at least 1")] = CLIPS_PER_SHARD
    """clips per file"""
    licence: str = ""
    """licence and consent of the videos, kept with the data"""
