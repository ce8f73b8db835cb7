"""Find faces and their 68 iBUG landmarks in one picture, with whichever detector has its weights here.

    detector = make_detector("auto")
    faces = detector.detect(frame)   # RGB uint8; the largest face first

MediaPipe (Apache-2.0) is the steadiest on video and also gives 52 blendshapes; dlib needs no download, since the
`face_recognition_models` package carries its weights; `face_alignment` is used only where its weights lie ready.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self, get_args

import numpy as np
from numpy.typing import NDArray

from utils.errors import AssetError, ConfigError, nearest
from utils.landmarks import LANDMARKS, MEAN_FACE

log = logging.getLogger(__name__)

DetectorName = Literal["auto", "mediapipe", "face_alignment", "dlib"]
Frame = NDArray[np.uint8]
Box = tuple[float, float, float, float]


class Face(NamedTuple):
    """One face in a picture.

    points_px: (68, 2) float32, pixels from the image's top-left corner. box: x0, y0, x1, y1 around them.
    score: the detector's own confidence (MediaPipe gives none: 1). blendshapes: (52,) float32 in 0..1, or None.
    """

    points_px: NDArray[np.float32]
    box: Box
    score: float = 1.0
    blendshapes: NDArray[np.float32] | None = None


class LandmarkDetector(ABC):
    """Find the faces of one picture. Use it as a context manager, or call `close` when done."""

    name: str
    smoothing_frames: float
    """Sigma of the Gaussian along time that suits this detector's noise."""

    @abstractmethod
    def detect(self, frame: Frame) -> list[Face]:
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
    known = get_args(DetectorName)
    near = nearest(name, known)
    hint = f" Did you mean '{near}'?" if near else ""
    raise ConfigError(f"No landmark detector is called '{name}'.{hint} Known: {', '.join(known)}.")


def detector_name(name: str) -> str:
    """Return which detector a name means on this machine."""
    return name if name != "auto" else "mediapipe" if mediapipe_is_here() else "dlib"


class MediaPipeDetector(LandmarkDetector):
    """Google's face landmarker in image mode (its video mode filters, and lags half a frame)."""

    name = "mediapipe"
    smoothing_frames = 0.7

    def __init__(self, faces: int = 3) -> None:
        from utils.assets import asset_path

        _need("mediapipe", "pip install --no-deps mediapipe")
        path = asset_path("face_landmarker")
        os.environ.setdefault("GLOG_minloglevel", "2")
        import mediapipe
        from mediapipe.tasks.python.core.base_options import BaseOptions
        from mediapipe.tasks.python.vision import FaceLandmarker, FaceLandmarkerOptions

        self._mediapipe = mediapipe
        options = FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(path)), output_face_blendshapes=True, num_faces=faces
        )
        self._landmarker: Any = FaceLandmarker.create_from_options(options)

    def detect(self, frame: Frame) -> list[Face]:
        """Return the faces of an RGB uint8 picture (H, W, 3), the largest first."""
        if self._landmarker is None:
            raise RuntimeError("this detector is closed")
        height, width = frame.shape[:2]
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame))
        result = self._landmarker.detect(image)
        faces = []
        for index, found in enumerate(result.face_landmarks):
            mesh = np.array([(p.x * width, p.y * height) for p in found])
            shapes = None
            if result.face_blendshapes:
                shapes = np.array([s.score for s in result.face_blendshapes[index]], dtype=np.float32)
            faces.append(_face(from_mesh(mesh), 1.0, shapes))
        return _largest_first(faces)

    def close(self) -> None:
        """Release MediaPipe's graph (left to the interpreter's end it complains)."""
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None

    def __del__(self) -> None:
        if getattr(self, "_landmarker", None) is not None:
            self.close()


