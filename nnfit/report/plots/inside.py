"""First-layer weights as heat maps or images, and small networks as nodes and edges."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnfit.inside.pictures.layers import Graph, Weights
from nnfit.report.figures import count
from nnfit.report.phi import pretty
from nnfit.report.plots.style import (
    DIVERGING,
    FAINT,
    INK,
    NEGATIVE,
    POSITIVE,
    SMALLEST,
    name,
    new_figure,
    panels,
    plain,
    ticks,
    title,
)

MAX_NUMBERED = 120  # cells with their figure in them
WIDEST = 5.5  # points, of the strongest edge


def draw_weights(picture: Weights) -> Figure:
    """Draw W of the first layer: inputs downwards, units across, or an image for each unit."""
    largest = float(np.nanmax(np.abs(picture.W))) or 1.0
    scale = Normalize(-largest, largest)
    if picture.shape is not None:
        return _images(picture, scale)
    n_units, n_inputs = picture.W.shape
    numbered = n_units * n_inputs <= MAX_NUMBERED and n_units <= 12
    height = max(3.4, 0.2 * n_inputs + 1.5)
    figure = new_figure(min(max(6.5, (0.75 if numbered else 0.16) * n_units + 4.5), 14.0), height)
    axes = figure.subplots()
    image = axes.imshow(
        picture.W.T, cmap=DIVERGING, norm=scale, aspect="auto", interpolation="nearest"
    )
    if numbered:
        for i, column in enumerate(picture.W):
            for j, w in enumerate(column):
                shade = "white" if abs(w) > 0.62 * largest else INK
                axes.text(i, j, f"{w:.2g}", ha="center", va="center", fontsize=11, color=shade)
    axes.set_yticks(range(n_inputs), [pretty(name(n)) for n in picture.input_names])
    axes.tick_params(axis="y", labelsize=SMALLEST if n_inputs > 20 else 11.5, length=0)
    every = max(1, -(-n_units // 16))
    places = range(0, n_units, every)
    axes.set_xticks(places, [str(i + 1) for i in places])
    axes.set_xlabel("unit of the first layer" if n_units > 1 else "the one unit")
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, aspect=28, pad=0.02)
    bar.set_label("weight")
    bar.outline.set_visible(False)
    ticks(bar.ax.yaxis, n=5)
    below = (
        "" if n_inputs == picture.n_inputs else f"the {n_inputs} inputs with the largest weights"
    )
    title(axes, f"First-layer weights, {n_units} × {picture.n_inputs}", below)
    return figure


def _images(picture: Weights, scale: Normalize) -> Figure:
    n = len(picture.W)
    columns = max(min(int(np.ceil(np.sqrt(n * 1.6))), 8), 1)
    rows = -(-n // columns)
    size = 1.9 if columns <= 5 else 1.1
    figure = new_figure(max(columns * size + 1.4, 5.5), rows * (size + 0.2) + 1.1)
    grid = panels(figure, n, lambda _: columns)
    for i, (axes, W) in enumerate(zip(grid, picture.W, strict=True)):
        axes.set_facecolor("#D9D9D9")  # pixels without a weight
        axes.imshow(W, cmap=DIVERGING, norm=scale, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(str(i + 1), fontsize=SMALLEST, loc="center", pad=2)
        axes.spines[:].set_visible(False)
    bar = figure.colorbar(grid[0].images[0], ax=grid, aspect=30, pad=0.02)
    bar.set_label("weight of each pixel")
    bar.outline.set_visible(False)
    ticks(bar.ax.yaxis, n=5)
    shown = count(n, "unit") if n == picture.n_units else f"{n} of {picture.n_units} units"
    figure.suptitle(f"First-layer weights: {shown}", fontsize=14)
    return figure


def draw_graph(picture: Graph) -> Figure:
    """Draw nodes and edges, each edge as wide as its weight is large within its layer."""
    tallest, n_layers = max(picture.sizes), len(picture.sizes)
    figure = new_figure(3.4 + 2.5 * (n_layers - 1), max(3.6, 0.52 * tallest + 2.1))
    axes = figure.subplots()
    axes.set_axis_off()
    gap = 1.0
    places = [
        [(float(layer), -gap * (i - (n - 1) / 2.0)) for i in range(n)]
        for layer, n in enumerate(picture.sizes)
    ]
    for layer, W in enumerate(picture.W):
        largest = float(np.abs(W).max()) or 1.0
        order = np.argsort(np.abs(W), axis=None)  # the strong ones on top
        into, out_of = np.unravel_index(order, W.shape)
        strengths = np.abs(W).reshape(-1)[order] / largest
        axes.add_collection(
            LineCollection(
                [
                    (places[layer][i], places[layer + 1][j])
                    for j, i in zip(into, out_of, strict=True)
                ],
                colors=[POSITIVE if w > 0 else NEGATIVE for w in W.reshape(-1)[order]],
                linewidths=0.3 + (WIDEST - 0.3) * strengths,
                alpha=list(0.25 + 0.65 * strengths),
                zorder=1,
            )
        )
        axes.annotate(
            f"largest |w| = {plain(float(f'{largest:.2g}'))}",
            (layer + 0.5, gap * (tallest / 2.0 + 0.05)),
            ha="center",
            fontsize=SMALLEST,
            color=FAINT,
        )
    for layer, nodes in enumerate(places):
        x, y = zip(*nodes, strict=True)
        axes.scatter(
            x, y, s=260, color="white", edgecolors=INK, linewidths=1.6, zorder=2, clip_on=False
        )
        label = "input" if layer == 0 else picture.activations[layer - 1]
        axes.annotate(
            label, (layer, -gap * (tallest / 2.0 + 0.25)), ha="center", va="top", color=FAINT
        )
    for names, nodes, shift, side in (
        (picture.input_names, places[0], -14.0, "right"),
        (picture.output_names, places[-1], 14.0, "left"),
    ):
        for text, place in zip(names, nodes, strict=True):
            axes.annotate(
                pretty(name(text)),
                place,
                (shift, 0.0),
                textcoords="offset points",
                ha=side,
                va="center",
            )
    half = gap * tallest / 2.0
    axes.set(xlim=(-0.15, n_layers - 0.85), ylim=(-half - 0.6, half + 0.4))
    title(axes, f"Network {'–'.join(map(str, picture.sizes))}")
    figure.legend(
        handles=[
            Line2D([], [], color=POSITIVE, linewidth=4, label="positive weight"),
            Line2D([], [], color=NEGATIVE, linewidth=4, label="negative weight"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    return figure
