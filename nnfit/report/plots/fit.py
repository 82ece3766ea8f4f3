"""Data with fitted curves, several models over each other."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnfit.inside.pictures.fit import FitCurves
from nnfit.nn.arrays import Array
from nnfit.report.phi import pretty
from nnfit.report.plots.colors import COLORS, FAINT, INK, class_colors, color, marker
from nnfit.report.plots.labels import entry, name, ticks, title
from nnfit.report.plots.style import new_figure

DASHES = ("-", "--", "-.", ":")


def draw(picture: FitCurves) -> Figure:
    """Draw data and curves, a panel for each target."""
    n = 1 if picture.classes else len(picture.targets)
    figure = new_figure(9.0, 5.4 if n == 1 else 3.2 * n + 1.2)
    all_axes = figure.subplots(n, 1, sharex=True, squeeze=False).reshape(-1)
    panel = _values if not picture.classes else _two if len(picture.classes) == 2 else _many
    handles: list[Line2D] = []
    for k, axes in enumerate(all_axes):
        axes.grid(axis="y")
        handles = panel(axes, picture, k)
        ticks(axes.yaxis)
        if picture.classes:
            axes.set_yticks(np.linspace(0.0, 1.0, 6))
    last = all_axes[-1]
    last.set_xlabel(name(picture.x))
    ticks(last.xaxis)
    last.set_xlim(picture.grid[0], picture.grid[-1])
    what = " and ".join(name(target) for target in picture.targets[:3])
    title(all_axes[0], f"{what} by {name(picture.x)}")
    long = any(len(str(handle.get_label())) > 18 for handle in handles)
    figure.legend(handles=handles, loc="outside lower left", ncols=1 if long else 4)
    figure.set_figheight(figure.get_figheight() + 0.24 * (len(handles) - 2) * long)
    return figure


def _curves(axes: Axes, picture: FitCurves, k: int) -> list[Line2D]:
    """Draw every model's curve of column `k`, those of its members thin behind it."""
    handles = []
    for i, curve in enumerate(picture.curves):
        label = entry(f"{name(curve.name)}: φ(x) = {pretty(curve.phi)}")
        dashes = DASHES[i % len(DASHES)]
        for member in curve.members:
            axes.plot(picture.grid, member[:, k], color=color(i), linewidth=0.8, alpha=0.45)
        handles += axes.plot(picture.grid, curve.values[:, k], dashes, color=color(i), label=label)
    return handles


def _values(axes: Axes, picture: FitCurves, k: int) -> list[Line2D]:
    """Draw the points and curves of target `k`."""
    y = picture.y_points[:, k]
    axes.scatter(picture.x_points, y, s=28, color=INK, alpha=_alpha(len(y)), linewidths=0)
    handles = [_dots(INK, "o", "data"), *_curves(axes, picture, k)]
    _limit(axes, y)
    axes.set_ylabel(name(picture.targets[k]))
    return handles


def _limit(axes: Axes, y: Array) -> None:
    """Cut off a curve that flies off, which would flatten the data."""
    low, high = float(y.min()), float(y.max())
    room = 0.35 * (high - low) or 1.0
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, low - room), min(top, high + room))


def _two(axes: Axes, picture: FitCurves, k: int) -> list[Line2D]:
    """Draw the second class's probability, and the rows as dots where their class is 0 or 1."""
    codes, jitter = _classes(picture)
    places = codes + np.where(codes == 1, 0.05, -0.05) + 0.025 * jitter
    target = name(picture.targets[k])
    handles = []
    for code, label in enumerate(picture.classes):
        own, shade = codes == code, ("#555555", INK)[code]
        axes.scatter(
            picture.x_points[own], places[own], s=26, marker=marker(code), color=shade,
            alpha=_alpha(len(codes)), linewidths=0,
        )  # fmt: skip
        handles.append(_dots(shade, marker(code), f"data: {target} = {name(label)}"))
    handles += _curves(axes, picture, 0)
    axes.axhline(0.5, color=FAINT, linewidth=1, linestyle=":")
    axes.set_ylabel(f"probability of {target} = {name(picture.classes[1])}")
    return handles


def _many(axes: Axes, picture: FitCurves, _: int) -> list[Line2D]:
    """Draw each class's probability, and the rows as dots below."""
    codes, jitter = _classes(picture)
    shades = class_colors(picture.classes)
    handles = []
    for code, label in enumerate(picture.classes):
        own = codes == code
        axes.scatter(
            picture.x_points[own], -0.06 - 0.035 * code + 0.01 * jitter[own], s=16,
            marker=marker(code), color=shades[code], linewidths=0,
        )  # fmt: skip
        dashes = DASHES[(code // len(COLORS)) % len(DASHES)]
        values = picture.curves[0].values[:, code]
        handles += axes.plot(
            picture.grid, values, dashes, color=shades[code], label=entry(name(label))
        )
    axes.set_ylabel("probability (rows below)")
    return handles


def _classes(picture: FitCurves) -> tuple[Array, Array]:
    """Return the rows' codes, and at random between -1 and 1 which way each dot is moved."""
    codes = picture.y_points[:, 0].astype(int)
    return codes, np.random.default_rng(0).uniform(-1.0, 1.0, len(codes))


def _dots(shade: str, shape: str, label: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker=shape, markersize=6, color=shade, label=label)


def _alpha(n: int) -> float:
    """Return how opaque one of `n` dots is: where there are many, the dense parts show."""
    return float(np.clip(40.0 / np.sqrt(max(n, 1)) / 4.0, 0.15, 0.6))
