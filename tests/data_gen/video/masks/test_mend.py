"""A neckline is no hole; what is between arm and body is."""

from __future__ import annotations

import numpy as np

from data_gen.video.masks.mend import mended
from data_gen.video.masks.parser import Masks
from utils.faces.landmarks import MEAN_FACE

SIZE = 128
POINTS = MEAN_FACE[:, :2] * [16, -16] + [64, 30]
CHIN = int(POINTS[8, 1])


def person() -> Masks:
    """Draw head, neck and shoulders with a neckline down to 20 rows below the chin's neck."""
    yy, xx = np.mgrid[0:SIZE, 0:SIZE]
    head = ((xx - 64) / 22) ** 2 + ((yy - 35) / 28) ** 2 < 1
    neck = (np.abs(xx - 64) < 12) & (yy > CHIN) & (yy < CHIN + 12)
    cloth = (yy >= CHIN + 8) & (np.abs(xx - 64) < 50) & ~neck
    return Masks(*(255 * mask.astype(np.uint8) for mask in (head, neck & ~head, cloth & ~head)))


def torso_of(masks: Masks) -> np.ndarray:
    return np.minimum(masks.neck.astype(int) + masks.cloth, 255)


def test_skin_in_a_neckline_becomes_torso_wherever_it_was_put():
    whole = person()
    for rows in (slice(CHIN + 14, CHIN + 40), slice(CHIN + 14, SIZE)):
        for lost in (0, 255):  # to the wall, to the head
            cloth, head = whole.cloth.copy(), whole.head.copy()
            cloth[rows, 58:70] = 0
            head[rows, 58:70] = lost
            result = mended(Masks(head, whole.neck, cloth), POINTS)
            np.testing.assert_array_equal(torso_of(result), torso_of(whole))
            np.testing.assert_array_equal(result.head, whole.head)


def test_whole_masks_and_gaps_at_the_side_stay_as_they_are():
    whole = person()
    assert mended(whole, POINTS) is whole
    arm = whole.cloth.copy()
    arm[CHIN + 20 :, :14] = 0
    arm[CHIN + 30 : CHIN + 45, 14:30] = 0  # open to the side
    masks = Masks(whole.head, whole.neck, arm)
    assert mended(masks, POINTS) is masks
    nothing = Masks(*np.zeros((3, SIZE, SIZE), np.uint8))
    assert mended(nothing, POINTS) is nothing
