"""Find the mark in pictures that were encoded, made smaller and cut since.

Each picture is freed of what is coarse and divided by how lively it is around each pixel; the sum over a film's
pictures is cut into tiles of a trial size, which are laid over each other. In the spectrum of that sum the waves whose
phases are always the same say by their correlation, for all shifts at once, whether and where the pattern lies. Trial
sizes go in steps of 0.7 %: less than the pattern tolerates.

Of a picture without a mark, the correlation at one shift and one size is as good as normal with variance 1. At most
`TRIALS` of them are looked at, so that one of them is above `SURE` by chance in one of ten million files. A weaker one
counts when a word is read besides: 36 readings are tried at most, whose checksum is right by chance once in 65,536, and
version and kind once in 51; so of files without a mark 11 in a million pass, and fewer since the whole pattern must be
there, too. A film of which only a part was drawn, as a dub, is searched square by square besides, where a tile has its
first size; what is read there must stand out more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utils.arrays import Bytes, Floats
from utils.media.marks.code import CODE, decode
from utils.media.marks.pattern import (
    CARRIES,
    FIXED,
    HIGHEST,
    LOWEST,
    NOMINAL,
    SIGNS,
    TILE,
    WAVES,
    Word,
    spectrum,
)

SIZES: Floats = np.exp(np.arange(math.log(0.42), math.log(1.7), 0.007)).astype(np.float32)
"""Sizes of a tile that are tried, over `TILE`."""
LIKELY = (1.0, 0.5, 1.25, 0.75, 2 / 3)
"""Those that are tried first."""
TRIALS = len(SIZES) * TILE * TILE
SURE = 7.5
"""Correlation, in standard deviations, that `TRIALS` of them reach by chance once in ten million files."""
LIKELY_ENOUGH = 3.5
"""Correlation from which on a word is looked for: the greatest of a tile's shifts is about there by chance."""
WHOLE = 8.0
"""Standard deviations by which the whole pattern of a word that is read must stand out."""
PART, PART_STEP, WHOLE_PART = 192, 64, 9.0
"""Side of the squares in which a drawn part is looked for, how far apart they lie, and `WHOLE` in one of them."""
_CANDIDATES = 6
_LARGEST = 1024

