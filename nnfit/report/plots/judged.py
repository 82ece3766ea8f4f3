"""Predictions against the truth: confusion, calibration, residuals, and what they rest on."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnfit.inside.pictures.importance import ERRORS, Importance
from nnfit.inside.pictures.judged import Calibration, Confusion, Residuals
from nnfit.nn.arrays import Array
from nnfit.report.figures import number
from nnfit.report.plots.style import (
    COLORS,
    FAINT,
    INK,
    SMALLEST,
    name,
    new_figure,
    ticks,
    title,
    turn_labels,
)

MAX_DETAILED = 12  # classes with counts and shares in each cell
MAX_NUMBERED = 16  # classes with counts
MAX_DOTS = 5000


def draw_confusion(picture: Confusion) -> Figure:
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
    axes.set_xlabel(f"predicted {name(picture.target)}")
    axes.set_ylabel(f"true {name(picture.target)}")
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, aspect=28, pad=0.02, shrink=0.9)
    bar.set_label("share of the true class")
    bar.set_ticks(list(np.linspace(0, 1, 5)), labels=[f"{p} %" for p in (0, 25, 50, 75, 100)])
    bar.outline.set_visible(False)
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


def draw_calibration(picture: Calibration) -> Figure:
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
    of = name(picture.of, 44)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.04, 1.04))
    axes.set_ylabel("share that came true")
    axes.legend(loc="upper left")
    ticks(axes.yaxis, n=6)
    below.bar(
        picture.edges[:-1], picture.counts, np.diff(picture.edges), align="edge",
        color=COLORS[5], edgecolor="white",
    )  # fmt: skip
    below.set_xlabel(f"probability of {of}")
    below.set_ylabel("rows")
    ticks(below.xaxis, n=11)
    ticks(below.yaxis, n=3, whole=True)
    total = int(picture.counts.sum())
    title(axes, "Calibration", f"{total:,} rows, expected calibration error {picture.error:.3f}")
    return figure


def draw_residuals(picture: Residuals) -> Figure:
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
        for part in (axes, beside):
            part.axhline(0.0, color=INK, linewidth=1.2)
        beside.hist(e, bins=_bins(e), orientation="horizontal", color=COLORS[5], edgecolor="white")
        beside.tick_params(axis="y", labelleft=False)
        beside.set_xlabel("rows")
        ticks(beside.xaxis, n=3, whole=True)
        axes.set_xlabel(f"predicted {name(target)}")
        axes.set_ylabel("predicted − true")
        ticks(axes.xaxis, n=6)
        ticks(axes.yaxis, n=6)
        rmse = number(float(np.sqrt((e**2).mean())))
        title(axes, f"Residuals of {name(target)}", f"{len(e):,} rows, rmse {rmse}")
    return figure


def _bins(e: Array) -> int:
    return int(np.clip(np.sqrt(len(e)), 8, 40))


def draw_importance(picture: Importance) -> Figure:
    """Draw a bar for each column, its spread over the shuffles as an error bar."""
    n = len(picture.columns)
    figure = new_figure(9.0, max(3.0, 0.29 * n + 1.6))
    axes = figure.subplots()
    axes.grid(axis="x")
    places = np.arange(n)
    axes.barh(
        places, picture.means, xerr=picture.spreads, color=COLORS[0], height=0.68,
        error_kw={"elinewidth": 1.6, "capsize": 3, "ecolor": INK},
    )  # fmt: skip
    axes.axvline(0.0, color=FAINT, linewidth=1)
    axes.set_yticks(places, [name(column) for column in picture.columns])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    ticks(axes.xaxis, n=6)
    metric = picture.metric.replace("_", " ")
    verb = "rises" if picture.metric in ERRORS else "falls"
    axes.set_xlabel(f"{metric} {verb} by, when the column is shuffled (± standard deviation)")
    top = f"the first {n} of {picture.n_columns} columns, " if n < picture.n_columns else ""
    title(
        axes,
        "Permutation importance",
        f"{top}{metric} {number(picture.baseline)} as they are, {picture.n_rows:,} rows",
    )
    return figure
