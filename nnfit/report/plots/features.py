"""What hidden units compute, a small panel for each, on a scale of its own."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnfit.inside.pictures.features import Units
from nnfit.report.plots.colors import DIVERGING, INK, LIGHT, color
from nnfit.report.plots.labels import SMALLEST, fixed_text, name, plain, ticks, units_text
from nnfit.report.plots.style import color_bar, new_figure, panels


def draw(picture: Units) -> Figure:
    """Draw each unit's activation in a small panel; how far its scale goes stands above it."""
    n = len(picture.values)
    flat = len(picture.axes) == 1
    columns = min(int(np.ceil(np.sqrt(n * 1.6))), 8)
    rows = -(-n // columns)
    size = 2.4 if columns <= 4 else 1.25
    figure = new_figure(max(columns * size + 1.6, 6.5), rows * size * (0.8 if flat else 1.0) + 1.9)
    grid = panels(figure, n, columns, sharex=True, sharey=not flat)
    if flat:
        _curves(grid, picture)
    else:
        _maps(figure, grid, picture)
    for i, (axes, largest) in enumerate(zip(grid, picture.largest, strict=True)):
        reach = f"to {plain(float(f'{largest:.2g}'))}" if largest else "always 0"
        axes.set_title(f"{i + 1}: {reach}", fontsize=SMALLEST, loc="center", pad=3, color=INK)
        for axis, source in zip((axes.xaxis, axes.yaxis), picture.axes, strict=False):
            ticks(axis, source.labels, n=3)
            if source.labels and len(source.labels) > 3:
                axis.set_ticks([])
        axes.tick_params(labelsize=SMALLEST, length=2)
        if flat:
            axes.set_yticks([])
        elif size < 2.0:
            axes.set(xticks=[], yticks=[])
    figure.supxlabel(name(picture.axes[0].name, 48))
    figure.supylabel(f"{picture.activation} unit" if flat else name(picture.axes[1].name, 48))
    below = fixed_text(picture.fixed)
    shown = units_text(n, picture.n_units)
    text = f"Hidden layer {picture.layer}: {shown}, {picture.activation}"
    figure.suptitle(f"{text}\n{below}" if below else text, fontsize=14)
    where = "z = 0, where a unit bends" if picture.bends else "z = 0"
    handles = [
        Line2D([], [], color=INK, linewidth=1.2, linestyle=":" if flat else "-", label=where)
    ]
    figure.legend(handles=handles, loc="outside lower left")
    return figure


def _curves(grid: list[Axes], picture: Units) -> None:
    x = picture.grids[0]
    for axes, values, z in zip(grid, picture.values, picture.z, strict=True):
        axes.axhline(0.0, color="#BBBBBB", linewidth=1)
        axes.plot(x, values, color=color(0), linewidth=2)
        for k in np.flatnonzero(z[:-1] * z[1:] < 0.0):
            at = x[k] - z[k] * (x[k + 1] - x[k]) / (z[k + 1] - z[k])
            axes.axvline(at, color=INK, linewidth=1.2, linestyle=":")


def _maps(figure: Figure, grid: list[Axes], picture: Units) -> None:
    x, y = picture.axes
    below = bool((picture.values < 0.0).any())
    shades, scale = (DIVERGING, Normalize(-1.0, 1.0)) if below else (LIGHT, Normalize(0.0, 1.0))
    steps = bool(x.labels or y.labels)
    for axes, values, z, largest in zip(
        grid, picture.values, picture.z, picture.largest, strict=True
    ):
        axes.imshow(
            values / (largest or 1.0), shades, scale, extent=(x.low, x.high, y.low, y.high),
            origin="lower", aspect="auto", interpolation="nearest" if steps else "bilinear",
        )  # fmt: skip
        if not steps and (z < 0.0).any() and (z > 0.0).any():
            known = np.ma.masked_invalid(z)
            axes.contour(*picture.grids, known, [0.0], colors=INK, linewidths=1.2)
    color_bar(
        figure, grid[0].images[0], grid, "activation a, as a share of the unit's largest", aspect=30
    )