_ROWS, _COLUMNS = np.fft.fftfreq(TILE)[:, None], (np.arange(TILE // 2 + 1) / TILE)[None]
_RADIUS = np.hypot(_ROWS, _COLUMNS)
_BAND = (_RADIUS >= LOWEST) & (_RADIUS <= HIGHEST)
_RING = np.minimum(np.round(_RADIUS * TILE).astype(np.int64), TILE // 2)
_RING_SIZE = np.maximum(1, np.bincount(_RING[_BAND], minlength=TILE // 2 + 1))
_FIXED_WAVES = np.conj(spectrum(SIGNS[:FIXED]))


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes:
        score: Correlation of the waves that are always the same, in standard deviations.
        word: What the mark says; None when it cannot be read.
        whole: Correlation of the whole pattern of what was read, in standard deviations.
        size: Of a tile over `TILE`, in pictures whose shorter side is at most `NOMINAL`.
    """

    score: float
    word: Word | None = None
    whole: float = 0.0
    size: float = 1.0

    @property
    def is_there(self) -> bool:
        """Tell whether there is a mark."""
        return self.word is not None or self.score >= SURE


def residual(picture: Bytes) -> Floats:
    """Return what of a picture (H, W, 3) may be a mark, (h, w): its fine changes."""
    import cv2

    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
    height, width = grey.shape
    factor = min(1.0, NOMINAL / min(height, width))
    if factor < 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)
    grey = grey[:_LARGEST, :_LARGEST]
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 4)
    around = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 6))
    return np.asarray(np.clip(fine / (around + 1), -2.5, 2.5), np.float32)


def search(residuals: Floats) -> Finding:
    """Look for a mark in the sum (H, W) of the residuals of pictures of one size."""
    if not residuals.any():  # nothing but one colour
        return Finding(0.0)
    found = _best(residuals, LIKELY)
    if not found.is_there:
        parts = (_best(part, LIKELY[:1], WHOLE_PART) for part in _parts(residuals))
        found = next((part for part in parts if part.word is not None), found)
    return found if found.is_there else max(found, _best(residuals, SIZES), key=lambda one: (one.is_there, one.score))


def _parts(residuals: Floats) -> Iterator[Floats]:
    """Yield squares that overlap, where a picture has room for more than one: only a part of it may have been drawn."""
    rows, columns = (range(0, side - PART + 1, PART_STEP) for side in residuals.shape)
    if len(rows) * len(columns) > 1:
        yield from (residuals[row : row + PART, column : column + PART] for row in rows for column in columns)


def _best(residuals: Floats, sizes: Floats | tuple[float, ...], least: float = WHOLE) -> Finding:
    tried = sorted(((*_correlate(_whitened(residuals, float(size))), float(size)) for size in sizes), reverse=True)
    finest = Finding(tried[0][0], size=tried[0][2])
    for score, _, size in tried[:_CANDIDATES]:
        if score < LIKELY_ENOUGH:
            break
        for near in (size, size * 0.9965, size * 1.0035):
            waves = _whitened(residuals, near)
            correlation, shift = _correlate(waves)
            word, whole = _read(waves, shift)
            if word is not None and whole >= least and (finest.word is None or whole > finest.whole):
                finest = Finding(correlation, word, whole, near)
    return finest


def _whitened(residuals: Floats, size: float) -> NDArray[np.complex128]:
    """Lay tiles of a size over each other; return the band of the sum's spectrum, each ring of it equally strong."""
    import cv2

    height, width = (max(8, round(side / size)) for side in residuals.shape)
    way = cv2.INTER_AREA if size > 1 else cv2.INTER_LINEAR
    scaled = np.asarray(cv2.resize(residuals, (width, height), interpolation=way), np.float32)
    high, wide = (-(-side // TILE) for side in scaled.shape)
    tiles = np.zeros((high * TILE, wide * TILE), np.float32)
    tiles[:height, :width] = scaled
    waves = np.fft.rfft2(tiles.reshape(high, TILE, wide, TILE).sum(axis=(0, 2)))
    power = np.bincount(_RING[_BAND], np.abs(waves[_BAND]) ** 2, len(_RING_SIZE)) / _RING_SIZE
    waves = np.where(_BAND, waves / np.sqrt(power[_RING] + 1e-9), 0)
    return np.asarray(waves * np.minimum(1, 2 / np.maximum(np.abs(waves), 1e-9)))


def _correlate(waves: NDArray[np.complex128]) -> tuple[float, tuple[int, int]]:
    """Return the greatest correlation with the fixed waves, in standard deviations, and the shift that has it."""
    products = waves * _FIXED_WAVES
    deviation = math.sqrt(float((np.abs(products) ** 2).sum()) / 2)
    if not deviation:  # a tile of this size cancels all there is
        return 0.0, (0, 0)
    products[:, 1:-1] *= 0.5  # the inverse counts these columns twice
    surface = np.fft.irfft2(products, s=(TILE, TILE)) * (TILE * TILE)
    place = int(surface.argmax())
    return float(surface.flat[place]) / deviation, (place // TILE, place % TILE)


def _read(waves: NDArray[np.complex128], shift: tuple[int, int]) -> tuple[Word | None, float]:
    """Return what is said by a pattern that lies so far down and right, and how much of that pattern is there."""
    rows, columns = WAVES[FIXED:].T
    turn = np.exp(2j * np.pi * (np.fft.fftfreq(TILE)[rows] * shift[0] + columns / TILE * shift[1]))
    values = waves[rows, columns] * turn
    parts = (np.stack([values.real, values.imag], axis=1) * SIGNS[FIXED:]).reshape(-1)
    bits, sent = decode(np.bincount(CARRIES, parts, CODE).astype(np.float32))
    if bits is None:
        return None, 0.0
    agreeing = float((parts * (sent.astype(np.float64) * 2 - 1)[CARRIES]).sum())
    return Word.unpack(bits), agreeing / math.sqrt(float((parts**2).sum()))
