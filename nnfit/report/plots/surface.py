"""The training loss over two directions, as contours and as a surface beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from nnfit.inside.pictures.surface import Surface
from nnfit.nn.arrays import Array
from nnfit.report.figures import count
from nnfit.report.plots.colors import INK, SEQUENTIAL
from nnfit.report.plots.labels import SMALLEST, entry, name, plain, ticks, title
from nnfit.report.plots.style import new_figure

LEVELS = 16
STRETCH = 1.8  # levels and shades lie closer together near the minimum, where the training ends
FACETS = 81  # of the surface, along each side
TRAINED = "#CC79A7"
WALKED = ("#D55E00", "#56B4E9", "#F0E442")  # by model: far from each other, and from the shades


def draw(picture: Surface) -> Figure:
    """Draw contours and a 3-D view of the same numbers."""
    figure = new_figure(12.8, 5.6)
    grid = figure.add_gridspec(1, 2, width_ratios=(1.0, 1.15))
    flat = figure.add_subplot(grid[0])
    levels = _levels(picture.loss)
    norm = PowerNorm(1.0 / STRETCH, levels[0], levels[-1], clip=True)
    x, y, loss = picture.x, picture.y, picture.loss
    shaded = flat.imshow(
        loss, cmap=SEQUENTIAL, norm=norm, origin="lower", extent=(x[0], x[-1], y[0], y[-1]),
        aspect="auto", interpolation="bicubic",
    )  # fmt: skip
    flat.contour(x, y, loss, levels, colors="white", linewidths=0.6)
    _walks(flat, picture, lambda points: ())
    for axis, label in ((flat.xaxis, picture.x_name), (flat.yaxis, picture.y_name)):
        ticks(axis, n=5)
        axis.set_label_text(name(label, 48))
    bar = figure.colorbar(shaded, ax=flat, ticks=levels[::3], aspect=28, pad=0.02, extend="max")
    bar.ax.set_yticklabels([plain(float(f"{level:.3g}")) for level in levels[::3]])
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)
    bar.set_label(f"training loss ({picture.loss_name})")
    kind = "linear predictor" if picture.linear else "network"
    below = f"{kind}, over {count(picture.n_rows, 'row')}"
    if picture.between is not None:
        ends = " and ".join(f"{loss:.3g}" for loss in picture.between[[0, -1]])
        below += f"; {ends} at the stars, up to {picture.between.max():.3g} between"
    title(flat, "Training loss around the weights", below)
    flat.texts[-1].set_in_layout(False)  # a long one would narrow the axes
    handles, labels = flat.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique, loc="outside lower left", ncols=7)
    _solid(figure.add_subplot(grid[1], projection="3d"), picture, norm)
    return figure


def _levels(loss: Array) -> Array:
    low, high = float(loss.min()), float(loss.max())
    if high <= low:
        high = low + max(abs(low), 1.0) * 1e-9
    ceiling = max(float(np.quantile(loss, 0.95)), low + 0.05 * (high - low))
    levels: Array = low + (ceiling - low) * np.linspace(0.0, 1.0, LEVELS) ** STRETCH
    return levels


def _walks(axes: Any, picture: Surface, lifted: Callable[[Array], Sequence[Array]]) -> None:
    """Draw each model's path, its start and its end; `lifted` gives the heights of places."""
    several = len(picture.walks) > 1
    if picture.between is not None:
        line = np.linspace(picture.walks[0].end, picture.walks[1].end, len(picture.between))
        axes.plot(
            *line.T, *lifted(line), color="white", linewidth=1.6, linestyle=(0, (4, 2)), zorder=3
        )
    for walk, shade in zip(picture.walks, WALKED, strict=False):
        if walk.trajectory is not None:
            few = len(walk.trajectory) <= 60
            axes.plot(
                *walk.trajectory.T, *lifted(walk.trajectory), color=shade, linewidth=2.0,
                marker="o" if few else None, markersize=3.0, zorder=4,
                label=f"path of {entry(name(walk.name))}" if several else "path of training",
            )  # fmt: skip
    for walk, shade in zip(picture.walks, WALKED, strict=False):
        if walk.trajectory is not None:
            start = walk.trajectory[:1]
            axes.plot(
                *start.T, *lifted(start), marker="s", markersize=9, linestyle="none", zorder=5,
                color="white" if several else shade, label="start",
                markeredgecolor=INK if several else "white",
            )  # fmt: skip
    for i, (walk, shade) in enumerate(zip(picture.walks, WALKED, strict=False)):
        end = np.array([walk.end])
        axes.plot(
            *end.T, *lifted(end), marker="*", markersize=(18, 14, 11)[i], linestyle="none",
            color=shade if several else TRAINED, markeredgecolor="white", zorder=6,
            label=entry(name(walk.name)) if several else "the model's weights",
        )  # fmt: skip


def _solid(axes: Any, picture: Surface, norm: PowerNorm) -> None:
    """Draw the surface, and the models on it."""
    X, Y = np.meshgrid(picture.x, picture.y)
    axes.computed_zorder = False
    axes.plot_surface(
        X, Y, picture.loss, cmap=SEQUENTIAL, norm=norm, rcount=FACETS, ccount=FACETS,
        linewidth=0.1, edgecolor="#FFFFFF33", antialiased=True, zorder=1,
    )  # fmt: skip
    _walks(axes, picture, lambda points: (on_surface(picture, points),))
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
    axes.set_box_aspect((1.0, 1.0, 0.72), zoom=0.95)


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
