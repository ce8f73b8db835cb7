"""Choose a landmark detector by name, or whichever has its weights here."""

from __future__ import annotations

import importlib.util
import logging
from typing import get_args

from utils.errors import ConfigError, nearest
from utils.faces.detector import DetectorName, LandmarkDetector
from utils.faces.dlib_detector import DlibDetector
from utils.faces.face_alignment_detector import FaceAlignmentDetector
from utils.faces.mediapipe_detector import MediaPipeDetector

log = logging.getLogger(__name__)


def make_detector(name: DetectorName | str = "auto") -> LandmarkDetector:
    """Make a detector; "auto" takes MediaPipe when its weights are on this machine, else dlib, and logs which.

    Raises:
        ConfigError: No detector has that name.
        AssetError: Its weights or its package are not here; says how to get them.
    """
    if name == "auto":
        name = detector_name(name)
        log.info("landmarks: %s", name)
    if name == "mediapipe":
        return MediaPipeDetector()
    if name == "dlib":
        return DlibDetector()
    if name == "face_alignment":
        return FaceAlignmentDetector()
    names = get_args(DetectorName)
    near = nearest(name, names)
    hint = f" Did you mean '{near}'?" if near else ""
    raise ConfigError(f"No landmark detector is called '{name}'.{hint} Known: {', '.join(names)}.")


def detector_name(name: str) -> str:
    """Return which detector a name means on this machine."""
    return name if name != "auto" else "mediapipe" if mediapipe_is_here() else "dlib"


def mediapipe_is_here() -> bool:
    """Tell whether MediaPipe and its weights are on this machine, so that `auto` means it."""
    from utils.assets import find_asset

    if find_asset("face_landmarker") is None:
        log.info("landmarks: no face_landmarker weights here (get them: python -m utils.assets)")
        return False
    return importlib.util.find_spec("mediapipe") is not None
