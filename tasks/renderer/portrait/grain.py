"""The fine grain that a drawing lacks: it lies on the skin and goes with the head.

What is finest in a filmed face correlates from one frame to the next by 0.5 to 0.8 where it stands, and by 0.7 to 0.9
where the head took it: most of it is skin, and a codec leaves little of what a camera adds in each frame.
"""

from __future__ import annotations

import numpy as np

from modules.renderer.loops.laying import roughness
from tasks.renderer.portrait.lower_face import RIGID
from utils.arrays import Bytes, Floats, Reals
from utils.faces.landmarks import MEAN_FACE

FINE = 2
"""Grains per pixel along each side, so that grain may lie between pixels without being blurred by it."""
SIDE = 512
"""Grains along each side of the pattern, which repeats."""
SOFT = 1.1
"""Deviation of a grain, in grains: encoded films have little that is finer."""
SPARSE = 6
"""Along each side, of so many pixels one is asked for its grain."""
MOST = 4.0
"""Most deviation of the grain that is added, of 255."""
MEDIAN_OF_NORMAL = 0.6745
"""The median of what is normally distributed, regardless of sign, in its deviations."""
BLUR = np.exp(-0.5 * np.arange(-2, 3, dtype=np.float32) ** 2)
BLUR /= BLUR.sum()


class Grain:
    """Make grain for pictures of one size; the same for the same frame, whatever was drawn before.

    Args:
        unit: About an eye distance in them, pixels; heads that are nearer or farther have larger or smaller grain.
    """

    def __init__(self, unit: float) -> None:
        import cv2

        field = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)
        field = np.asarray(cv2.GaussianBlur(field, (0, 0), SOFT))
        shown = field[::FINE, ::FINE]
        self._field = field / np.float32(max(float(np.std(shown - cv2.GaussianBlur(shown, (0, 0), 1.0))), 1e-6))
        self._skin = FINE * unit * MEAN_FACE[RIGID, :2] * np.array([1, -1])

    def on(self, shape: tuple[int, int], own_px: Reals) -> Floats:
        """Return grain (h, w) of deviation 1 in its finest part, lying on the face.

        Args:
            own_px: (68, 2) landmarks, pixels of the part of the picture that is asked for.
        """
        import cv2

        rigid = np.column_stack([own_px[RIGID], np.ones(len(RIGID))])
        move = np.linalg.lstsq(rigid, self._skin, rcond=None)[0].T
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(self._field, move, shape[::-1], flags=how, borderMode=cv2.BORDER_WRAP))


def lacking(true: Bytes, drawn: Bytes | Floats, mask: Floats) -> float:
    """Return the deviation of the grain that a drawing (h, w, 3) lacks against the frame, of 255.

    It is measured where `mask` (h, w) in [0, 1] is between the two, by the median, which no edge moves.
    """
    rows, columns = np.nonzero(np.abs(mask[::SPARSE, ::SPARSE] - 0.5) < 0.45)
    if not len(rows):
        return 0.0
    there, own = (
        _deviation(picture, rows * SPARSE, columns * SPARSE, np.empty((len(rows), 3), np.float32))
        for picture in (true, drawn)
    )
    return float(min(MOST, max(0.0, there**2 - own**2) ** 0.5))


def _deviation(picture: Bytes | Floats, rows: np.ndarray, columns: np.ndarray, out: Floats) -> float:
    roughness(picture, rows, columns, BLUR, out)
    return float(np.median(out)) / MEDIAN_OF_NORMAL
