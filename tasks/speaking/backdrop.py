"""What is seen behind the person: the footage's own background, a colour, or a picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from utils.arrays import Bytes
from utils.errors import ConfigError, DataError
from utils.media.pictures import read_photo

COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0), "green": (0, 177, 64), "grey": (128, 128, 128)}
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
APART = 24
"""A pixel of the headless frame that differs this much (0..255) from the empty background belongs to the person."""


def read_background(name: str) -> Bytes | None:
    """Read `infer_bg_img_fname`: None for the footage's own, else a picture (H, W, 3); a colour is 1 x 1.

    Raises:
        ConfigError: It is neither a colour nor a file.
        DataError: The file is no picture.
    """
    refuse_no_background(name)
    if not name:
        return None
    if name.lower() in COLOURS:
        return np.array(COLOURS[name.lower()], np.uint8).reshape(1, 1, 3)
    if _HEX.fullmatch(name):
        return np.frombuffer(bytes.fromhex(name[1:]), np.uint8).reshape(1, 1, 3).copy()
    try:
        return np.asarray(read_photo(name), np.uint8)
    except DataError as error:
        raise DataError(f"infer_bg_img_fname: {error}") from None


def refuse_no_background(name: str) -> None:
    """Refuse what is neither empty, a colour nor a file; `ConfigError` says what may be given."""
    if name and name.lower() not in COLOURS and not _HEX.fullmatch(name) and not Path(name).is_file():
        raise ConfigError(
            f"infer_bg_img_fname = {name}: no such picture. Give a file, {', '.join(COLOURS)}, or '#rrggbb'"
        )


def behind_the_torso(video: Any, frame_id: int, background: Bytes) -> Bytes:
    """Put a background (H, W, 3), of the footage's size, behind the torso and neck of a headless frame.

    What belongs to the person is what the torso mask says, and whatever differs from the empty plate: the neck that was
    painted under the chin is in no mask.
    """
    import cv2

    frame = np.asarray(video.torso_frames[frame_id])
    apart = np.abs(frame.astype(np.int16) - video.background.astype(np.int16)).max(axis=-1).astype(np.float32)
    painted = cv2.GaussianBlur(np.clip((apart - APART / 2) / APART, 0, 1), (5, 5), 0)
    matte = np.maximum(painted, np.asarray(video.torso_mask[frame_id], np.float32) / 255)[..., None]
    return np.asarray(matte * frame + (1 - matte) * background + 0.5, np.uint8)