class DlibDetector(LandmarkDetector):
    """dlib's HOG detector and 68-point predictor, following the face from frame to frame.

    Where a face was, only its surroundings are searched, at the size the detector likes; the predictor's box
    comes from the face's own points, not from HOG's coarse grid, and its answers over a few shifted boxes are
    averaged, which halves the jitter. When nothing is found there the whole picture is searched.
    """

    name = "dlib"
    smoothing_frames = 1.0

    _search_side = 640  # the whole picture is searched at this size; faces of 80 px there and more are found
    _face_side = 110  # a face that is followed is looked at in this size
    _shifts = ((0.0, 0.0), (0.04, 0.0), (-0.04, 0.0), (0.0, 0.04), (0.0, -0.04))

    def __init__(self) -> None:
        _need("dlib", "pip install dlib-bin")
        models = _need("face_recognition_models", "pip install --no-deps face_recognition_models") / "models"
        predictor = models / "shape_predictor_68_face_landmarks.dat"
        if not predictor.is_file():
            raise AssetError(f"{predictor} is missing. Reinstall: pip install --no-deps face_recognition_models")
        import dlib

        self._dlib = dlib
        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(predictor))
        self._previous: NDArray[np.float32] | None = None

    def forget(self) -> None:
        """Forget the previous frame: the next one is searched as a whole."""
        self._previous = None

    def detect(self, frame: Frame) -> list[Face]:
        """Return the faces of an RGB uint8 picture (H, W, 3): the one followed, else all, the largest first."""
        frame = np.ascontiguousarray(frame)
        if self._previous is not None:
            face = self._follow(frame, self._previous)
            if face is not None:
                self._previous = face.points_px
                return [face]
        faces = self._search(frame)
        self._previous = faces[0].points_px if faces else None
        return faces

    def _follow(self, frame: Frame, points: NDArray[np.float32]) -> Face | None:
        """Look for a face where `points` (68, 2) were; None when there is none or it fits badly."""
        centre, side = _dlib_box(points)
        x0, y0 = np.maximum(np.floor(centre - 1.1 * side), 0).astype(int)
        x1, y1 = np.ceil(centre + 1.1 * side).astype(int)
        crop = frame[y0:y1, x0:x1]
        scale = self._face_side / side
        if min(crop.shape[:2]) * scale < 80:
            return None
        hits, scores = self._run(crop, scale, -0.2)
        best, best_score, nearest_hit = None, 0.0, 0.5 * side
        for (middle, _), score in zip(hits, scores, strict=True):
            distance = float(np.linalg.norm(middle + np.array([x0, y0]) - centre))
            if distance < nearest_hit:
                best, best_score, nearest_hit = middle, score, distance
        if best is None:
            return None
        found = self._predict(frame, centre, side)
        if fit_error(found) > 0.25 or np.linalg.norm(found.mean(0) - points.mean(0)) > 0.4 * side:
            return None
        return _face(found, best_score)

    def _search(self, frame: Frame) -> list[Face]:
        """Search the whole picture, once more enlarged when nothing is found."""
        scale = min(1.0, self._search_side / max(frame.shape[:2]))
        for factor in (scale, 2 * scale):
            hits, scores = self._run(frame, factor, 0.0)
            faces = []
            for (middle, side), score in zip(hits, scores, strict=True):
                points = self._predict(frame, middle, side, ((0.0, 0.0),))
                faces.append(_face(self._predict(frame, *_dlib_box(points)), score))
            if faces:
                return _largest_first(faces)
        return []

    def _run(
        self, image: Frame, scale: float, threshold: float
    ) -> tuple[list[tuple[NDArray[np.float64], float]], list[float]]:
        """Run HOG on the image scaled by `scale`: centres and sides in the image's own pixels, and scores."""
        import cv2

        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=method)
        boxes, scores, _ = self._detector.run(np.ascontiguousarray(small), 0, threshold)
        hits = []
        for box in boxes:
            middle = np.array([box.left() + box.right() + 1, box.top() + box.bottom() + 1]) / 2
            hits.append((middle / scale, box.width() / scale))
        return hits, [float(score) for score in scores]

    def _predict(
        self, frame: Frame, centre: NDArray[np.float64], side: float, shifts: tuple[tuple[float, float], ...] = _shifts
    ) -> NDArray[np.float32]:
        """Predict the points of the face in a box, averaged over boxes shifted by `shifts` of its side."""
        # dlib rounds a box to whole pixels and its points with it: predict on the face cut out and enlarged.
        import cv2

        size, box = 400, 250
        scale = box / side
        offset = size / 2 - scale * centre
        to_centres = offset + 0.5 * scale - 0.5  # warpAffine counts pixel centres from 0, we from the corner
        matrix = np.array([[scale, 0, to_centres[0]], [0, scale, to_centres[1]]])
        crop = cv2.warpAffine(frame, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
        total = np.zeros((LANDMARKS, 2))
        for shift_x, shift_y in shifts:
            left = round((size - box) / 2 + box * shift_x)
            top = round((size - box) / 2 + box * shift_y)
            rectangle = self._dlib.rectangle(left, top, left + box - 1, top + box - 1)
            total += [(p.x + 0.5, p.y + 0.5) for p in self._predictor(crop, rectangle).parts()]
        return ((total / len(shifts) - offset) / scale).astype(np.float32)


class FaceAlignmentDetector(LandmarkDetector):
    """The face-alignment networks (2-D FAN behind the S3FD detector), where their weights lie ready."""

    name = "face_alignment"
    smoothing_frames = 0.8

    _files = ("2DFAN4-11f355bf06.pth.tar", "s3fd-619a316812.pth")

    def __init__(self) -> None:
        _need("face_alignment", "pip install --no-deps face-alignment")
        import torch

        folder = Path(torch.hub.get_dir()) / "checkpoints"
        missing = [name for name in self._files if not (folder / name).is_file()]
        if missing:
            address = "https://www.adrianbulat.com/downloads/python-fan/"
            raise AssetError(
                f"face_alignment needs {' and '.join(missing)} in {folder}. Fetch them from {address}, "
                f"or choose dlib, which needs no download."
            )
        from face_alignment import FaceAlignment, LandmarksType

        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._networks: Any = FaceAlignment(LandmarksType.TWO_D, device=device, compile=False)

    def detect(self, frame: Frame) -> list[Face]:
        """Return the faces of an RGB uint8 picture (H, W, 3), the largest first."""
        found, _, boxes = self._networks.get_landmarks_from_image(np.ascontiguousarray(frame), return_bboxes=True)
        pairs = zip(found or [], boxes if boxes is not None else [], strict=True)
        return _largest_first([_face(np.asarray(p)[:, :2], float(b[4])) for p, b in pairs])


def from_mesh(mesh: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Pick the 68 iBUG points from MediaPipe's mesh (478, D): (68, D) float32, each a mean of one or two."""
    points = np.zeros((LANDMARKS, mesh.shape[1]))
    for index, parts in enumerate(MESH_PARTS):
        for vertex, weight in parts:
            points[index] += weight * mesh[vertex]
    return points.astype(np.float32)


def fit_error(points_px: NDArray[np.floating[Any]]) -> float:
    """Return how unlike a face points (68, 2) are: RMS distance, in eye distances, to the best affine mean face."""
    face = np.concatenate([MEAN_FACE, np.ones((LANDMARKS, 1))], axis=1)
    fitted, *_ = np.linalg.lstsq(face, points_px, rcond=None)
    residual = np.sqrt(np.mean(np.sum((face @ fitted - points_px) ** 2, axis=1)))
    return float(residual / max(np.linalg.norm(fitted[0]), 1e-6))


def _dlib_box(points: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float64], float]:
    """Return centre and side of a box around points (68, 2): as dlib's HOG draws it, 7 % tighter.

    A little tighter than the predictor was trained with, it follows the lips better (measured).
    """
    inner = points[17:].astype(np.float64)
    centre = inner.mean(axis=0)
    spread = float(np.sqrt(np.mean(np.sum((inner - centre) ** 2, axis=1))))
    return centre + np.array([0.0, 0.025 * spread]), 3.3 * spread


def _face(points: NDArray[np.floating[Any]], score: float, blendshapes: NDArray[np.float32] | None = None) -> Face:
    points = np.asarray(points, dtype=np.float32)
    x0, y0 = points.min(axis=0).tolist()
    x1, y1 = points.max(axis=0).tolist()
    return Face(points, (x0, y0, x1, y1), score, blendshapes)


def _largest_first(faces: list[Face]) -> list[Face]:
    return sorted(faces, key=lambda face: -(face.box[2] - face.box[0]) * (face.box[3] - face.box[1]))


def _need(package: str, remedy: str) -> Path:
    """Return the folder of an installed package without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise AssetError(f"The package {package} is not installed. Run: {remedy}")
    return Path(spec.origin).parent


def mediapipe_is_here() -> bool:
    """Tell whether MediaPipe and its weights are on this machine, so that `auto` means it."""
    from utils.assets import find_asset

    if find_asset("face_landmarker") is None:
        log.info("landmarks: no face_landmarker weights here (get them: python -m utils.assets)")
        return False
    return importlib.util.find_spec("mediapipe") is not None


# The iBUG counterparts of MediaPipe's vertices as (vertex, weight): chosen where both detectors put their points
# on photographs of many people (the jaw runs along the mesh's oval, whose vertices are not evenly spaced).
# fmt: off
MESH_PARTS: tuple[tuple[tuple[int, float], ...], ...] = (
    ((127, 1),), ((234, 0.78), (93, 0.22),), ((93, 0.55), (132, 0.45),), ((132, 0.45), (58, 0.55),),
    ((58, 0.28), (172, 0.72),), ((136, 0.85), (150, 0.15),), ((150, 0.24), (149, 0.76),),
    ((176, 0.45), (148, 0.55),), ((152, 1),), ((400, 0.45), (377, 0.55),), ((379, 0.24), (378, 0.76),),
    ((365, 0.85), (379, 0.15),), ((288, 0.28), (397, 0.72),), ((361, 0.45), (288, 0.55),),
    ((323, 0.55), (361, 0.45),), ((454, 0.78), (323, 0.22),), ((356, 1),), ((70, 0.5), (46, 0.5),),
    ((63, 0.7), (53, 0.3),), ((105, 0.5), (52, 0.5),), ((66, 0.5), (65, 0.5),), ((107, 0.5), (55, 0.5),),
    ((336, 0.5), (285, 0.5),), ((296, 0.5), (295, 0.5),), ((334, 0.5), (282, 0.5),),
    ((293, 0.7), (283, 0.3),), ((300, 0.5), (276, 0.5),), ((168, 1),), ((197, 1),), ((5, 0.6), (195, 0.4),),
    ((4, 1),), ((240, 1),), ((97, 1),), ((2, 1),), ((326, 1),), ((460, 1),), ((33, 1),),
    ((160, 0.7), (159, 0.3),), ((158, 1),), ((133, 0.5), (155, 0.5),), ((153, 1),), ((144, 1),),
    ((362, 0.5), (382, 0.5),), ((385, 1),), ((387, 0.7), (386, 0.3),), ((263, 1),), ((373, 1),),
    ((380, 1),), ((61, 1),), ((40, 0.5), (39, 0.5),), ((37, 1),), ((0, 1),), ((267, 1),),
    ((269, 0.5), (270, 0.5),), ((291, 1),), ((321, 0.5), (405, 0.5),), ((314, 1),), ((17, 1),), ((84, 1),),
    ((91, 0.5), (181, 0.5),), ((78, 1),), ((82, 1),), ((13, 1),), ((312, 1),), ((308, 1),), ((317, 1),),
    ((14, 1),), ((87, 1),),
)
# fmt: on
