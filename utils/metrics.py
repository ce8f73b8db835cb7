"""How near a picture is to the true one (PSNR, SSIM), and how alike two series of numbers are.

Pictures are RGB uint8 (H, W, 3). A box is (x0, y0, x1, y1) in pixels, the corner x1, y1 excluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from utils.arrays import Bytes, Numbers, Reals

Box = tuple[int, int, int, int]


def crop(picture: Bytes, box: Box | None) -> Bytes:
    """Cut a box out of a picture (H, W, ...); None leaves it whole. A box beyond the border is cut at it."""
    if box is None:
        return picture
    x0, y0, x1, y1 = box
    return picture[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]


def points_box(points: Reals, margin: float, height: int, width: int) -> Box:
    """Return the box around points (N, 2), widened by `margin` of its larger side, inside the picture.

    A box always holds at least one pixel.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    extra = margin * float((high - low).max())
    x0, y0 = (int(v) for v in np.floor(low - extra))
    x1, y1 = (int(v) for v in np.ceil(high + extra))
    x0, y0 = min(max(x0, 0), width - 1), min(max(y0, 0), height - 1)
    return x0, y0, min(max(x1, x0 + 1), width), min(max(y1, y0 + 1), height)


def psnr(picture: Bytes, truth: Bytes, box: Box | None = None) -> float:
    """Return the peak signal-to-noise ratio of pictures (H, W, 3) uint8 in decibels; 100, the most, when equal."""
    import cv2  # skimage's own imports all of scipy.stats

    a, b = (np.ascontiguousarray(crop(p, box)) for p in (picture, truth))
    return min(100.0, cv2.PSNR(a, b))


def ssim(picture: Bytes, truth: Bytes, box: Box | None = None) -> float:
    """Return the structural similarity, at most 1, of pictures (H, W, 3) uint8.

    A Gaussian window of deviation 1.5, mean over the colours. Ours, because skimage's leaves out a border of 5 pixels,
    which is half of a small mouth box, refuses pictures of fewer than 11 and weighs the border otherwise: its figures
    differ in the third or fourth place.
    """
    import cv2

    a, b = (crop(p, box).astype(np.float64) for p in (picture, truth))

    def mean(x: Reals) -> Reals:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5))

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    both = mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(
        (((2 * mean_a * mean_b + c1) * (2 * both + c2)) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean()
    )


def correlation(a: Reals, b: Reals) -> float:
    """Return Pearson's correlation of (n,) and (n,) over the entries that both have; NaN when either does not vary."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 3 or a[both].std() < 1e-9 or b[both].std() < 1e-9:
        return float("nan")
    return float(np.corrcoef(a[both], b[both])[0, 1])


def concordance(a: Reals, b: Reals) -> float:
    """Return Lin's concordance over the entries that both have: the correlation, less for another mean or spread.

    NaN when either does not vary (Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility", 1989).
    """
    both = np.isfinite(a) & np.isfinite(b)
    if np.isnan(correlation(a, b)):
        return float("nan")
    x, y = a[both], b[both]
    shared = 2 * float(((x - x.mean()) * (y - y.mean())).mean())
    return shared / float(x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def auc(scores: Reals, labels: Numbers) -> float:
    """Return the chance that a row labelled true scores higher than one labelled false; a tie counts half.

    Args:
        scores: (N,), any unit.
        labels: (N,) true or false.

    Returns:
        0.5 for guessing, 1 when every true row scores higher; NaN when either kind is missing.
    """
    return next(weighted_aucs(scores, labels, [np.ones(len(scores))]))


def weighted_aucs(scores: Reals, labels: Numbers, weights: Iterable[Reals]) -> Iterator[float]:
    """Yield the `auc` for every weighting (N,) of the same rows (how often each was drawn); they are sorted once."""
    _, place = np.unique(scores, return_inverse=True)
    true = np.asarray(labels, bool)
    for weight in weights:
        own = np.bincount(place, weight * true)
        other = np.bincount(place, weight * ~true)
        pairs = own.sum() * other.sum()
        yield float((own * (other.cumsum() - other / 2)).sum() / pairs) if pairs > 0 else float("nan")
