"""The visible label: "AI-generated", the same in Chinese as GB 45438 asks, or the letters AI in a box.

Letters are a twentieth of the shorter side and more, white on a dark field in the lower left corner, in every frame.
The Chinese characters are drawn from strokes that are written down here: there is no font for them to rely on.
"""

from __future__ import annotations

import functools

import numpy as np

from utils.arrays import Bytes

TEXTS: dict[str, str] = {
    "en": "AI-generated", "zh": "人工智能生成", "both": "AI-generated 人工智能生成", "eu": "AI",
}  # fmt: skip
SHARE = 0.06
"""Height of a letter over the picture's shorter side; the standard asks for 0.05."""
_LEAST = 8
_STROKES: dict[str, tuple[str, ...]] = {
    "人": ("50,8 46,34 34,62 10,92", "48,34 62,64 90,92"),
    "工": ("16,16 84,16", "50,16 50,86", "8,86 92,86"),
    "智": (
        "24,4 18,18 8,28", "18,14 48,14", "6,30 50,30", "29,14 29,30 22,42 8,52", "30,32 48,50",
        "58,12 58,46", "58,12 90,12 90,46", "58,44 90,44",
        "26,58 26,96", "26,58 76,58 76,96", "26,76 76,76", "26,94 76,94",
    ),
    "能": (
        "28,4 12,26 46,24", "38,14 50,30",
        "14,38 14,94", "14,38 44,38 44,90 36,92", "14,55 44,55", "14,71 44,71",
        "60,6 60,34 64,40 90,40 92,30", "88,10 60,24", "60,52 60,84 64,92 90,92 93,80", "88,58 60,72",
    ),
    "生": ("28,8 22,26 10,42", "22,28 86,28", "50,6 50,90", "16,58 82,58", "6,90 94,90"),
    "成": (
        "16,24 92,24", "16,24 16,58 6,92", "16,48 42,48 41,78 32,80", "56,4 60,46 74,80 88,92 94,76",
        "84,38 72,62 48,92", "68,6 82,16",
    ),
}  # fmt: skip
"""Points right and down, hundredths of the square that a character fills."""


@functools.lru_cache(maxsize=4)
def strip(label: str, height: int, width: int) -> Bytes:
    """Return the label for pictures (H, W) as a grey picture (h, w) that fits into them.

    Letters become smaller than a twentieth of the shorter side only where the text would be broader than the picture.
    """
    size = max(_LEAST, round(SHARE * min(height, width)))
    while True:
        drawn = _line(TEXTS[label], size)
        if size <= _LEAST or drawn.shape[1] <= width:
            return drawn[:height, :width]
        size -= 1


def _line(text: str, size: int) -> Bytes:
    """Draw a text on a field whose rim is as broad as letters reach below the line."""
    pieces = []
    for word in text.split(" "):
        pieces += [_character(letter, size) for letter in word] if word[0] in _STROKES else [_latin(word, size)]
        pieces.append(np.zeros((size + _rim(size), max(1, size // 2)), np.uint8))
    rim = _rim(size)
    return np.pad(np.concatenate(pieces[:-1], axis=1), ((rim, 0), (rim, rim)))


def _rim(size: int) -> int:
    return max(2, size // 3)


def _character(letter: str, size: int) -> Bytes:
    """Draw a Chinese character of a size, with a gap to its right and the rim below."""
    import cv2

    fine = 8 * size
    canvas = np.zeros((fine, fine), np.uint8)
    for stroke in _STROKES[letter]:
        points = np.array([point.split(",") for point in stroke.split()], np.float64) * fine / 100
        cv2.polylines(canvas, [points.round().astype(np.int32)], False, 255, max(1, round(fine * 0.075)), cv2.LINE_AA)
    small = np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    return np.pad(small, ((0, _rim(size)), (0, max(1, size // 8))))


def _latin(text: str, size: int) -> Bytes:
    """Draw letters whose capitals are of a size, with the rim below."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=round(size / 0.72))
    left, _, right, _ = font.getbbox(text)
    canvas = Image.new("L", (round(right - left) + 1, size + _rim(size)))
    ImageDraw.Draw(canvas).text((-left, -font.getbbox("A")[1]), text, fill=255, font=font)
    return np.asarray(canvas, np.uint8)


def draw_label(picture: Bytes, label: str) -> Bytes:
    """Return a picture (H, W, 3) with the label in its lower left corner."""
    letters = strip(label, *picture.shape[:2])[..., None].astype(np.float32) / 255
    high, wide = letters.shape[:2]
    labelled = picture.copy()
    corner = labelled[-high:, :wide]
    corner[:] = np.round(corner * 0.3 * (1 - letters) + 255 * letters)
    return labelled
