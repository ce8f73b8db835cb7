"""The mark in the pictures: a faint pattern of noise, the same in every frame, that repeats like tiles.

A tile is made in the frequency domain: of the waves of 8 to 24 pixels' length, a quarter have phases that are always
the same, by which the mark is found; the others carry the bits of `code`, each bit on several. All phases follow from
SHA-256, so that every machine and every version of numpy makes the same tile. In pictures larger than 512 pixels tiles
grow with the shorter side: such a picture may be shown small.

Whoever reads this file can take the mark out again, or forge it: it is there for honest people and for what re-encoding
does to a file, not against an enemy. The signed manifest is what cannot be forged.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utils.arrays import Bytes, Floats
from utils.media.marks.code import CODE, encode

TILE = 128
NOMINAL = 512
"""Shorter side up to which a tile has `TILE` pixels."""
LOWEST, HIGHEST = 1 / 24, 1 / 8
"""Waves a pixel: shorter ones are lost when the picture is halved, longer ones drown in the picture itself."""
SMALL, STRENGTHS = 400, (1.9, 1.6)
"""A shorter side below `SMALL` is marked more strongly; root mean squares in grey levels: 42.5 and 44 dB."""
VERSION = 1
KINDS = ("", "film", "dub", "picture", "comparison", "stream")
"""What a mark says the file is; only the place in this list is kept, so new ones go to the end."""


@dataclass(frozen=True)
class Word:
    """What the pattern says.

    Attributes:
        kind: One of `KINDS`.
        run: First 24 bits of the SHA-256 of the checkpoint that drew, as 6 hexadecimal digits; zeros when not known.
        version: Of the pattern.
    """

    kind: str
    run: str = "000000"
    version: int = VERSION

    def pack(self) -> int:
        """Return it as 32 bits."""
        return self.version << 29 | KINDS.index(self.kind) << 24 | int(self.run, 16)

    @classmethod
    def unpack(cls, word: int) -> Word | None:
        """Read 32 bits; None when this version cannot have written them."""
        version, kind = word >> 29, word >> 24 & 31
        if version != VERSION or not 0 < kind < len(KINDS):
            return None
        return cls(KINDS[kind], f"{word & 0xFFFFFF:06x}", version)


def _waves() -> NDArray[np.int64]:
    """List the waves (N, 2), rows and columns of the half plane of a tile's spectrum, in their scattered order."""
    down, right = np.fft.fftfreq(TILE), np.arange(TILE // 2 + 1) / TILE
    inside = [
        (row, column)
        for row in range(TILE)
        for column in range(TILE // 2 + 1)
        if LOWEST <= np.hypot(down[row], right[column]) <= HIGHEST and (column or 0 < row < TILE // 2)
    ]
    return np.array(sorted(inside, key=lambda wave: hashlib.sha256(b"vizeme mark %d %d" % wave).digest()))


def _signs(count: int) -> Floats:
    digests = b"".join(hashlib.sha256(b"vizeme sign %d" % block).digest() for block in range(count // 256 + 1))
    return np.unpackbits(np.frombuffer(digests, np.uint8))[:count].astype(np.float32) * 2 - 1


WAVES = _waves()
SIGNS = _signs(2 * len(WAVES)).reshape(-1, 2)
"""(N, 2) signs of the waves' real and imaginary parts."""
FIXED = len(WAVES) // 4
"""So many waves, the first, carry no bit."""
CARRIES = np.arange(2 * (len(WAVES) - FIXED)) % CODE
"""Which bit of the code each part of the other waves carries."""


def spectrum(values: Floats) -> NDArray[np.complex128]:
    """Lay values (n, 2) of the first n waves out as a tile's half spectrum (TILE, TILE // 2 + 1)."""
    waves = np.zeros((TILE, TILE // 2 + 1), np.complex128)
    rows, columns = WAVES[: len(values)].T
    waves[rows, columns] = values[:, 0] + 1j * values[:, 1]
    return waves


@functools.lru_cache(maxsize=4)
def tile(word: Word) -> Floats:
    """Return the tile (TILE, TILE) of what is said, root mean square 1."""
    values = SIGNS.copy()
    values[FIXED:] *= (encode(word.pack()).astype(np.float32) * 2 - 1)[CARRIES].reshape(-1, 2)
    waves = spectrum(values)
    waves[TILE // 2 + 1 :, 0] = np.conj(waves[1 : TILE // 2, 0][::-1])
    picture = np.fft.irfft2(waves, s=(TILE, TILE))
    return np.asarray(picture / picture.std(), np.float32)


def pattern(word: Word, height: int, width: int) -> NDArray[np.int8]:
    """Return what is added to every channel of a picture (H, W), grey levels."""
    import cv2

    short = min(height, width)
    unit = max(1.0, short / NOMINAL)
    high, wide = (int(np.ceil(size / unit)) for size in (height, width))
    tiles = np.tile(tile(word), (-(-high // TILE), -(-wide // TILE)))[:high, :wide]
    if unit > 1:
        tiles = np.asarray(cv2.resize(tiles, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.round(tiles * STRENGTHS[short >= SMALL]).astype(np.int8)


class Stamp:
    """Lay the pattern over pictures of one size.

    Args:
        word: What it says.
        height, width: Of the pictures.
    """

    def __init__(self, word: Word, height: int, width: int) -> None:
        faint = pattern(word, height, width)
        self._more, self._less = (
            np.repeat(np.maximum(part, 0).astype(np.uint8)[..., None], 3, axis=2) for part in (faint, -faint)
        )

    def on(self, picture: Bytes, where: NDArray[np.bool_] | None = None) -> Bytes:
        """Return a picture (H, W, 3) with the pattern on it, or only `where` (H, W) says."""
        import cv2

        marked = np.asarray(cv2.subtract(cv2.add(picture, self._more), self._less), np.uint8)
        return marked if where is None else np.where(where[..., None], marked, picture)
