"""Names of persons in one form of Unicode: a Mac writes 'José' with an accent of its own, others with one letter."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path


def plain_name(name: str) -> str:
    """Return a name in NFC, the form in which names are kept and compared."""
    return unicodedata.normalize("NFC", name)


def present_form(path: Path) -> Path:
    """Return a path as it is there: each part as it is written, else in NFC, else in NFD; in NFC what is not there."""
    if str(path).isascii():
        return path
    place = Path(path.anchor)
    for part in path.relative_to(place).parts:
        forms = (part, plain_name(part), unicodedata.normalize("NFD", part))
        place /= next((form for form in forms if os.path.lexists(place / form)), forms[1])
    return place
