"""Many pictures of one size in one file, packed in tiles: written one after the other, read like an array.

A tile is a JPEG, or without loss a PNG; of masks it is what zlib makes of their bytes. A part of a picture is read by
its tiles alone. The file is a safetensors: `tiles` (bytes, one tile after the other), `index` (T, tiles a picture, 3):
where each begins, how long it is, and its CRC-32; and `form`: height, width, channels (0 for masks), side of a tile.
"""

from __future__ import annotations

import json
import operator
import types
import weakref
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from utils.arrays import Bytes
from utils.errors import DataError
from utils.files.array_file import ArrayFile
from utils.media.picture_size import claimed_size

SUFFIX = ".safetensors"
SIDE = 128
"""Pixels of a tile's side: training reads patches of about 190 pixels, and every JPEG has 600 bytes of tables."""
QUALITY = 97
"""Of JPEG, with colours in full resolution."""
_LARGEST, _SMALLEST = 1 << 14, 1 << 5
"""Most pixels of a picture's side, and least of a tile's: a million tiles would take more memory than a picture."""
_HEADER = 512
"""Bytes kept free for the header, which is written last."""


class Pictures(Protocol):
    """Pictures that can be taken by number as from an array, (T, H, W, 3) or masks (T, H, W), uint8."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return what `numpy` calls so."""
        ...

    @property
    def ndim(self) -> int:
        """Return how many axes there are."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, place: Any, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...


class PictureWriter:
    """Write pictures one after the other; the file can be read once `close` has written what lies where.

    Args:
        path: The file.
        shape: (H, W, 3) of RGB pictures, or (H, W) of masks, which lose nothing.
        lossless: Keep every value of the RGB pictures too, in about two and a half times the room.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], *, lossless: bool = False) -> None:
        self.path, self.shape, self._lossless = path, tuple(shape), lossless
        self._index: list[NDArray[np.int64]] = []
        self._bytes = 0
        self._file = path.open("wb")
        self._write(b" " * (8 + _HEADER))

    def __len__(self) -> int:
        return len(self._index)

    def pack(self, picture: Bytes) -> list[bytes]:
        """Return the tiles of a picture (H, W, 3) or (H, W), packed; several threads may do it at once."""
        if picture.shape != self.shape:
            raise ValueError(f"{self.path}: a picture {picture.shape} among those of {self.shape}")
        return [self._packed(np.ascontiguousarray(picture[box])) for box in _boxes(*self.shape[:2])]

    def _packed(self, tile: Bytes) -> bytes:
        import cv2

        if tile.ndim == 2:
            return zlib.compress(tile.data, 1)
        full = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, full]
        if self._lossless:
            options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
        name = ".png" if self._lossless else ".jpg"
        return cv2.imencode(name, cv2.cvtColor(tile, cv2.COLOR_RGB2BGR), options)[1].tobytes()

    def add(self, picture: Bytes | Sequence[bytes]) -> None:
        """Write the next picture, as it is or as `pack` returned it.

        Raises:
            OSError: The disk is full; it names the file.
        """
        tiles = self.pack(picture) if isinstance(picture, np.ndarray) else picture
        ends = self._bytes + np.cumsum([len(tile) for tile in tiles])
        rows = [(end - len(tile), len(tile), zlib.crc32(tile)) for end, tile in zip(ends, tiles, strict=True)]
        self._write(b"".join(tiles))
        self._bytes = int(ends[-1])
        self._index.append(np.array(rows, np.int64))

    def _write(self, content: bytes) -> None:
        try:
            self._file.write(content)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from None

    def close(self) -> None:
        """Write what lies where, and close the file; once."""
        if self._file.closed:
            return
        with self._file:
            self._write(b"\0" * (-self._bytes % 8))
            tiles = self._bytes + -self._bytes % 8
            index = np.stack(self._index) if self._index else np.zeros((0, len(_boxes(*self.shape[:2])), 3), np.int64)
            form = np.array([*self.shape[:2], 3 if len(self.shape) == 3 else 0, SIDE], np.int64)
            ends = tiles + np.cumsum([index.nbytes, form.nbytes])
            header = {
                "tiles": {"dtype": "U8", "shape": [tiles], "data_offsets": [0, tiles]},
                "index": {"dtype": "I64", "shape": index.shape, "data_offsets": [tiles, int(ends[0])]},
                "form": {"dtype": "I64", "shape": [len(form)], "data_offsets": [int(ends[0]), int(ends[1])]},
            }
            self._write(index.astype("<i8").tobytes() + form.astype("<i8").tobytes())
            self._file.seek(0)
            self._write(_HEADER.to_bytes(8, "little") + json.dumps(header).encode().ljust(_HEADER))

    def __enter__(self) -> PictureWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()


