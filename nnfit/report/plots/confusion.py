"""Counts of true and predicted classes, and their shares as shades."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnfit.inside.pictures.confusion import Confusion
from nnfit.report.plots.colors import INK
from nnfit.report.plots.labels import SMALLEST, name, ticks, title, turn_labels
from nnfit.report.plots.style import color_bar, new_figure

MAX_DETAILED = 12  # classes with counts and shares in each cell
MAX_NUMBERED = 16  # classes with counts


def draw(picture: Confusion) -> Figure:
    """Draw counts, and the shares of each true class as shades."""
    K = len(picture.classes)
    cell = 0.72 if K <= 8 else 0.6 if K <= MAX_DETAILED else 0.45 if K <= MAX_NUMBERED else 0.17
    side = max(3.2 if K <= MAX_NUMBERED else 6.2, cell * K)
    figure = new_figure(side + 2.6, side + 1.4)
    axes = figure.subplots()
    shares = picture.shares
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    if K <= MAX_NUMBERED:
        for i in range(K):
            for j in range(K):
                _cell(axes, i, j, int(picture.counts[i, j]), float(shares[i, j]), K)
    for axis in (axes.xaxis, axes.yaxis):
        ticks(axis, picture.classes)
    axes.tick_params(length=0, labelsize=11.5 if K <= MAX_NUMBERED else SMALLEST)
    turn_labels(axes, picture.classes, side)
    target = name(picture.target)
    axes.set(xlabel=f"predicted {target}", ylabel=f"true {target}")
    axes.spines[:].set_visible(False)
    bar = color_bar(figure, image, axes, "share of the true class", shrink=0.9)
    bar.set_ticks(list(np.linspace(0, 1, 5)), labels=[f"{p} %" for p in (0, 25, 50, 75, 100)])
    n = int(picture.counts.sum())
    right = 100.0 * float(np.trace(picture.counts)) / max(n, 1)
    title(axes, "Confusion matrix", f"{n:,} rows, {right:.1f} % right")
    return figure


def _cell(axes: Axes, i: int, j: int, n: int, share: float, K: int) -> None:
    if not n and K > 8:
        return
    shade = "white" if share > 0.55 else INK if n else "#AAAAAA"
    detailed = K <= MAX_DETAILED and n > 0
    text = f"{n:,}\n{100 * share:.0f} %" if detailed else f"{n:,}"
    size = 12.0 if K <= 8 else SMALLEST
    axes.text(j, i, text, ha="center", va="center", fontsize=size, color=shade)
