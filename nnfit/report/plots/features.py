"""What hidden units compute, a small panel for each."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from nnfit.inside.pictures.features import Units
from nnfit.report.plots.colors import DIVERGING, INK, SEQUENTIAL, color
from nnfit.report.plots.labels import SMALLEST, fixed_text, name, ticks, units_text
from nnfit.report.plots.style import color_bar, new_figure, panels


def draw(picture: Units) -> Figure:
    """Draw each unit's activation in a small panel of its own, all on one scale."""
    n = len(picture.values)
    flat = len(picture.axes) == 1
    columns = min(int(np.ceil(np.sqrt(n * 1.6))), 8)
    rows = -(-n // columns)
    size = 2.4 if columns <= 4 else 1.25
    figure = new_figure(max(columns * size + 1.6, 6.5), rows * size * (0.8 if flat else 1.0) + 1.5)
    grid = panels(figure, n, columns, sharex=True, sharey=True)
    if flat:
        _curves(grid, picture)
    else:
        _maps(figure, grid, picture)
    for i, axes in enumerate(grid):
        axes.set_title(str(i + 1), fontsize=SMALLEST, loc="center", pad=3, color=INK)
        for axis, source in zip((axes.xaxis, axes.yaxis), picture.axes, strict=False):
            ticks(axis, source.labels, n=3)
            if source.labels and len(source.labels) > 3:
                axis.set_ticks([])
        axes.tick_params(labelsize=SMALLEST, length=2)
        if size < 2.0 and len(picture.axes) == 2:
            axes.set(xticks=[], yticks=[])
    figure.supxlabel(name(picture.axes[0].name, 48))
    figure.supylabel(f"{picture.activation} unit" if flat else name(picture.axes[1].name, 48))
    below = fixed_text(picture.fixed)
    shown = units_text(n, picture.n_units)
    text = f"Hidden layer {picture.layer}: {shown}, {picture.activation}"
    figure.suptitle(f"{text}\n{below}" if below else text, fontsize=14)
    return figure


def _curves(grid: list[Axes], picture: Units) -> None:
    for axes, values in zip(grid, picture.values, strict=True):
        axes.axhline(0.0, color="#BBBBBB", linewidth=1)
        axes.plot(picture.grids[0], values, color=color(0), linewidth=2)


def _maps(figure: Figure, grid: list[Axes], picture: Units) -> None:
    x, y = picture.axes
    low, high = float(np.nanmin(picture.values)), float(np.nanmax(picture.values))
    largest = max(abs(low), abs(high)) or 1.0
    shades = SEQUENTIAL if low >= 0.0 else DIVERGING
    scale = Normalize(0.0 if low >= 0.0 else -largest, largest)
    extent = (x.low, x.high, y.low, y.high)
    for axes, values in zip(grid, picture.values, strict=True):
        axes.imshow(values, shades, scale, extent=extent, origin="lower", aspect="auto")
    color_bar(figure, grid[0].images[0], grid, "activation a", aspect=30)
