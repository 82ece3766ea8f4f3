"""How often predicted probabilities come true, and how many rows say so."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from nnfit.inside.pictures.calibration import Calibration
from nnfit.report.plots.colors import COLORS, FAINT
from nnfit.report.plots.labels import name, ticks, title
from nnfit.report.plots.style import new_figure


def draw(picture: Calibration) -> Figure:
    """Draw the observed against the predicted share, and how many rows each bin holds."""
    figure = new_figure(7.0, 6.4)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1.0))
    axes.grid()
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1.4, linestyle="--", label="perfect")
    some = picture.counts > 0
    p = picture.observed[some]
    reach = np.maximum([p - picture.low[some], picture.high[some] - p], 0.0)
    axes.errorbar(
        picture.predicted[some], p, yerr=reach, fmt="o-", color=COLORS[0],
        markersize=7, capsize=4, elinewidth=1.4, label="model, 95 % interval",
    )  # fmt: skip
    if (before := picture.before) is not None:
        some = before.counts > 0
        axes.plot(
            before.predicted[some], before.observed[some], "o--", color=COLORS[1], markersize=5,
            linewidth=1.2, label=f"before, error {before.error:.3f}",
        )  # fmt: skip
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.04, 1.04), ylabel="share that came true")
    axes.legend(loc="upper left")
    ticks(axes.yaxis, n=6)
    below.bar(
        picture.edges[:-1], picture.counts, np.diff(picture.edges), align="edge",
        color=COLORS[5], edgecolor="white",
    )  # fmt: skip
    below.set(xlabel=f"probability of {name(picture.of, 44)}", ylabel="rows")
    ticks(below.xaxis, n=11)
    ticks(below.yaxis, n=3, whole=True)
    total = int(picture.counts.sum())
    said = f"{total:,} rows, expected calibration error {picture.error:.3f}"
    if picture.before is not None:
        said += f", temperature {picture.temperature:.3g}"
    title(axes, "Calibration", said)
    return figure
