"""Read, resize and write pictures: one way for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from utils.arrays import Bytes
from utils.errors import DataError
from utils.files.aside import write_aside
from utils.files.tree import files_under
from utils.media.marks.marks import Marks
from utils.media.marks.tags import picture_options
from utils.paths import existing_file

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF")
"""What Pillow may take a file for, whatever its name. It would hand PostScript to another program, which runs it."""


def cover(picture: Bytes, height: int, width: int) -> Bytes:
    """Bring a picture (H, W, 3) to a size without distorting it: what does not fit is cut off evenly on both sides."""
    high, wide = picture.shape[:2]
    if (high, wide) == (1, 1):
        return np.tile(picture, (height, width, 1))
    factor = max(height / high, width / wide)
    keep_high, keep_wide = min(high, round(height / factor)), min(wide, round(width / factor))
    top, left = (high - keep_high) // 2, (wide - keep_wide) // 2
    cut = picture[top : top + max(1, keep_high), left : left + max(1, keep_wide)]
    return fitted(cut, height, width)


def fitted(picture: Bytes, height: int, width: int) -> Bytes:
    """Bring a picture (H, W, 3) or mask (H, W) to a size: averaged when it shrinks, cubic when it grows."""
    if picture.shape[:2] == (height, width):
        return np.array(picture)
    import cv2

    way = cv2.INTER_AREA if height <= picture.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.asarray(picture), (width, height), interpolation=way), np.uint8)


def write_picture(path: Path, picture: np.ndarray, marks: Marks | None = None) -> None:
    """Write an RGB picture (H, W, 3) uint8 as PNG or JPEG, aside and renamed; `marks` say that it shows a made face."""
    from PIL import Image

    options = picture_options(marks.tags(), path.suffix.lower()) if marks is not None else {}
    with write_aside(path) as aside:
        Image.fromarray(marks.on(picture) if marks is not None else picture).save(aside, **options)
        if marks is not None:
            marks.finish(aside)


def read_photo(path: str | Path) -> Bytes:
    """Read a picture as RGB uint8 (H, W, 3), turned as its EXIF says.

    More than 8 bits a channel are scaled to 8; of several frames the first is taken.

    Raises:
        DataError: It is missing, damaged, larger than any photo, or not a picture.
    """
    import warnings

    from PIL import Image as Pillow
    from PIL import ImageOps

    file = existing_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pictures that are large, or a little damaged
            with Pillow.open(file, formats=FORMATS) as opened:
                picture = ImageOps.exif_transpose(opened)
                return np.array(_eight_bits(picture).convert("RGB"))
    except Pillow.DecompressionBombError:
        most = 2 * (Pillow.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise DataError(f"{path} has, or claims to have, more than {most} million pixels. Make it smaller.") from None
    except Pillow.UnidentifiedImageError:
        raise DataError(f"{path} is not a picture that can be read ({', '.join(FORMATS)}).") from None
    except Exception as error:  # a damaged picture fails in many ways, none of them ours to enumerate
        reason = " ".join(str(error).split()) or "it is damaged"
        raise DataError(f"{path} is not a picture that can be read ({reason}).") from None


def _eight_bits(picture: Any) -> Any:
    """Return a Pillow picture of more than 8 bits a channel with 8; `convert` would cut what is brighter to white."""
    from PIL import Image as Pillow

    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.nan_to_num(np.asarray(picture).astype(np.float64))
    scale = 255 / 65535 if values.max() > 255 else 1 if picture.mode.startswith("I") or values.max() > 1 else 255
    return Pillow.fromarray((values * scale).round().clip(0, 255).astype(np.uint8))


def resized(picture: Bytes, size: int) -> Bytes:
    """Return a picture (H, W, 3) as (size, size, 3), as `fitted` does; itself when it has that size."""
    return picture if picture.shape[:2] == (size, size) else fitted(picture, size, size)


def find_pictures(folder: str | Path) -> list[Path]:
    """List the pictures under a folder, sorted.

    Raises:
        DataError: There is none.
    """
    folder = Path(folder)
    pictures = [path for path in files_under(folder) if path.suffix.lower() in PICTURES]
    if not pictures:
        raise DataError(
            f"No picture under {folder} ({', '.join(sorted(PICTURES))}). Put photos as <person>/<photo>.jpg."
        )
    return pictures
