"""The training loss over two directions, as contours and as a surface beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from nnfit.inside.pictures.surface import Surface
from nnfit.nn.arrays import Array
from nnfit.report.figures import count
from nnfit.report.plots.colors import INK, SEQUENTIAL
from nnfit.report.plots.labels import SMALLEST, name, plain, ticks, title
from nnfit.report.plots.style import new_figure

LEVELS = 16
WALKED, TRAINED = "#D55E00", "#CC79A7"


def draw(picture: Surface) -> Figure:
    """Draw contours and a 3-D view of the same numbers."""
    figure = new_figure(12.8, 5.6)
    grid = figure.add_gridspec(1, 2, width_ratios=(1.0, 1.15))
    flat = figure.add_subplot(grid[0])
    levels = _levels(picture.loss)
    norm = BoundaryNorm(levels, colormaps[SEQUENTIAL].N, extend="max")
    filled = flat.contourf(
        picture.x, picture.y, picture.loss, levels, cmap=SEQUENTIAL, norm=norm, extend="max"
    )
    flat.contour(picture.x, picture.y, picture.loss, levels, colors="white", linewidths=0.5)
    _trajectory(flat, picture)
    for axis, label in ((flat.xaxis, picture.x_name), (flat.yaxis, picture.y_name)):
        ticks(axis, n=5)
        axis.set_label_text(name(label, 40))
    bar = figure.colorbar(filled, ax=flat, ticks=levels[::3], aspect=28, pad=0.02)
    bar.ax.set_yticklabels([plain(float(f"{level:.3g}")) for level in levels[::3]])
    bar.set_label(f"training loss ({picture.loss_name})")
    kind = "linear predictor" if picture.linear else "network"
    title(flat, "Training loss around the weights", f"{kind}, over {count(picture.n_rows, 'row')}")
    handles, labels = flat.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=4)
    _solid(figure.add_subplot(grid[1], projection="3d"), picture, levels, norm)
    return figure


def _levels(loss: Array) -> Array:
    """Return levels that lie closer together near the minimum, where the training ends."""
    low, high = float(loss.min()), float(loss.max())
    if high <= low:
        high = low + max(abs(low), 1.0) * 1e-9
    ceiling = max(float(np.quantile(loss, 0.95)), low + 0.05 * (high - low))
    levels: Array = low + (ceiling - low) * np.linspace(0.0, 1.0, LEVELS) ** 1.8
    return levels


def _trajectory(axes: Axes, picture: Surface) -> None:
    if picture.trajectory is not None:
        axes.plot(
            *picture.trajectory.T, color=WALKED, linewidth=2.2, marker="o", markersize=3.5,
            label="path of training",
        )  # fmt: skip
        axes.plot(
            *picture.trajectory[0], marker="s", markersize=9, linestyle="none", color=WALKED,
            markeredgecolor="white", label="start",
        )  # fmt: skip
    axes.plot(
        *picture.centre, marker="*", markersize=18, linestyle="none", color=TRAINED,
        markeredgecolor="white", label="the model's weights", zorder=5,
    )  # fmt: skip


def _solid(axes: Any, picture: Surface, levels: Array, norm: BoundaryNorm) -> None:
    """Draw the surface, and the trajectory on it."""
    X, Y = np.meshgrid(picture.x, picture.y)
    axes.computed_zorder = False
    axes.plot_surface(
        X, Y, picture.loss, cmap=SEQUENTIAL, norm=norm, rcount=41, ccount=41,
        linewidth=0.15, edgecolor="#FFFFFF55", antialiased=True, zorder=1,
    )  # fmt: skip
    if picture.trajectory is not None:
        heights = on_surface(picture, picture.trajectory)
        axes.plot(*picture.trajectory.T, heights, color=WALKED, linewidth=2.2, zorder=3)
    centre = np.array([picture.centre])
    axes.plot(
        *centre.T, on_surface(picture, centre), marker="*", markersize=15, color=TRAINED,
        markeredgecolor="white", linestyle="none", zorder=4,
    )  # fmt: skip
    for axis, label in ((axes.xaxis, picture.x_name), (axes.yaxis, picture.y_name)):
        ticks(axis, n=4)
        axis.set_label_text(name(label.split(" (")[0], 24))
    ticks(axes.zaxis, n=5)
    axes.set_zlabel("loss")
    axes.tick_params(labelsize=SMALLEST, pad=1)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0.97, 0.97, 0.97, 1.0))
        axis.label.set_color(INK)
    axes.view_init(elev=32, azim=-58)
    axes.set_box_aspect((1.0, 1.0, 0.72), zoom=1.0)


def on_surface(picture: Surface, points: Array) -> Array:
    """Return the loss of the surface (m,) at places in its plane (m, 2), between grid points."""
    n = len(picture.x)
    u = (points[:, 0] - picture.x[0]) / (picture.x[-1] - picture.x[0]) * (n - 1)
    v = (points[:, 1] - picture.y[0]) / (picture.y[-1] - picture.y[0]) * (n - 1)
    i, j = (np.clip(w, 0, n - 2).astype(np.intp) for w in (v, u))
    s, t = v - i, u - j
    z = picture.loss
    heights: Array = (1 - s) * ((1 - t) * z[i, j] + t * z[i, j + 1]) + s * (
        (1 - t) * z[i + 1, j] + t * z[i + 1, j + 1]
    )
    return heights
