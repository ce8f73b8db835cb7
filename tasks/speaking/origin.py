"""Remember beside landmarks of which sound they were made, so that a new sound under an old name is noticed."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from utils.errors import DataError
from utils.files.digests import sha256
from utils.files.ownership import is_plain_file
from utils.files.tables import read_json, write_json

log = logging.getLogger(__name__)
FIELDS = {"landmarks_sha256", "sound_sha256"}


def note_of(landmarks: Path) -> Path:
    """Return where it is remembered."""
    return landmarks.with_suffix(".sound.json")


def note_sound(landmarks: Path, sound: Path) -> None:
    """Write down the digests of a file of landmarks and of its sound; another file of that name stays."""
    file = note_of(landmarks)
    if not _is_ours(file):
        log.warning("%s is there and is no note of ours: of which sound %s was made is not noted.", file, landmarks)
        return
    write_json(file, {"landmarks_sha256": sha256(landmarks), "sound_sha256": sha256(sound)})


def _is_ours(file: Path) -> bool:
    """Tell whether a note may be written: nothing is there, or a note."""
    if not os.path.lexists(file):
        return True
    try:
        note = read_json(file) if is_plain_file(file) else None
    except DataError:
        return False
    return isinstance(note, dict) and note.keys() == FIELDS


def refuse_other_sound(landmarks: str | Path, sound: str | Path) -> None:
    """Refuse to show landmarks with another sound than theirs; those of which nothing is remembered are taken.

    Raises:
        DataError: They were made of another sound.
    """
    file, heard = Path(landmarks), Path(sound)
    if not (note_of(file).is_file() and file.is_file() and heard.is_file() and _is_ours(note_of(file))):
        return
    note = read_json(note_of(file))
    if note["landmarks_sha256"] != sha256(file):
        return  # the note is about landmarks that lay here before
    if note["sound_sha256"] != sha256(heard):
        raise DataError(
            f"{file} was made of another sound than {heard} is now: lips and voice would not go together. "
            "Do the first step again: bash scripts/infer_postnet.sh VIDEO_ID AUDIO"
        )
