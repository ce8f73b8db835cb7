"""Mark what is made, in one place for all who write films and pictures of faces.

A writer puts every picture through `on`, writes `tags` into its file, and lets `finish` sign the whole file as the last
step before it gets its name.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils.arrays import Bytes
from utils.errors import UserError
from utils.media.marks.label import draw_label
from utils.media.marks.manifest import TYPES, sign
from utils.media.marks.origin import Origin
from utils.media.marks.pattern import Stamp
from utils.media.marks.settings import Kind, MarkSettings

log = logging.getLogger("vizeme")
LEAST, LEAST_PART = 128, 128
"""Sides of the smallest picture, and of the smallest drawn part of one (as a square of as many pixels), that get a
pattern: in smaller ones it is not found again."""


class Marks:
    """Mark one film or picture.

    Args:
        origin: What it says of itself; None says nothing.
        label: As `infer_label`.
        pattern: Whether the pattern is laid over its pictures.
    """

    def __init__(self, origin: Origin | None, label: str = "none", *, pattern: bool = True) -> None:
        self.origin, self.label, self.pattern = origin, label, pattern
        self._stamp: Stamp | None = None
        self._size = (0, 0)
        self._said = False

    @classmethod
    def of(cls, settings: MarkSettings, origin: Origin) -> Marks:
        """Return the marks that the settings ask for; that there are none is said."""
        if not settings.infer_mark:
            log.warning("Nothing that is made now says that it is: no mark was asked for (--no-mark, infer_mark).")
        return cls(origin if settings.infer_mark else None, settings.infer_label)

    def of_kind(self, kind: Kind) -> Marks:
        """Return marks that say of another kind of file what these say."""
        return Marks(replace(self.origin, kind=kind) if self.origin else None, self.label, pattern=self.pattern)

    def beside_pattern(self) -> Marks:
        """Return marks for a film whose pictures come with pattern and label on them."""
        return Marks(self.origin, "drawn " + self.label, pattern=False)

    def on(self, picture: Bytes, where: NDArray[np.bool_] | None = None) -> Bytes:
        """Return a picture (H, W, 3) with the pattern, or only `where` (H, W) says, and the label on it."""
        height, width = picture.shape[:2]
        if self.origin is not None and self.pattern and self._fits(picture, where):
            if self._stamp is None or self._size != (height, width):
                self._stamp, self._size = Stamp(self.origin.word(), height, width), (height, width)
            picture = self._stamp.on(picture, where)
        return picture if self.label.startswith(("none", "drawn")) else draw_label(picture, self.label)

    def _fits(self, picture: Bytes, where: NDArray[np.bool_] | None) -> bool:
        """Tell whether there is room for the pattern; that there is none is said once."""
        room = min(picture.shape[:2]) if where is None else math.isqrt(int(np.count_nonzero(where)))
        least = LEAST if where is None else LEAST_PART
        if room < least and not self._said:
            self._said = True
            log.info("What is drawn is smaller than %d pixels: it bears no pattern, only manifest and tags.", least)
        return room >= least

    def tags(self) -> dict[str, str]:
        """Return the plain tags of the file."""
        return self.origin.tags(self.label.removeprefix("drawn ")) if self.origin else {}

    def finish(self, file: Path) -> None:
        """Sign a finished file whose suffix tells what it is; without a signature it is as good, and that is said."""
        if self.origin is None or file.suffix.lower() not in TYPES:
            return
        try:
            sign(file, self.origin)
        except UserError as error:
            log.warning("What is written now bears no signed manifest (C2PA): %s", error)
