"""The share of rows in intervals or sets against the one asked for, and how wide they are."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from nnfit.inside.pictures.intervals import Intervals
from nnfit.report.figures import number
from nnfit.report.plots.colors import COLORS, FAINT, INK
from nnfit.report.plots.labels import name, ticks, title
from nnfit.report.plots.style import new_figure

MAX_DOTS = 3000
BANDS = (0.5, 0.8, 0.95)


def draw(picture: Intervals) -> Figure:
    """Draw coverage, and beside it the bands over the predictions, or the sizes of the sets."""
    T = len(picture.names)
    figure = new_figure(10.0, 4.8 if T == 1 else 3.6 * T + 0.4)
    grid = figure.subplots(T, 2, squeeze=False)
    for k, target in enumerate(picture.names):
        left, right = grid[k]
        left.grid()
        left.plot([0, 1], [0, 1], color=FAINT, linewidth=1.4, linestyle="--", label="as asked for")
        covered = picture.covered[:, k]
        reach = np.maximum([covered - picture.low[:, k], picture.high[:, k] - covered], 0.0)
        left.errorbar(
            picture.shares, covered, yerr=reach, fmt="o-", color=COLORS[0], markersize=4,
            capsize=2, elinewidth=1.0, label="found, 95 % interval",
        )  # fmt: skip
        left.set(xlim=(0, 1), ylim=(0, 1.04), xlabel="share asked for", ylabel="share of rows")
        left.legend(loc="lower right")
        title(left, f"Coverage of {name(target)}", f"{picture.n_rows:,} rows")
        right.grid(axis="y")
        if picture.predicted is None or picture.truth is None:
            right.plot(picture.shares, picture.widths[:, k], "o-", color=COLORS[0], markersize=4)
            right.set(xlim=(0, 1), xlabel="share asked for", ylabel="labels in a set, mean")
            title(right, "Size of the sets", f"from {picture.which}")
            continue
        places = np.linspace(0, picture.n_rows - 1, min(picture.n_rows, MAX_DOTS)).astype(int)
        y_hat = picture.predicted[places, k]
        right.scatter(
            y_hat, picture.truth[places, k] - y_hat, s=18, color=COLORS[0], linewidths=0,
            alpha=float(np.clip(14.0 / np.sqrt(len(places)), 0.12, 0.7)),
        )  # fmt: skip
        for share, shade in zip(BANDS, (0.28, 0.18, 0.1), strict=True):
            at = np.flatnonzero(np.isclose(picture.shares, share))
            if len(at):
                half = picture.widths[at[0], k] / 2.0
                right.axhspan(
                    -half, half, color=COLORS[5], alpha=shade, linewidth=0,
                    label=f"{100 * share:.0f} %: ± {number(float(half))}",
                )  # fmt: skip
        right.axhline(0.0, color=INK, linewidth=1.2)
        right.legend(loc="upper left", ncols=3, fontsize="small")
        right.set_ylim(top=1.35 * right.get_ylim()[1])
        right.set(xlabel=f"predicted {name(target)}", ylabel="true − predicted")
        ticks(right.xaxis, n=6)
        ticks(right.yaxis, n=6)
        title(right, "Intervals", f"from {picture.which}")
    return figure
