"""What is left between predictions and truth, over the predictions and as a histogram."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from nnfit.inside.pictures.residuals import Residuals
from nnfit.nn.arrays import Array
from nnfit.report.figures import number
from nnfit.report.plots.colors import COLORS, INK
from nnfit.report.plots.labels import name, ticks, title
from nnfit.report.plots.style import new_figure

MAX_DOTS = 5000


def draw(picture: Residuals) -> Figure:
    """Draw residuals over predictions, and their histogram beside, for each target."""
    K = len(picture.targets)
    figure = new_figure(10.0, 4.8 if K == 1 else 3.6 * K + 0.4)
    grid = figure.subplots(K, 2, width_ratios=(3.0, 1.0), squeeze=False, sharey="row")
    places = np.arange(len(picture.predicted))
    if len(places) > MAX_DOTS:
        places = np.random.default_rng(0).choice(places, MAX_DOTS, replace=False)
    for k, target in enumerate(picture.targets):
        axes, beside = grid[k]
        e = picture.residuals[:, k]
        axes.grid(axis="y")
        axes.scatter(
            picture.predicted[places, k], e[places], s=22, color=COLORS[0], linewidths=0,
            alpha=float(np.clip(14.0 / np.sqrt(len(places)), 0.12, 0.7)),
        )  # fmt: skip
        for panel in (axes, beside):
            panel.axhline(0.0, color=INK, linewidth=1.2)
        beside.hist(
            e, bins=list(_bins(e)), orientation="horizontal", color=COLORS[5], edgecolor="white"
        )
        beside.tick_params(axis="y", labelleft=False)
        beside.set_xlabel("rows")
        ticks(beside.xaxis, n=3, whole=True)
        axes.set(xlabel=f"predicted {name(target)}", ylabel="predicted − true")
        ticks(axes.xaxis, n=6)
        ticks(axes.yaxis, n=6)
        rmse = number(float(np.sqrt((e**2).mean())))
        title(axes, f"Residuals of {name(target)}", f"{len(e):,} rows, rmse {rmse}")
    return figure


def _bins(e: Array) -> Array:
    """Return the edges of the bins, not so near to each other that they are the same number."""
    low, high = e.min(), e.max()
    apart = max(1e-9 * np.abs(e).max(), 0.5 * (low == high))
    if high - low < apart:
        low, high = low - apart, high + apart
    return np.linspace(low, high, int(np.clip(np.sqrt(len(e)), 8, 40)) + 1)
