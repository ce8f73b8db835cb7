"""Remember beside landmarks of which sound they were made, so that a new sound under an old name is noticed."""

from __future__ import annotations

from pathlib import Path

from utils.errors import DataError
from utils.files.digests import sha256
from utils.files.tables import read_json, write_json


def note_of(landmarks: Path) -> Path:
    """Return where it is remembered."""
    return landmarks.with_suffix(".sound.json")


def note_sound(landmarks: Path, sound: Path) -> None:
    """Write down the digests of a file of landmarks and of its sound."""
    write_json(note_of(landmarks), {"landmarks_sha256": sha256(landmarks), "sound_sha256": sha256(sound)})


def refuse_other_sound(landmarks: str | Path, sound: str | Path) -> None:
    """Refuse to show landmarks with another sound than theirs; those of which nothing is remembered are taken.

    Raises:
        DataError: They were made of another sound.
    """
    file, heard = Path(landmarks), Path(sound)
    if not (note_of(file).is_file() and file.is_file() and heard.is_file()):
        return
    note = read_json(note_of(file))
    if not isinstance(note, dict) or note.get("landmarks_sha256") != sha256(file):
        return  # the note is about landmarks that lay here before
    if note.get("sound_sha256") != sha256(heard):
        raise DataError(
            f"{file} was made of another sound than {heard} is now: lips and voice would not go together. "
            "Do the first step again: bash scripts/infer_postnet.sh VIDEO_ID AUDIO"
        )
