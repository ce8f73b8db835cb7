"""The mark is found after what happens to films, and not where none is; on a made scene with edges and grain."""

import numpy as np
import pytest

from utils.media.marks.detector import SURE, TRIALS, Finding, residual, search
from utils.media.marks.pattern import Stamp, Word
from utils.media.pictures import fitted

WORD = Word("dub", "0a1b2c")


def scene_of(side):
    """Return a picture (side, side, 3) with soft shapes, hard edges and a camera's grain."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    disc = (rows - 120) ** 2 + (columns - 140) ** 2 < 5000
    grey = 120 + 40 * np.sin(rows / 37) + 30 * np.cos(columns / 23) + 60 * disc
    grey = grey + rng.normal(scale=3, size=grey.shape)
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def scene():
    return scene_of(256)


@pytest.fixture(scope="module")
def marked(scene):
    return Stamp(WORD, 256, 256).on(scene)


def test_the_word_is_read_as_it_was_written(marked):
    found = search(residual(marked))
    assert (found.is_there, found.word, found.size) == (True, WORD, 1.0)


@pytest.mark.parametrize(
    "attacked",
    [
        pytest.param(lambda p: p[13:218, 31:236], id="a crop of 80 %"),
        pytest.param(lambda p: fitted(p, 128, 128), id="half size"),
        pytest.param(lambda p: fitted(p, 330, 330), id="larger, by no round number"),
        pytest.param(lambda p: (0.8 * p + 20).astype(np.uint8), id="paler"),
        pytest.param(lambda p: 255 - (255 - p) // 8 * 8, id="few levels"),
    ],
)
def test_it_survives(marked, attacked):
    assert search(residual(attacked(marked))).word == WORD


def test_a_drawn_part_is_found_wherever_it_lies():
    true = scene_of(416)
    where = np.zeros((416, 416), np.bool_)
    where[219:379, 37:197] = True
    dub = Stamp(WORD, 416, 416).on(true, where)
    assert (dub == true)[~where].all()
    assert search(residual(dub)).word == WORD


def test_nothing_is_found_where_nothing_is(scene):
    found = search(residual(scene))
    assert not found.is_there
    assert found.score < SURE


@pytest.mark.parametrize("picture", [np.zeros((64, 64, 3), np.uint8), np.full((9, 300, 3), 255, np.uint8)])
def test_pictures_of_one_colour_hold_nothing(picture):
    assert not search(residual(picture)).is_there


def test_chance_alone_is_as_the_threshold_says():
    """Correlations of noise are normal with variance 1, which is what the rate of false alarms is counted from."""
    from utils.media.marks.detector import _FIXED_WAVES, _whitened

    rng = np.random.default_rng(2)
    for _ in range(3):
        products = _whitened(rng.normal(size=(256, 256)).astype(np.float32), 1.0) * _FIXED_WAVES
        deviation = np.sqrt((np.abs(products) ** 2).sum() / 2)
        products[:, 1:-1] *= 0.5
        surface = np.fft.irfft2(products, s=(128, 128)) * 128 * 128 / deviation
        assert surface.std() == pytest.approx(1, abs=0.02)
        assert np.abs(surface).max() < 5.5
    assert TRIALS < 4_000_000


def test_a_finding_needs_a_word_or_certainty():
    assert not Finding(SURE - 0.1).is_there
    assert Finding(SURE).is_there
    assert Finding(5.0, WORD).is_there
