"""What a video costs on the disk, worked out of the shapes of what is written and of what pictures usually take."""

from __future__ import annotations

from collections.abc import Sequence

from data_gen.speech_features import feature_width
from data_gen.video.job import picture_bytes
from utils.rates import FPS, RATE

_ROWS_A_FRAME = 2
_FLOAT, _SAMPLE = 4, 2
_POINTS = 68
_BLENDSHAPES = 52
_TRACK = _POINTS * 2 * _FLOAT + 1
"""Landmarks in pixels, and whether there were any."""
_CAMERA = (_POINTS * 3 + 4 * 4) * _FLOAT
"""Landmarks in the head's frame, and where the camera is."""
_FACE_BOX = 4 * _FLOAT


def costs(
    frames: int, size: int, features: Sequence[str], *, blendshapes: bool = False, lossless: bool = False
) -> dict[str, dict[str, int]]:
    """Return stage -> kind of file -> bytes, of a video with so many frames of `size` x `size` pixels.

    Those of pictures are what real footage takes, for how far they are packed depends on what they show.

    The dataset's pictures are links to those of the stages and cost nothing; where the file system has no hard links,
    all but the masks of necks are there twice.

    Args:
        features: The speech features that are made (`data_gen.video.sound.feature_names`).
        blendshapes: Whether landmarks come with them (MediaPipe).
        lossless: Whether the pictures lose nothing.
    """
    sound = frames * RATE // FPS * _SAMPLE
    widths = [1 if name in ("pitch_hz", "rms") else feature_width(name) for name in features]
    heard = frames * _ROWS_A_FRAME * sum(widths) * _FLOAT
    track = frames * (_TRACK + blendshapes * _BLENDSHAPES * _FLOAT)
    camera = frames * _CAMERA
    pictures = picture_bytes(frames, size, lossless)
    return {
        "convert": {**pictures["convert"], "sound": sound},
        "landmarks": {"landmarks": track},
        "camera": {"landmarks": camera},
        "parsing": pictures["parsing"],
        "plate": {**pictures["plate"], "background": 3 * size * size},
        "audio": {"sound": sound, "speech features": heard},
        "dataset": {"landmarks": track + camera + frames * _FACE_BOX, "speech features": heard, "sound": sound},
    }


def by_kind(of_stages: dict[str, dict[str, int]], stages: Sequence[str] | None = None) -> dict[str, int]:
    """Add the bytes of stages (all when not given) by kind of file, largest first."""
    total: dict[str, int] = {}
    for stage, kinds in of_stages.items():
        for kind, count in kinds.items() if stages is None or stage in stages else ():
            total[kind] = total.get(kind, 0) + count
    return dict(sorted(total.items(), key=lambda pair: -pair[1]))
