"""Make data: `python data_gen/run.py video --id May --video may.mp4`; without arguments, the list of commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # not this script's folder, which hides the packages beside it, but the repository
    sys.path[: not sys.flags.safe_path] = [str(Path(__file__).resolve().parents[1])]

from utils.command import Command, Door, Moved, run_command

DOOR = Door(
    "data_gen/run.py",
    "Make data: datasets from videos, photos and sounds.",
    (
        Command("video", "data_gen.video.run:VideoCommand", "data_gen.video.run:main",
                "turn a video of a talking person into a dataset", first="data_gen.video.run:look"),
        Command("demo", "data_gen.demo.run:DemoCommand", "data_gen.demo.run:main",
                "make a video of a made presenter, from a public-domain portrait"),
        Command("clips", "data_gen.clips.settings:ClipsCommand", "data_gen.clips.run:main",
                "make a corpus of many speakers' clips"),
        Command("ear", "data_gen.ear:EarCommand", "data_gen.ear:main",
                "cut a small speech encoder out of Whisper's"),
        Command("templates", "data_gen.templates.run:TemplatesCommand", "data_gen.templates.run:main",
                "cut out faces and compute their recognition templates", holds="out"),
        Command("adapt", "data_gen.templates.adapter:AdaptCommand", "data_gen.templates.adapter:adapt",
                "fit a linear map between two recognisers' templates of the same photos"),
        Command("apply", "data_gen.templates.adapter:ApplyCommand", "data_gen.templates.adapter:apply",
                "bring templates over with what `adapt` made"),
        Command("wav2pix", "data_gen.wav2pix.settings:PairsCommand", "data_gen.wav2pix.run:main",
                "pair faces with the voices they belong to"),
        Command("face_voice", "data_gen.face_voice.run:FaceVoiceCommand", "data_gen.face_voice.run:main",
                "make a set of persons with voices and faces", holds="out"),
        Moved("check", "`check` looks at trained networks, not at data: python tasks/talking_head.py check ID"),
    ),
)  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = sys.argv[1:] if words is None else words
    return DOOR.main(words or ["--help"])


if __name__ == "__main__":
    run_command(main)
