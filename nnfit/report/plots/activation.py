"""Activations with their derivatives, a panel for each, all on one scale."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnfit.inside.pictures.activation import REACH, Activation, Activations
from nnfit.report.plots.colors import COLORS, FAINT, INK
from nnfit.report.plots.labels import SMALLEST, ticks
from nnfit.report.plots.style import new_figure, panels

VALUE, SLOPE = COLORS[0], COLORS[3]
VISIBLE = 1e-6  # a jump that is more than rounding


def draw(picture: Activations) -> Figure:
    """Draw σ and σ′; a kink is a dotted line, with a ring where the slope jumps away from."""
    n = len(picture.shown)
    columns = min(n, 4)
    rows = -(-n // columns)
    figure = new_figure(max(3.1 * columns, 5.0), 2.9 * rows + 1.0)
    grid = panels(figure, n, columns, sharex=True, sharey=True)
    texts = [textwrap.wrap(f"σ = {one.meaning}", 40) for one in picture.shown]
    room = 6.0 + 12.5 * max(map(len, texts))
    for axes, one, lines in zip(grid, picture.shown, texts, strict=True):
        _panel(axes, one)
        axes.set_title(one.name, fontsize=13, pad=room, fontweight="medium")
        axes.annotate(
            "\n".join(lines), (0.0, 1.0), (0.0, 3.0), xycoords="axes fraction",
            textcoords="offset points", fontsize=SMALLEST, color=INK,
        )  # fmt: skip
    for axes in grid[max(0, n - columns) :]:
        axes.set_xlabel("z")
        axes.tick_params(labelbottom=True)
    handles = [
        Line2D([], [], color=VALUE, label="σ(z)"),
        Line2D([], [], color=SLOPE, linestyle="--", label="its derivative σ′(z)"),
    ]
    if any(one.kinks for one in picture.shown):
        handles += [
            Line2D([], [], color=FAINT, linestyle=":", linewidth=1.4, label="kink"),
            Line2D([], [], color=SLOPE, marker="o", linestyle="none", label="σ′ used at the kink"),
        ]
    figure.legend(handles=handles, loc="outside lower left", ncols=4 if columns > 2 else 2)
    return figure


def _panel(axes: Axes, one: Activation) -> None:
    axes.axhline(0.0, color="#CCCCCC", linewidth=1, zorder=1)
    axes.axvline(0.0, color="#EEEEEE", linewidth=1, zorder=0)
    axes.plot(one.z, one.value, color=VALUE, zorder=3)
    axes.plot(one.z, one.slope, "--", color=SLOPE, linewidth=2.0, zorder=4)
    for kink, (left, right, used) in zip(one.kinks, one.jumps, strict=True):
        axes.axvline(kink, color=FAINT, linewidth=1.4, linestyle=":", zorder=2)
        for side in (left, right):
            if abs(side - used) > VISIBLE:
                axes.plot(
                    kink, side, marker="o", markersize=7, color="white", markeredgecolor=SLOPE,
                    markeredgewidth=1.6, zorder=5,
                )  # fmt: skip
        axes.plot(kink, used, marker="o", markersize=7, color=SLOPE, zorder=6)
    axes.set(xlim=(-REACH, REACH), ylim=(-2.2, 3.2))
    ticks(axes.xaxis, n=5, whole=True)
    ticks(axes.yaxis, n=6, whole=True)
