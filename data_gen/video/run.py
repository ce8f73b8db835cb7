"""Turn a video of a talking person into a dataset: any size, rate, codec and length, one face, with sound."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--id", required=True, help="name of the person's dataset: letters, digits, _ . -")
    parser.add_argument("--video", required=True, type=Path, help="the video file")
    parser.add_argument("--size", type=int, default=512, help="side of the square pictures in pixels (default 512)")
    parser.add_argument("--landmarks", default="auto", help="auto, mediapipe, face_alignment or dlib")
    parser.add_argument("--parsing", default="auto", help="auto, bisenet (non-commercial weights) or grabcut")
    parser.add_argument("--licence", default="", help="note on the footage's licence, kept in the dataset")
    parser.add_argument("--consent", default="", help="note on the person's consent, kept in the dataset")
    parser.add_argument(
        "--audio_features",
        default="",
        help="more speech features than mel, mfcc, whisper, whisper:3-5, hubert: whisper:2, ...",
    )
    parser.add_argument("--data_dir", type=Path, default=Path("data"), help="where processed/ and binary/ lie")
    parser.add_argument("--start_s", type=float, default=0.0, help="use the video from this second on")
    parser.add_argument("--duration_s", type=float, default=None, help="use so many seconds of it")
    parser.add_argument("--redo", action="append", default=[], metavar="STAGE", help="do a stage again; may repeat")


def main(args: argparse.Namespace) -> int:
    """Process the video."""
    from data_gen.video.job import VideoJob
    from data_gen.video.pipeline import process_video

    process_video(VideoJob(**(vars(args) | {"redo": tuple(args.redo)})))
    return 0
