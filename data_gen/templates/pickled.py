"""Read the templates that rbh24 made: pickles of photos' names and their templates by two recognisers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import ConfigError, DataError
from utils.faces.crops import CROP
from utils.faces.recogniser import Recogniser, units
from utils.files.digests import inside
from utils.files.pickles import read_plain_pickle
from utils.files.scratch import scratch_folder
from utils.media.pictures import read_photo, resized

LIKE = 0.9
"""Cosine of a template of the file and the one that the recogniser gives of the same photo: those of another recogniser
have about 0."""
TRIED = 4
"""Photos of each file that are looked at for it."""


@dataclass(frozen=True)
class PickledTemplates:
    """Photos and their templates.

    Attributes:
        rows: Photo -> its row.
        templates: (N, D) float32 as the recogniser gave them; on the disk.
        absent: How many photos are listed and not there.
    """

    rows: Mapping[Path, int]
    templates: NDArray[np.float32]
    absent: int

    def of(self, pairs: Iterator[tuple[Path, bytes]]) -> Iterator[tuple[Path, bytes, NDArray[np.float32]]]:
        """Add each crop's template."""
        for photo, jpeg in pairs:
            yield photo, jpeg, np.array(self.templates[self.rows[photo]])


@contextmanager
def read_pickled(files: Sequence[Path], folder: Path, key: str, recogniser: Recogniser) -> Iterator[PickledTemplates]:
    """Read pickles one after the other; the templates lie on the disk meanwhile, whatever their number.

    Args:
        files: Each `{"file": ["<person>/<photo>", ...], "buffalo": [(1, D), ...], "antelope": [...]}`.
        folder: Where the photos are.
        key: Whose templates to take: buffalo or antelope.
        recogniser: Who made them; asked about a few photos.

    Raises:
        DataError: A file is of another kind, or no photo of it is there.
        ConfigError: The templates are another recogniser's.
    """
    rows: dict[Path, int] = {}
    absent = count = 0
    with scratch_folder() as scratch:
        place = scratch / "templates.f32"
        with place.open("wb") as out:
            for file in files:
                names, templates = _columns(read_plain_pickle(file, "templates"), key, recogniser.id.width, file)
                photos = [inside(folder, name) for name in names]
                here = [number for number, photo in enumerate(photos) if photo.is_file() and photo not in rows]
                if not here:
                    raise DataError(
                        f"{file} lists {len(photos)} photos, none of which is new under {folder}; the first is "
                        f"{names[0]}. Give --faces the folder of its images."
                    )
                _refuse_other(file, [(photos[number], templates[number]) for number in here[:TRIED]], recogniser)
                rows |= {photos[number]: count + order for order, number in enumerate(here)}
                absent += len(photos) - len(here)
                count += len(here)
                out.write(templates[here].tobytes())
        yield PickledTemplates(rows, np.memmap(place, np.float32, "r", shape=(count, recogniser.id.width)), absent)


def _columns(content: Any, key: str, width: int, file: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Return names and templates (N, width) of what a pickle held."""
    if not isinstance(content, dict) or not isinstance(content.get("file"), list) or key not in content:
        there = ", ".join(sorted(map(str, content))[:6]) if isinstance(content, dict) else f"a {type(content).__name__}"
        raise DataError(f"{file} holds {there}, where rbh24's templates are lists called file and {key}.")
    names, values = content["file"], content[key]
    try:
        templates = np.stack([np.asarray(value, np.float32).reshape(width) for value in values])
    except (ValueError, TypeError):
        raise DataError(f"{file}: '{key}' is no list of templates of {width} numbers each.") from None
    if len(names) != len(templates) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{file} has {len(names)} names and {len(templates)} templates.")
    if not np.isfinite(templates).all():
        raise DataError(f"{file} holds a template that is not finite.")
    return names, templates


def _refuse_other(file: Path, pairs: list[tuple[Path, NDArray[np.float32]]], recogniser: Recogniser) -> None:
    crops, templates = [], []
    for photo, template in pairs:
        with suppress(DataError):  # said when all photos are read
            crops.append(resized(read_photo(photo), CROP))
            templates.append(template)
    if not crops:
        return
    own = recogniser.templates(np.stack(crops))
    cosine = float(np.median((units(own) * units(np.stack(templates))).sum(axis=1)))
    if cosine < LIKE:
        raise ConfigError(
            f"{file}: its templates are not those that {recogniser.id.name} gives of the same photos (cosine "
            f"{cosine:.2f}). Give --recogniser the one that made them, or --pickled_key the other list."
        )
