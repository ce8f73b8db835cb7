"""What the commands around one person's networks do, once what was typed is read."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from tasks.core.checkpoints import checkpoint_files, parse_steps, work_dir_of
from tasks.person.evaluate import evaluate_person
from tasks.person.head import TalkingHead
from tasks.person.page.server import serve
from tasks.person.peers import evaluate_as_peers
from tasks.person.runs import RENDERERS, find_run
from tasks.person.settings import EvaluateCommand, InferCommand, PlayCommand, TrainCommand, settings_of
from tasks.person.train import train_person
from utils.files.ownership import refuse_input_as_output
from utils.media.sound_source import refuse_without_sound
from utils.paths import existing_file

WHOLE = {"infer_compose": "full"}
"""What is drawn is judged, not what the footage lends to it."""


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
    if command.protocol == "peers":
        evaluate_as_peers(_every_way(command), command.id, folder, frames=command.frames or sys.maxsize)
    else:
        evaluate_person(load(command), command.id, folder, frames=command.frames or 250)


def _every_way(command: EvaluateCommand) -> dict[str, TalkingHead]:
    """Load the head once for every way to compose that what is trained allows."""
    find_run(command.id, RENDERERS)
    trained = [name for name in RENDERERS if checkpoint_files(work_dir_of(f"{command.id}/{name}"))]
    ways = ["portrait", *(["head"] if "lm3d_nerf" in trained else []), *(["full"] if RENDERERS[0] in trained else [])]
    return {way: load(command, {"infer_compose": way}) for way in ways}


def load(command: InferCommand | PlayCommand | EvaluateCommand, forced: dict[str, str] | None = None) -> TalkingHead:
    """Load the head that a command is about, with settings that it forces."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    return TalkingHead.load(
        command.id,
        renderer=command.renderer,
        device=command.device,
        steps=parse_steps(command.steps),
        seed=command.seed,
        settings={**(WHOLE if isinstance(command, EvaluateCommand) else {}), **settings_of(command), **(forced or {})},
    )