class PictureFile:
    """The pictures of a file, (T, H, W, 3) or (T, H, W) uint8.

    `pictures[i]`, `pictures[i, 10:20, 5:9]` and `pictures[:3]` are new arrays; of a part only its tiles are unpacked.
    Threads may read at once.

    Args:
        path: The file.
        again: What to do when it is damaged, a sentence.

    Raises:
        DataError: It is missing or damaged; a tile that is no longer what was written is told when it is read.
    """

    def __init__(self, path: Path, again: str) -> None:
        self.path, self._again = path, again
        self._file = ArrayFile(path, again)
        weakref.finalize(self, self._file.close)
        form, (tiles,) = self._shape_of("form", 1), self._shape_of("tiles", 1, "|u1")
        height, width, channels, side = self._file.rows("form", check=False).tolist() if form == (4,) else [0] * 4
        plausible = 0 < min(height, width) <= max(height, width) <= _LARGEST and _SMALLEST <= side <= _LARGEST
        if not plausible or channels not in (0, 3):
            raise self._damaged("its form makes no sense")
        self._side, self._across = side, -(-width // side)
        count, *rest = self._shape_of("index", 3)
        if rest != [-(-height // side) * self._across, 3]:
            raise self._damaged("its index makes no sense")
        self._tiles, self._boxes = tiles, _boxes(height, width, side)
        self.shape: tuple[int, ...] = (count, height, width, *((channels,) if channels else ()))
        self.ndim, self.dtype = len(self.shape), np.dtype(np.uint8)

    def _shape_of(self, name: str, axes: int, kind: str = "<i8") -> tuple[int, ...]:
        if name not in self._file.names:
            raise self._damaged(f"{name} is missing")
        shape = self._file.shape(name)
        if len(shape) != axes or self._file.rows(name, 0, 0, check=False).dtype.str != kind:
            raise self._damaged(f"its {name} makes no sense")
        return shape

    def _damaged(self, reason: str) -> DataError:
        return DataError(f"{self.path} is damaged: {reason}. {self._again}")

    def look_through(self) -> Iterator[int]:
        """Unpack every picture of a file that anybody may have made, one after the other, and yield its number.

        Raises:
            DataError: One is not what it should be, or tiles do not lie as `PictureWriter` puts them: a tile that
                stands for a thousand would make a small file endless.
        """
        end, most = 0, 3 * self._side**2 * 2 + 4096
        for number in range(len(self)):
            places, sizes, _ = self._file.rows("index", number, number + 1, check=False)[0].T
            if not ((sizes > 0) & (sizes <= most)).all() or (places != end + np.cumsum(sizes) - sizes).any():
                raise self._damaged(f"the tiles of picture {number} do not lie one after the other")
            end += int(sizes.sum())
            _ = self[number]
            yield number
        if self._tiles != end + -end % 8:
            raise self._damaged("there is more in it than pictures")

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Bytes]:
        return (self[number] for number in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        pictures = self[:]
        return pictures if dtype is None else pictures.astype(dtype)

    def __getitem__(self, place: Any) -> Bytes:
        first, *rest = place if isinstance(place, tuple) else (place,)
        if not hasattr(first, "__index__") or np.ndim(first):  # an array of numbers has it, too
            chosen = [self[(int(number), *rest)] for number in np.arange(len(self))[first]]
            return np.stack(chosen) if chosen else np.empty((0, *self.shape[1:]), np.uint8)
        number = operator.index(first)
        if not -len(self) <= number < len(self):
            raise IndexError(f"picture {number} of {len(self)}")
        if any(key is ... for key in rest):
            return self[number][tuple(rest)]
        spans, within = [], []
        for axis, size in enumerate(self.shape[1:3]):
            span, left = _span(rest[axis] if axis < len(rest) else slice(None), size)
            spans.append(span)
            within.append(left)
        part = self._part(number % len(self), *spans)
        return part[(*within, *rest[2:])]

    def _part(self, number: int, rows: tuple[int, int], columns: tuple[int, int]) -> Bytes:
        """Unpack a picture from the first of `rows` and `columns` up to, and without, the last."""
        part = np.empty((max(0, rows[1] - rows[0]), max(0, columns[1] - columns[0]), *self.shape[3:]), np.uint8)
        if not part.size:
            return part
        index = self._file.rows("index", number, number + 1, check=False)[0]
        high, wide = (range(start // self._side, -(-stop // self._side)) for start, stop in (rows, columns))
        wanted = [row * self._across + column for row in high for column in wide]
        begin, end = int(index[wanted[0], 0]), int(index[wanted[-1], :2].sum())
        packed = self._file.rows("tiles", *((begin, end) if 0 <= begin < end else (0, 0)), check=False).data
        for tile in wanted:
            place, size, checksum = index[tile].tolist()
            piece = packed[max(0, place - begin) :][: max(0, size)]
            down, right = self._boxes[tile]
            low, left = max(rows[0], down.start), max(columns[0], right.start)
            bottom, end_right = min(rows[1], down.stop), min(columns[1], right.stop)
            shape = (down.stop - down.start, right.stop - right.start, *self.shape[3:])
            whole = _unpacked(piece, shape) if zlib.crc32(piece) == checksum else None
            if whole is None:
                raise self._damaged(f"picture {number} is not what was written")
            target = part[low - rows[0] : bottom - rows[0], left - columns[0] : end_right - columns[0]]
            target[:] = whole[low - down.start : bottom - down.start, left - right.start : end_right - right.start]
        return part


def _boxes(height: int, width: int, side: int = SIDE) -> list[tuple[slice, slice]]:
    """List where the tiles of a picture lie, row by row."""
    rows, columns = (
        [slice(start, min(start + side, size)) for start in range(0, size, side)] for size in (height, width)
    )
    return [(row, column) for row in rows for column in columns]


def _span(key: Any, size: int) -> tuple[tuple[int, int], Any]:
    """Return the (first, stop) of an axis that a key asks for, and the key within that."""
    if isinstance(key, slice):
        start, stop, step = key.indices(size)
        return ((start, stop), slice(None)) if step == 1 else ((0, size), key)
    if hasattr(key, "__index__") and -size <= operator.index(key) < size:
        place = operator.index(key) % size
        return (place, place + 1), 0
    return (0, size), key


def _unpacked(tile: memoryview, shape: tuple[int, ...]) -> Bytes | None:
    """Unpack a tile of a shape; None when it is none, or of another shape."""
    import cv2

    if len(shape) == 2:
        try:
            plain = zlib.decompressobj().decompress(tile, shape[0] * shape[1])
        except zlib.error:
            return None
        return np.frombuffer(plain, np.uint8).reshape(shape) if len(plain) == shape[0] * shape[1] else None
    if claimed_size(tile) != shape[:2]:  # decoded, a stranger's tile may take gigabytes
        return None
    try:
        picture = cv2.imdecode(np.frombuffer(tile, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # nothing at all, or a size that no picture has
        return None
    if picture is None or picture.shape != shape:
        return None
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def picture_file(folder: Path, name: str) -> Path:
    """Return where a folder holds pictures: `<name>.safetensors`, or the `.npy` that an earlier version wrote."""
    file, array = folder / f"{name}{SUFFIX}", folder / f"{name}.npy"
    return array if array.is_file() and not file.is_file() else file


def open_pictures(folder: Path, name: str, again: str) -> Pictures:
    """Open the pictures that a folder holds; see `picture_file`.

    Args:
        again: What to do when they are missing or damaged, a sentence.

    Raises:
        DataError: They are.
    """
    file = picture_file(folder, name)
    if file.suffix == SUFFIX:
        return PictureFile(file, again)
    try:
        pictures: Bytes = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read ({error}). {again}") from None
    return pictures
