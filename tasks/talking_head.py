"""Make a person say something: the commands around one person's trained networks.

    python tasks/talking_head.py train May
    python tasks/talking_head.py infer May speech.wav infer_out/May/speech.mp4
    python tasks/talking_head.py play May speech.wav        # a page that plays while it is drawn
    python tasks/talking_head.py evaluate May
    python tasks/talking_head.py check May                  # which stage is sound, and what to do about the others

In Python: `tasks.person.head.TalkingHead`.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if sys.path and Path(sys.path[0] or ".").resolve() == ROOT / "tasks":
    sys.path[0] = str(ROOT)  # else tasks/ hides the packages beside it

from tasks.person.head import TalkingHead  # noqa: E402
from tasks.person.runs import RENDERERS  # noqa: E402
from utils.command import run_command, whole  # noqa: E402
from utils.errors import ConfigError  # noqa: E402
from utils.files.ownership import refuse_input_as_output  # noqa: E402

log = logging.getLogger("vizeme")
PRESETS = ("person", "person_small", "demo")


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    out = argparse.ArgumentParser(
        prog="python tasks/talking_head.py", description="Train a talking head, let it speak, measure it."
    )
    commands = out.add_subparsers(dest="command", required=True, metavar="{train,infer,play,evaluate,check}")
    settings = "a setting, name=value; may be repeated"

    train = commands.add_parser("train", help="train the five tasks of a person whose video is processed")
    train.add_argument("video_id", help="the id given to data_gen/run.py video --id")
    train.add_argument("--preset", default="person", help=f"set of recipes: {', '.join(PRESETS)} (person)")
    train.add_argument(
        "--audio_feature",
        help="speech feature: mel, mfcc, whisper, hubert, ... (the first of whisper:3-5, whisper, mel that is there)",
    )
    train.add_argument("--set", action="append", default=[], metavar="[STAGE.]A=1", help=settings)
    train.add_argument("--binary_data_dir", default="", help="where processed videos lie (data/binary/videos)")
    train.add_argument("--reset", action="store_true", help="train anew; old runs are set aside")

    infer = commands.add_parser("infer", help="speak a sound into an mp4")
    infer.add_argument("video_id", help="who speaks")
    infer.add_argument("audio", help="what is said: any sound or video file, any length")
    infer.add_argument("out", help="the mp4 to write")
    _use(infer, settings)

    play = commands.add_parser("play", help="show a page on this machine that plays while it is drawn")
    play.add_argument("video_id", help="who speaks")
    play.add_argument("audio", nargs="*", help="what may be said; others can be sent to the page")
    play.add_argument("--port", type=int, default=8025, help="of 127.0.0.1; 0 takes a free one (8025)")
    play.add_argument("--max_upload_mb", type=float, default=100, help="largest sound that the page takes (100)")
    _use(play, settings)

    evaluate = commands.add_parser("evaluate", help="compare with held-out footage; writes figures and pictures")
    evaluate.add_argument("video_id", help="whom")
    evaluate.add_argument("--frames", type=whole(1), default=250, help="at most so many held-out frames (250)")
    evaluate.add_argument("--out", default="", help="folder to write (infer_out/<id>/evaluation)")
    _use(evaluate, settings)

    add_check(commands.add_parser("check", help="say of every stage of a talking head whether it is sound"))
    return out


def add_check(command: argparse.ArgumentParser) -> None:
    """Declare the flags of `check`."""
    command.add_argument("id", help="whom")
    command.add_argument("--binary_dir", type=Path, default=Path("data/binary/videos"), help="where videos lie")
    command.add_argument("--checkpoints", type=Path, default=None, help="folder of the runs (checkpoints/<id>)")
    command.add_argument("--steps", default="best", help="which checkpoints: best, last or a number (best)")
    command.add_argument("--frames", type=int, default=8, help="held-out frames to render (8; 0 leaves that out)")
    command.add_argument("--out", type=Path, default=None, help="JSON to write (infer_out/<id>/check.json)")


def _use(command: argparse.ArgumentParser, settings: str) -> None:
    """Add what both users of a trained head take."""
    command.add_argument(
        "--renderer",
        choices=["auto", *RENDERERS],
        default="auto",
        help="lm3d_nerf_torso, or lm3d_nerf: the head over the footage's own torso, which is sharper (auto)",
    )
    command.add_argument("--steps", default="best", help="which checkpoints: best, last or a number (best)")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda (auto)")
    command.add_argument("--seed", type=whole(0, 2**63 - 1), default=9999, help="decides what is random (9999)")
    command.add_argument("--set", action="append", default=[], metavar="A=1", help=settings)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = parser().parse_args(argv)
    if given.command == "check":
        from tasks.person.check import main as check

        return check(given)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if given.command == "train":
        from tasks.person.train import train_person

        hearing = [f"audio_feature={given.audio_feature}"] if given.audio_feature else []
        return train_person(
            given.video_id,
            preset=given.preset,
            settings=hearing + given.set,
            binary_dir=given.binary_data_dir,
            reset=given.reset,
        )
    from tasks.core.checkpoints import parse_steps
    from utils.config.assignments import assignment

    settings = dict(assignment(text) for text in given.set)
    how: dict[str, Any] = {
        "renderer": given.renderer,
        "device": given.device,
        "steps": parse_steps(given.steps),
        "seed": given.seed,
        "settings": settings,
    }
    if given.command == "infer":
        from utils.paths import existing_file

        existing_file(given.audio)  # before seconds are spent on loading
        refuse_input_as_output(Path(given.out), [given.audio])
        head = TalkingHead.load(given.video_id, **how)
        print(head.speak_to(given.audio, given.out))
        return 0
    if given.command == "play":
        return _play(given, how)
    from tasks.person.evaluate import evaluate_person

    head = TalkingHead.load(given.video_id, **how)
    folder = Path(given.out or f"infer_out/{given.video_id}/evaluation")
    evaluate_person(head, given.video_id, folder, frames=given.frames)
    return 0


def _play(given: argparse.Namespace, how: Mapping[str, Any]) -> int:
    """Show the page until Ctrl-C."""
    from tasks.person.page import serve
    from utils.paths import existing_file

    if not 0 <= given.port <= 65535:
        raise ConfigError(f"--port {given.port}: a port is a number from 0 to 65535")
    if not 0 < given.max_upload_mb <= 100_000:
        raise ConfigError(f"--max_upload_mb {given.max_upload_mb:g}: must be more than 0, and at most 100,000")
    sounds = [existing_file(path) for path in given.audio]
    head = TalkingHead.load(given.video_id, **how)
    serve(head, given.video_id, sounds, port=given.port, max_upload_mb=given.max_upload_mb)
    return 0


if __name__ == "__main__":
    run_command(main)
