"""Which films a batch makes, of what, and which of them are made already."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.errors import ConfigError, DataError
from utils.files.digests import sha256
from utils.files.ownership import is_plain_file, refuse_input_as_output
from utils.files.tables import read_json, read_table, write_json
from utils.files.tree import SOUND_SUFFIXES
from utils.paths import existing_file

NOTES = "films.json"
FIELDS = {"key", "sha256"}
"""What every note has."""
SUFFIXES = (*SOUND_SUFFIXES, ".aiff", ".wma")
"""Names that are taken for sounds in a folder; a file that is named may be called anything."""


@dataclass(frozen=True)
class Film:
    """One film to make: of a sound, or of a text.

    Attributes:
        target: The mp4.
        sound: What is said; None for a text.
        text: What the synthesiser says.
    """

    target: Path
    sound: Path | None = None
    text: str = ""

    def digest(self) -> str:
        """Return what tells this sound or text from others."""
        return sha256(self.sound) if self.sound else hashlib.sha256(self.text.encode()).hexdigest()


VIDEOS = (".mp4", ".mkv", ".mov", ".webm")


def named_film(sounds: Sequence[Path], texts: Sequence[str], out: Path | None) -> Film | None:
    """Return the one film whose name was given: SOUND OUT.mp4, or `--out OUT.mp4`; None when `out` is a folder.

    Raises:
        ConfigError: More than one would become it, or it is not clear whether the second video is one to write.
    """
    if out is None and not texts and len(sounds) == 2 and sounds[1].suffix.lower() == ".mp4":
        if sounds[0].suffix.lower() in VIDEOS and os.path.lexists(sounds[1]):
            ways = f"--out {sounds[1]} writes it anew, --out FOLDER speaks both"
            raise ConfigError(f"{sounds[1]} is there, and might be meant to be spoken, too. Say which: {ways}.")
        sounds, out = sounds[:1], sounds[1]
    if out is None or out.suffix.lower() != ".mp4" or out.is_dir():
        return None
    if len(sounds) + len(texts) != 1:
        raise ConfigError(f"--out {out} is one film, for one sound or text. Name a folder for several.")
    film = Film(out, sounds[0]) if sounds else Film(out, text=texts[0])
    if film.sound:
        refuse_input_as_output(out, [film.sound])
    return film


def films_of(sounds: Sequence[Path], texts: Sequence[str], folder: Path) -> list[Film]:
    """List the films of sounds, folders of sounds, tables (.csv with a column `sound`) and texts.

    Raises:
        ConfigError: There is none, or two would have one name. DataError: A table or a folder cannot be read.
    """
    films = [Film(folder / f"{sound.stem}.mp4", sound) for path in sounds for sound in _sounds(path)]
    films += [Film(folder / f"text-{number}.mp4", text=text) for number, text in enumerate(texts, 1)]
    if not films:
        raise ConfigError("Say what is said: sounds, a folder of them, a .csv with a column `sound`, or --text.")
    videos = [film.sound for film in films if film.sound and film.sound.suffix.lower() == ".mp4"]
    taken: dict[Path, Film] = {}
    for film in films:
        if film.target in taken:
            both = " and ".join(str(one.sound or f"the text '{one.text[:40]}'") for one in (film, taken[film.target]))
            raise ConfigError(f"{both} would both become {film.target}. Rename one.")
        taken[film.target] = film
        refuse_input_as_output(film.target, videos)
    return films


def _sounds(path: Path) -> Iterator[Path]:
    if path.is_dir():
        films = _made_in(path)  # of a batch whose films lie beside their sounds
        sounds = sorted(
            file for file in path.iterdir()
            if file.suffix.lower() in SUFFIXES and file.is_file() and file.name not in films
        )  # fmt: skip
        if not sounds:
            raise DataError(f"{path} holds no sound ({', '.join(SUFFIXES)}).")
        yield from sounds
    elif path.suffix.lower() == ".csv":
        existing_file(path)
        for number, row in enumerate(read_table(path, ["sound"]), 2):
            if not row["sound"].strip():
                raise DataError(f"{path}, line {number}: it names no sound.")
            yield path.parent / row["sound"]
    else:
        yield path


def _made_in(folder: Path) -> Collection[str]:
    """Return the names of the films that batches made in a folder."""
    try:
        return Notes(folder).names
    except DataError:  # what is called so is the user's own
        return ()


class Notes:
    """Remember which film was made of what, in `films.json` beside them.

    Args:
        folder: Where the films lie.

    Raises:
        DataError: A file of that name lies there which no batch wrote.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / NOTES
        self._films = self._read()

    def _read(self) -> dict[str, dict[str, str]]:
        if not os.path.lexists(self.file):
            return {}
        try:
            kept = read_json(self.file) if is_plain_file(self.file) else None
        except DataError:
            kept = None
        if not isinstance(kept, dict) or not all(isinstance(n, dict) and n.keys() >= FIELDS for n in kept.values()):
            where = f"{self.file} is there already and was not written by a batch"
            raise DataError(f"{where}. Move it, or give another --out.")
        return kept

    @property
    def names(self) -> Collection[str]:
        """Return the names of all that were made."""
        return self._films.keys()

    def is_made(self, film: Film, key: str) -> bool:
        """Tell whether a film is there, whole, and of the same sound and settings."""
        note = self._films.get(film.target.name)
        return note is not None and note["key"] == key and _content(film.target) == note["sha256"]

    def refuse_other(self, film: Film) -> None:
        """Refuse to replace a file that no batch has made; `DataError` says so."""
        note = self._films.get(film.target.name, {})
        ours = [note[name] for name in ("sha256", "before") if note.get(name)]
        if os.path.lexists(film.target) and _content(film.target) not in ours:
            where = f"{film.target} is there already and was not made by a batch"
            raise DataError(f"{where}. Move it, or give another --out.")

    def made(self, film: Film, key: str, file: Path) -> None:
        """Note that a film is made and lies in `file`, which is about to be renamed to its target.

        Whoever is killed between the two finds at the target what was there before, and that it was ours, too.

        Raises:
            DataError: Somebody else has put a file there meanwhile.
        """
        self._films = self._read()  # another batch may have made films in the same folder
        self.refuse_other(film)
        self._films[film.target.name] = {"key": key, "sha256": sha256(file), "before": _content(film.target)}
        write_json(self.file, self._films)


def _content(file: Path) -> str:
    """Return the digest of a plain file; nothing when there is none."""
    return sha256(file) if is_plain_file(file) else ""
