"""What can be told before torch is there, of a command around one person: slips, what is not trained or processed."""

from __future__ import annotations

import os
from pathlib import Path

from data_gen.video.dataset import VideoDataset, open_video
from tasks.core.checkpoints import parse_steps, refuse_missing
from tasks.person.beginning import moving_run
from tasks.person.commands.films import Notes, films_of, named_film
from tasks.person.runs import RENDERERS, find_run
from tasks.person.settings import (
    CheckCommand,
    DubCommand,
    EvaluateCommand,
    HeadCommand,
    InferCommand,
    PlayCommand,
    SpeakCommand,
    settings_of,
)
from tasks.registry import schema_of
from tasks.speaking.backdrop import refuse_no_background
from tasks.speaking.settings import InferSettings
from tasks.verdicts.door import config_named
from utils.config.schema import parse
from utils.config.strict_yaml import read_yaml
from utils.errors import ConfigError
from utils.files.ownership import refuse_input_as_output
from utils.media.sound_source import refuse_without_sound
from utils.paths import existing_file


def look_at_film(command: InferCommand) -> None:
    """See that a sound can be spoken into a film.

    Raises:
        ConfigError, DataError: What is wrong, and how to mend it.
    """
    refuse_input_as_output(command.out, [command.audio])
    look_at_head(command)
    refuse_without_sound(command.audio)


def look_at_dub(command: DubCommand) -> None:
    """See that a person's video can be dubbed; errors as above."""
    existing_file(command.video)
    existing_file(command.audio)
    refuse_input_as_output(command.out, [command.audio, command.video])
    video = look_at_head(command)
    refuse_without_sound(command.audio)
    if video is not None:
        video.source_in(command.video)


def look_at_speech(command: SpeakCommand) -> None:
    """See that there is something to speak, and that it can be; one of many that is missing is told in its turn."""
    film = named_film(command.sounds, command.texts, command.out)
    if film is not None:
        look_at_head(command)
        if film.sound is not None:
            refuse_without_sound(existing_file(film.sound))
        return
    folder = command.out or Path("infer_out") / command.id
    films_of(command.sounds, command.texts, folder)
    Notes(folder)
    look_at_head(command)


def look_at_page(command: PlayCommand) -> None:
    """See that a page can be shown; errors as above."""
    look_at_head(command)
    for sound in command.audio:
        refuse_without_sound(existing_file(sound))


def look_at_measuring(command: EvaluateCommand) -> None:
    """See that a person can be measured; errors as above."""
    if command.out is not None and os.path.lexists(command.out) and not command.out.is_dir():
        raise ConfigError(f"--out {command.out} is a file. Name the folder to write.")
    look_at_head(command)


def look_at_head(command: HeadCommand) -> VideoDataset | None:
    """See that a person's runs, checkpoints and dataset are there, and that settings are some; return the dataset.

    Raises:
        ConfigError: A setting does not exist, or has a value that it may not have.
        DataError: Something is not trained or not processed; the message has the command that does it.
    """
    person, chosen = command.id, settings_of(command)
    steps = parse_steps(command.steps)
    renderer = find_run(person, RENDERERS if command.renderer == "auto" else (command.renderer,))
    for run in (moving_run(person), renderer):
        refuse_missing(run, steps)
    schema = schema_of(renderer.name)
    own = {name: value for name, value in chosen.items() if name.split(".")[0] not in schema.model_fields}
    parse(InferSettings, own, Path(f"settings for {person}"))
    parse(schema, {"task_cls": renderer.name, **{k: v for k, v in chosen.items() if k not in own and "." not in k}},
          Path(f"settings for {person}"))  # fmt: skip
    refuse_no_background(str(chosen.get("infer_bg_img_fname", "")))
    return look_at_dataset(renderer)


def look_at_dataset(run: Path) -> VideoDataset | None:
    """See that the dataset that a run says it was trained on is there; a run may say nothing.

    Raises:
        DataError: It is not; the message has the command that makes it.
    """
    try:
        saved = read_yaml((run / "config.yaml").read_text(encoding="utf-8"), "config.yaml")
        place = (str(saved["video_id"]), str(saved.get("binary_data_dir", "data/binary/videos")))
    except (OSError, UnicodeDecodeError, ConfigError, KeyError, TypeError, AttributeError):
        return None
    return open_video(*place)


def look_at_check(command: CheckCommand) -> None:
    """See that there is something to check, and where to say it.

    Raises:
        ConfigError: The JSON is a folder. DataError: The video is not processed.
    """
    if command.out is not None and command.out.is_dir():
        raise ConfigError(f"--out {command.out} is a folder. Name the JSON to write.")
    if command.out is not None:
        if command.out.suffix.lower() != ".json":
            raise ConfigError(f"--out {command.out}: what is written is JSON; end its name in .json")
        refuse_input_as_output(command.out, (), "--out")
    if config_named(command.id) is None:
        open_video(command.id, command.binary_dir)
