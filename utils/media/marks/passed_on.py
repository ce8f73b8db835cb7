"""What a picture of a film's frames says of itself: what the film said."""

from __future__ import annotations

import re
from pathlib import Path

from utils.errors import DataError
from utils.media.marks.manifest import read_manifest
from utils.media.marks.marks import Marks
from utils.media.marks.origin import Origin, facts_in
from utils.media.marks.tags import read_film_tags


def passed_on(film: Path) -> Marks | None:
    """Return marks for a picture in which frames of a film are shown; None when the film says nothing of itself.

    A signed manifest is believed when it is unchanged, else the plain tags, as little as they prove: a sheet of a made
    film says too much rather than too little.

    Raises:
        DataError: The film cannot be read.
    """
    try:
        manifest = read_manifest(film)
    except DataError:
        manifest = None
    signed = manifest.facts if manifest is not None and manifest.is_ours and manifest.unchanged else {}
    facts = signed or facts_in(read_film_tags(film))
    if not facts:
        return None
    digest = facts.get("sha256", "")
    return Marks(Origin(
        "comparison" if facts.get("kind") in ("dub", "comparison") else "picture", facts.get("run", ""),
        digest if re.fullmatch("[0-9a-f]{64}", digest) else "", facts.get("consent", ""), facts.get("licence", ""),
    ))  # fmt: skip
