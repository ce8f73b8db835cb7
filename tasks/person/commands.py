"""What the commands around one person's networks do, once what was typed is read."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from tasks.core.checkpoints import parse_steps
from tasks.person.evaluate import evaluate_person
from tasks.person.head import TalkingHead
from tasks.person.page.server import serve
from tasks.person.settings import EvaluateCommand, InferCommand, PlayCommand, TrainCommand, settings_of
from tasks.person.train import train_person
from utils.files.ownership import refuse_input_as_output
from utils.media.sound_source import refuse_without_sound
from utils.paths import existing_file


def train(command: TrainCommand) -> int:
    """Train what is not trained yet."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    hearing = [f"audio_feature={command.audio_feature}"] if command.audio_feature else []
    return train_person(
        command.id,
        preset=command.preset,
        settings=[*hearing, *command.settings],
        binary_dir=command.binary_data_dir,
        reset=command.reset,
    )


def infer(command: InferCommand) -> None:
    """Write the video and print its path."""
    refuse_input_as_output(command.out, [command.audio])
    refuse_without_sound(command.audio)
    print(load(command).speak_to(command.audio, command.out))


def play(command: PlayCommand) -> None:
    """Show the page until Ctrl-C."""
    sounds = [existing_file(path) for path in command.audio]
    for sound in sounds:
        refuse_without_sound(sound)
    serve(load(command), command.id, sounds, port=command.port, max_upload_mb=command.max_upload_mb)


def evaluate(command: EvaluateCommand) -> None:
    """Measure on held-out footage."""
    folder = command.out or Path(f"infer_out/{command.id}/evaluation")
    evaluate_person(load(command), command.id, folder, frames=command.frames)


def load(command: InferCommand | PlayCommand | EvaluateCommand) -> TalkingHead:
    """Load the head that a command is about."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    return TalkingHead.load(
        command.id,
        renderer=command.renderer,
        device=command.device,
        steps=parse_steps(command.steps),
        seed=command.seed,
        settings=settings_of(command),
    )
