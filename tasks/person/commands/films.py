"""Which films a batch makes, of what, and which of them are made already."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.errors import ConfigError, DataError
from utils.files.digests import sha256
from utils.files.ownership import refuse_input_as_output
from utils.files.tables import read_json, read_table, write_json

NOTES = "films.json"
SUFFIXES = (".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".mp4", ".mkv", ".mov", ".webm", ".aiff", ".wma")
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
            both = f"{film.sound} and {taken[film.target].sound}"
            raise ConfigError(f"{both} would both become {film.target}. Rename one.")
        taken[film.target] = film
        refuse_input_as_output(film.target, videos)
    return films


def _sounds(path: Path) -> Iterator[Path]:
    if path.is_dir():
        sounds = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
        if not sounds:
            raise DataError(f"{path} holds no sound ({', '.join(SUFFIXES)}).")
        yield from sounds
    elif path.suffix.lower() == ".csv":
        yield from (path.parent / row["sound"] for row in read_table(path, ["sound"]))
    else:
        yield path


class Notes:
    """Remember which film was made of what, in `films.json` beside them.

    Args:
        folder: Where the films lie.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / NOTES
        try:
            kept = read_json(self.file)
        except DataError:
            kept = {}
        self._films = kept if isinstance(kept, dict) else {}

    def is_made(self, film: Film, key: str) -> bool:
        """Tell whether a film is there, whole, and of the same sound and settings."""
        note = self._films.get(film.target.name)
        return isinstance(note, dict) and note.get("key") == key and self._is_ours(film, note)

    def refuse_other(self, film: Film) -> None:
        """Refuse to replace a file that no batch has made; `DataError` says so."""
        note = self._films.get(film.target.name)
        if film.target.exists() and not (isinstance(note, dict) and self._is_ours(film, note)):
            where = f"{film.target} is there already and was not made by a batch"
            raise DataError(f"{where}. Move it, or give another --out.")

    @staticmethod
    def _is_ours(film: Film, note: dict[str, str]) -> bool:
        return film.target.is_file() and sha256(film.target) == note.get("sha256")

    def made(self, film: Film, key: str) -> None:
        """Note that a film is made."""
        self._films[film.target.name] = {"key": key, "sha256": sha256(film.target)}
        write_json(self.file, self._films)
