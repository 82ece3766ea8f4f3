"""Class regions over a plane, with their boundary and the rows."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnfit.inside.pictures.boundary import Boundary
from nnfit.nn.arrays import Array
from nnfit.report.plots.colors import INK, class_colors, marker, tinted
from nnfit.report.plots.labels import entry, fixed_text, name, ticks, title, turn_labels
from nnfit.report.plots.style import color_bar, new_figure

STRONGEST = 0.62  # of a region's colour, so that its own points still stand out


def draw(picture: Boundary) -> Figure:
    """Draw the regions, stronger where the model is surer, and the rows on top."""
    figure = new_figure(9.0, 6.0)
    axes = figure.subplots()
    two = len(picture.classes) == 2
    colors = class_colors(picture.classes)
    axes.imshow(
        (_two_colors if two else _many_colors)(picture.probabilities, colors),
        extent=(picture.x.low, picture.x.high, picture.y.low, picture.y.high), origin="lower",
        aspect="auto", interpolation="nearest" if picture.steps else "bilinear",
    )  # fmt: skip
    handles = _points(axes, picture, colors)
    if two:
        handles += _line(axes, picture)
        _probability_bar(figure, axes, picture, colors)
    else:
        _edges(axes, picture)
    for axis, source in ((axes.xaxis, picture.x), (axes.yaxis, picture.y)):
        ticks(axis, source.labels)
    turn_labels(axes, picture.x.labels, 6.0)
    axes.set(xlim=(picture.x.low, picture.x.high), ylim=(picture.y.low, picture.y.high))
    axes.set(xlabel=name(picture.x.name, 48), ylabel=name(picture.y.name, 48))
    where = f"{name(picture.x.name)} and {name(picture.y.name)}"
    if "variance)" in picture.x.name:
        where = "two principal components"
    title(axes, f"{name(picture.target)} by {where}", fixed_text(picture.fixed))
    below = {"loc": "outside lower center", "ncols": len(handles)}
    beside = {"loc": "outside right upper", "title": name(picture.target)}
    figure.legend(handles=handles, alignment="left", **(below if two else beside))
    return figure


def _two_colors(p: Array, colors: list[str]) -> Array:
    """Return RGB: white at 1/2, the class's own colour where it is sure."""
    second = np.nan_to_num(p[..., 1], nan=0.5)
    strength = STRONGEST * np.abs(2.0 * second - 1.0)
    first = tinted(colors[0], strength)
    return np.where((second > 0.5)[..., None], tinted(colors[1], strength), first)


def _many_colors(p: Array, colors: list[str]) -> Array:
    """Return RGB: the most probable class's colour, fainter where others are near."""
    K = p.shape[-1]
    defined = ~np.isnan(p).any(axis=-1)
    best = np.where(defined, np.nan_to_num(p).argmax(axis=-1), 0)
    surest = np.where(defined, np.nan_to_num(p).max(axis=-1), 1.0 / K)
    strength = np.where(defined, 0.12 + (STRONGEST - 0.12) * (K * surest - 1.0) / (K - 1.0), 0.0)
    shades = np.stack([tinted(colors[k], strength) for k in range(K)])
    chosen: Array = np.take_along_axis(shades, best[None, ..., None], axis=0)[0]
    return chosen


def _points(axes: Axes, picture: Boundary, colors: list[str]) -> list[Line2D]:
    rng = np.random.default_rng(0)
    x, y = (  # places in a category lie side by side
        axis.points + (rng.uniform(-0.3, 0.3, len(axis.points)) if axis.labels else 0.0)
        for axis in (picture.x, picture.y)
    )
    n, two = len(picture.codes), len(picture.classes) == 2
    size = float(np.clip(9000.0 / max(n, 1), 12.0, 44.0))
    for k in range(len(picture.classes)):
        own = picture.codes == k
        on_top = own.sum() < n / 20  # the few above the many
        axes.scatter(
            x[own], y[own], s=size, marker=marker(k), color=colors[k], edgecolors="white",
            linewidths=0.7, alpha=0.95 if n < 600 else 0.7, zorder=3 + on_top,
        )  # fmt: skip
    return [
        Line2D([], [], linestyle="none", marker=marker(k), markersize=8, color=colors[k],
               label=entry(f"{name(picture.target)} = {name(label)}" if two else name(label)))
        for k, label in enumerate(picture.classes)
    ]  # fmt: skip


def _line(axes: Axes, picture: Boundary) -> list[Line2D]:
    odds = np.ma.masked_invalid(picture.log_odds)
    if picture.steps or odds.count() == 0 or odds.min() * odds.max() > 0:
        return []
    axes.contour(picture.x_grid, picture.y_grid, odds, [0.0], colors=INK, linewidths=2.4)
    # log 3 is the log odds of 3/4
    axes.contour(
        picture.x_grid, picture.y_grid, odds, [-np.log(3.0), np.log(3.0)],
        colors=INK, linewidths=1.0, linestyles="dotted",
    )  # fmt: skip
    equation = "φ(x)·w = 0" if picture.through_sigmoid else "as likely"
    return [
        Line2D([], [], color=INK, label=f"{equation}, p = ½"),
        Line2D([], [], color=INK, linewidth=1.0, linestyle=":", label="p = ¼ and ¾"),
    ]


def _probability_bar(figure: Figure, axes: Axes, picture: Boundary, colors: list[str]) -> None:
    steps = np.linspace(0.0, 1.0, 101)
    shades = _two_colors(np.column_stack([1.0 - steps, steps]), colors)
    mapped = ScalarMappable(Normalize(0, 1), LinearSegmentedColormap.from_list("p", shades))
    of = f"{name(picture.target)} = {name(picture.classes[1])}"
    color_bar(figure, mapped, axes, f"probability of {of}")


def _edges(axes: Axes, picture: Boundary) -> None:
    """Draw thin lines where the most probable class changes."""
    if picture.steps:
        return
    p = picture.probabilities
    for k in range(p.shape[-1]):
        others = np.delete(p, k, axis=-1).max(axis=-1)
        lead = np.ma.masked_invalid(p[..., k] - others)
        if lead.count() and lead.min() < 0.0 < lead.max():
            axes.contour(picture.x_grid, picture.y_grid, lead, [0.0], colors=INK, linewidths=1.2)
