"""Curves over time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from utils.arrays import Bytes
from utils.drawing.canvas import SEQUENCE_COLOURS
from utils.drawing.landmarks import as_landmarks
from utils.faces.landmarks import mouth_opening


def plot_curves(
    curves: Mapping[str, np.ndarray],
    title: str = "",
    *,
    ylabel: str = "",
    xlabel: str = "seconds",
    fps: float = 25.0,
    first: float = 0.0,
    size: tuple[int, int] = (900, 300),
) -> Bytes:
    """Plot named curves (T,), over time in seconds where nothing else is said, as a picture.

    Args:
        curves: Label -> one value a frame; the lengths may differ, NaN leaves a gap.
        title: Line above the plot.
        ylabel: What is plotted, with its unit.
        xlabel: Over what, with its unit.
        fps: Values a second, or a unit of `xlabel`.
        first: Where the first value stands, in that unit.
        size: Width and height of the picture in pixels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] / 100, size[1] / 100), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for order, (name, values) in enumerate(curves.items()):
        colour = np.array(SEQUENCE_COLOURS[order % len(SEQUENCE_COLOURS)]) / 255
        axes.plot(first + np.arange(len(values)) / fps, values, label=name, color=colour, linewidth=1.2)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.grid(alpha=0.3)
    axes.margins(x=0)
    if curves:
        axes.legend(loc="upper right", fontsize="small")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def plot_lip_opening(sequences: Mapping[str, np.ndarray], title: str = "lip opening") -> Bytes:
    """Plot how far the lips are open in several `landmarks` sequences (T, 68, 3); the first is the reference.

    With two or more, the title gives each one's correlation with the first over the frames they share.
    """
    curves = {name: mouth_opening(as_landmarks(values)) for name, values in sequences.items()}
    first = next(iter(curves.values()))
    for name, values in list(curves.items())[1:]:
        n = min(len(first), len(values))
        if n > 2 and first[:n].std() > 0 and values[:n].std() > 0:
            title += f"   r({name}) = {np.corrcoef(first[:n], values[:n])[0, 1]:.2f}"
    return plot_curves(curves, title, ylabel="tenths of an eye distance")
