"""Ratios and correlations of faces, worked by hand."""

from __future__ import annotations

import numpy as np

from tasks.speech_to_face.shapes import RATIOS, cosine_with_others, ratios


def test_the_cosine_with_another_person_is_never_with_the_same():
    cosine = np.array([[1.0, 0.9, 0.1], [0.8, 1.0, 0.3], [0.2, 0.4, 1.0]])
    np.testing.assert_allclose(cosine_with_others(cosine, np.array([5, 5, 2])), [0.1, 0.3, 0.3])
    assert len(cosine_with_others(cosine, np.zeros(3))) == 0


def test_ratios_do_not_depend_on_size_and_place():
    points = np.random.default_rng(0).random((3, 68, 2))
    for name, values in ratios(points).items():
        np.testing.assert_allclose(values, ratios(5 * points + 2)[name], err_msg=name)
    assert len(RATIOS) == 10
