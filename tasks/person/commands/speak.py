"""Let one person speak one sound or many: networks are loaded once, each film is there as soon as it is done."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_gen.demo.speech import Voice, speak_as
from tasks.person.commands.films import Film, Notes, films_of, named_film
from tasks.person.commands.loading import load_head
from tasks.person.head import TalkingHead
from tasks.person.settings import SpeakCommand
from utils.command import plain
from utils.errors import ConfigError, UserError
from utils.files.aside import make_folder, write_aside
from utils.files.digests import fingerprint
from utils.files.scratch import scratch_folder
from utils.media.wav import write_wav
from utils.paths import existing_file

log = logging.getLogger("vizeme")


def main(command: SpeakCommand) -> int:
    """Write the films and print their paths; return 2 when some could not be made."""
    film = named_film(command.sounds, command.texts, command.out)
    if command.texts:
        log.info("--text is spoken by espeak-ng, a synthesiser, as the demo is; it is not the voice of %s", command.id)
    if film is None:
        if command.live is not None:
            raise ConfigError("--live is for one film. Name it: --out FILM.mp4")
        return speak_many(command)
    with sound_of(film) as sound:
        print(load_head(command).speak_to(sound, film.target, live=command.live))
    return 0


def speak_many(command: SpeakCommand) -> int:
    """Write films named after their sounds into a folder; one that cannot be made does not stop the others."""
    folder = command.out or Path("infer_out") / command.id
    films = films_of(command.sounds, command.texts, folder)
    notes = Notes(folder)
    head = load_head(command)
    make_folder(folder)
    failed = []
    for number, film in enumerate(films, 1):
        try:
            speak(head, film, notes, f"[{number}/{len(films)}]")
            print(film.target, flush=True)
        except UserError as error:
            failed.append(plain(f"{film.sound or film.text[:60]}: {error}"))
            log.error("[%d/%d] not made: %s", number, len(films), failed[-1])
    if failed:
        log.error("%d of %d films were not made:\n%s", len(failed), len(films), "\n".join(f"  {one}" for one in failed))
    return 2 if failed else 0


def speak(head: TalkingHead, film: Film, notes: Notes, title: str) -> None:
    """Make one film, unless it is there, whole and of the same sound, networks and settings.

    Raises:
        UserError: It cannot be made.
    """
    sources = [task.source.get("sha256", "") for task in (head.postnet, head.renderer)]
    if film.sound is not None:
        existing_file(film.sound)
    key = fingerprint(film.digest(), sources, head.settings.model_dump(mode="json"), head.seed)
    if notes.is_made(film, key):
        log.info("%s made before: %s", title, plain(str(film.target)))
        return
    notes.refuse_other(film)
    log.info("%s %s", title, plain(str(film.target)))
    with sound_of(film) as sound, write_aside(film.target) as aside:
        head.speak_to(sound, aside)
        notes.made(film, key, aside)


@contextmanager
def sound_of(film: Film) -> Iterator[Path]:
    """Give the file of what a film says; that of a text is made, and deleted at the end."""
    if film.sound is not None:
        yield film.sound
        return
    with scratch_folder() as scratch:
        write_wav(scratch / "text.wav", speak_as(Voice(), film.text).wav)
        yield scratch / "text.wav"
