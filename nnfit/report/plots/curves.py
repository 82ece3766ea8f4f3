"""The loss over the epochs, and data with fitted curves."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnfit.inside.pictures.curves import FitCurves, LossCurves
from nnfit.nn.arrays import Array
from nnfit.report.figures import WIDE_RANGE
from nnfit.report.phi import pretty
from nnfit.report.plots.style import (
    COLORS,
    FAINT,
    INK,
    class_colors,
    color,
    entry,
    log_axis,
    marker,
    name,
    new_figure,
    ticks,
    title,
)

DASHES = ("-", "--", "-.", ":")


def draw_loss(picture: LossCurves) -> Figure:
    """Draw training and validation loss, and where the kept weights come from."""
    figure = new_figure(9.0, 5.0)
    axes = figure.subplots()
    axes.grid(axis="y")
    series = [("training", picture.train, COLORS[0], "-")]
    if picture.validation is not None:
        series.append(("validation", picture.validation, COLORS[1], "--"))
    few, many = len(picture.epochs) < 20, len(picture.epochs) > 150
    for label, values, shade, dashes in series:
        axes.plot(
            picture.epochs,
            values,
            dashes,
            color=shade,
            label=label,
            marker="o" if few else None,
            markersize=5,
            linewidth=1.5 if many else None,
        )
    all_values = np.concatenate([values[np.isfinite(values)] for _, values, _, _ in series])
    if all_values.min() > 0 and all_values.max() > WIDE_RANGE * all_values.min():
        log_axis(axes.yaxis)
    else:
        ticks(axes.yaxis)
    if picture.validation is not None and picture.best_epoch:
        at = int(np.flatnonzero(picture.epochs == picture.best_epoch)[0])
        best = float(picture.validation[at])
        axes.plot(
            picture.best_epoch,
            best,
            marker="*",
            markersize=17,
            linestyle="none",
            color=COLORS[3],
            markeredgecolor="white",
            zorder=5,
            label=f"best: epoch {picture.best_epoch}, {best:.4g}",
        )
        axes.axvline(picture.best_epoch, color=FAINT, linewidth=1, linestyle=":", zorder=1)
    ticks(axes.xaxis, whole=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"loss ({picture.loss})" if len(picture.loss) < 30 else "loss")
    title(axes, "Loss while training", "" if len(picture.loss) < 30 else picture.loss)
    axes.legend(loc="upper right")
    return figure


def draw_fit(picture: FitCurves) -> Figure:
    """Draw data and curves, a panel for each target."""
    n = 1 if picture.classes else len(picture.targets)
    figure = new_figure(9.0, 5.4 if n == 1 else 3.2 * n + 1.2)
    all_axes = figure.subplots(n, 1, sharex=True, squeeze=False).reshape(-1)
    handles: list[Line2D] = []
    for k, axes in enumerate(all_axes):
        handles = _classes(axes, picture) if picture.classes else _values(axes, picture, k)
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


def _curve_label(picture: FitCurves, i: int) -> str:
    curve = picture.curves[i]
    return entry(f"{name(curve.name)}: φ(x) = {pretty(curve.phi)}")


def _values(axes: Axes, picture: FitCurves, k: int) -> list[Line2D]:
    """Draw the points and curves of target `k`."""
    axes.grid(axis="y")
    y = picture.y_points[:, k]
    axes.scatter(picture.x_points, y, s=28, color=INK, alpha=_alpha(len(y)), linewidths=0)
    handles = [_dots(INK, "o", "data")]
    for i, curve in enumerate(picture.curves):
        (line,) = axes.plot(
            picture.grid,
            curve.values[:, k],
            DASHES[i % len(DASHES)],
            color=color(i),
            label=_curve_label(picture, i),
        )
        handles.append(line)
    _hold_limits(axes, y)
    axes.set_ylabel(name(picture.targets[k]))
    ticks(axes.yaxis)
    return handles


def _hold_limits(axes: Axes, y: Array) -> None:
    """Keep a curve that flies off from flattening the data."""
    low, high = float(y.min()), float(y.max())
    room = 0.35 * (high - low) or 1.0
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, low - room), min(top, high + room))


def _classes(axes: Axes, picture: FitCurves) -> list[Line2D]:
    """Draw probabilities, and the rows as dots where their class is 0 or 1, or below."""
    axes.grid(axis="y")
    codes = picture.y_points[:, 0].astype(int)
    jitter = np.random.default_rng(0).uniform(-1.0, 1.0, len(codes))
    handles = []
    target = name(picture.targets[0])
    if len(picture.classes) == 2:
        places = codes + np.where(codes == 1, 0.05, -0.05) + 0.025 * jitter
        for k, label in enumerate(picture.classes):
            own = codes == k
            shade = ("#555555", INK)[k]
            axes.scatter(
                picture.x_points[own],
                places[own],
                s=26,
                marker=marker(k),
                color=shade,
                alpha=_alpha(len(codes)),
                linewidths=0,
            )
            handles.append(_dots(shade, marker(k), f"data: {target} = {name(label)}"))
        for i, curve in enumerate(picture.curves):
            (line,) = axes.plot(
                picture.grid,
                curve.values[:, 0],
                DASHES[i % len(DASHES)],
                color=color(i),
                label=_curve_label(picture, i),
            )
            handles.append(line)
        axes.axhline(0.5, color=FAINT, linewidth=1, linestyle=":")
        axes.set_ylabel(f"probability of {target} = {name(picture.classes[1])}")
    else:
        shades = class_colors(picture.classes)
        for k, label in enumerate(picture.classes):
            own = codes == k
            axes.scatter(
                picture.x_points[own],
                -0.06 - 0.035 * k + 0.01 * jitter[own],
                s=16,
                marker=marker(k),
                color=shades[k],
                linewidths=0,
            )
            (line,) = axes.plot(
                picture.grid,
                picture.curves[0].values[:, k],
                color=shades[k],
                linestyle=DASHES[(k // len(COLORS)) % len(DASHES)],
                label=entry(name(label)),
            )
            handles.append(line)
        axes.set_ylabel("probability (rows below)")
    ticks(axes.yaxis)
    axes.set_yticks(np.linspace(0.0, 1.0, 6))
    return handles


def _dots(shade: str, shape: str, label: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker=shape, markersize=6, color=shade, label=label)


def _alpha(n: int) -> float:
    """Return how opaque one of `n` dots is: where there are many, the dense parts show."""
    return float(np.clip(40.0 / np.sqrt(max(n, 1)) / 4.0, 0.15, 0.6))
