"""What finds faces and their 68 iBUG landmarks in one picture: the part that all detectors share.

    detector = make_detector("auto")
    faces = detector.detect(frame)   # RGB uint8; the largest face first

MediaPipe (Apache-2.0) is the steadiest on video and also gives 52 blendshapes; dlib needs no download, since the
`face_recognition_models` package carries its weights; `face_alignment` is used only where its weights lie ready.
"""

from __future__ import annotations

import importlib.util
import logging
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from utils.arrays import Bytes, Floats, Reals
from utils.errors import AssetError

log = logging.getLogger(__name__)

DetectorName = Literal["auto", "mediapipe", "face_alignment", "dlib"]
Box = tuple[float, float, float, float]


class Face(NamedTuple):
    """One face in a picture.

    points_px: (68, 2) float32, pixels from the image's top-left corner. box: x0, y0, x1, y1 around them.
    score: the detector's own confidence (MediaPipe gives none: 1). blendshapes: (52,) float32 in 0..1, or None.
    """

    points_px: Floats
    box: Box
    score: float = 1.0
    blendshapes: Floats | None = None


class LandmarkDetector(ABC):
    """Find the faces of one picture. Use it as a context manager, or call `close` when done."""

    name: str
    smoothing_frames: float
    """Sigma of the Gaussian along time that suits this detector's noise."""
    threads: bool = False
    """Whether several threads may detect at once: no picture is searched by what the one before showed."""

    @abstractmethod
    def detect(self, frame: Bytes) -> list[Face]:
        """Return the faces of an RGB uint8 picture (H, W, 3), the largest first."""

    def forget(self) -> None:  # noqa: B027 (most detectors remember nothing)
        """Forget the previous frame: the next one is searched anew (a cut, another video)."""

    def close(self) -> None:  # noqa: B027
        """Release what the detector holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def make_face(points: Reals, score: float, blendshapes: Floats | None = None) -> Face:
    """Return a face of 68 points (68, 2) in pixels, with their box, and blendshapes (52,) where a detector has them."""
    points = np.asarray(points, dtype=np.float32)
    x0, y0 = points.min(axis=0).tolist()
    x1, y1 = points.max(axis=0).tolist()
    return Face(points, (x0, y0, x1, y1), score, blendshapes)


def largest_first(faces: list[Face]) -> list[Face]:
    return sorted(faces, key=lambda face: -(face.box[2] - face.box[0]) * (face.box[3] - face.box[1]))


def need_package(package: str, remedy: str) -> Path:
    """Return the folder of an installed package without importing it.

    Raises:
        AssetError: It is not installed; says how to.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise AssetError(f"The package {package} is not installed. Run: {remedy}")
    return Path(spec.origin).parent


def find_points(detector: Any, picture: Bytes) -> Floats:
    """Find the largest face's 68 points in a picture, (68, 2) pixels; NaN when there is none."""
    faces = detector.detect(picture)
    return faces[0].points_px if faces else np.full((68, 2), np.nan, np.float32)
