"""Curves become a picture."""

from __future__ import annotations

import numpy as np

from tests.utils.drawing.test_landmarks import talking
from utils.drawing.curves import plot_curves, plot_lip_opening


def test_curves_become_a_picture():
    picture = plot_lip_opening({"true": talking(30), "predicted": talking(20)})
    assert picture.shape == (300, 900, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 5


def test_an_axis_says_what_it_is_over(monkeypatch):
    axes = []
    monkeypatch.setattr("matplotlib.figure.Figure.add_subplot", _kept(axes))
    plot_curves({"a": np.arange(5)}, xlabel="offset (frames)", fps=1.0, first=-2)
    plot_curves({"a": np.arange(50)})
    assert [one.get_xlabel() for one in axes] == ["offset (frames)", "seconds"]
    assert axes[0].lines[0].get_xdata().tolist() == [-2, -1, 0, 1, 2]
    assert axes[1].lines[0].get_xdata()[-1] == 49 / 25


def _kept(axes):
    from matplotlib.figure import Figure

    add = Figure.add_subplot

    def added(*words, **more):
        axes.append(add(*words, **more))
        return axes[-1]

    return added
