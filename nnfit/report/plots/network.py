"""Small networks as nodes and edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnfit.inside.pictures.network import Graph
from nnfit.nn.arrays import Array
from nnfit.report.phi import pretty
from nnfit.report.plots.colors import FAINT, INK, NEGATIVE, POSITIVE
from nnfit.report.plots.labels import SMALLEST, name, plain, title
from nnfit.report.plots.style import new_figure

THINNEST, THICKEST = 0.3, 5.5  # points, of edges

Place = tuple[float, float]


def draw(picture: Graph) -> Figure:
    """Draw nodes and edges, each edge as wide as its weight is large within its layer."""
    tallest, n_layers = max(picture.sizes), len(picture.sizes)
    figure = new_figure(3.4 + 2.5 * (n_layers - 1), max(3.6, 0.52 * tallest + 2.1))
    axes = figure.subplots()
    axes.set_axis_off()
    half = tallest / 2.0
    places = [
        [(float(layer), (n - 1) / 2.0 - i) for i in range(n)]
        for layer, n in enumerate(picture.sizes)
    ]
    for layer, W in enumerate(picture.W):
        largest = _edges(axes, W, places[layer], places[layer + 1])
        axes.annotate(
            f"largest |w| = {plain(float(f'{largest:.2g}'))}", (layer + 0.5, half + 0.05),
            ha="center", fontsize=SMALLEST, color=FAINT,
        )  # fmt: skip
    for layer, (nodes, label) in enumerate(
        zip(places, ("input", *picture.activations), strict=True)
    ):
        x, y = zip(*nodes, strict=True)
        axes.scatter(
            x, y, s=260, color="white", edgecolors=INK, linewidths=1.6,
            zorder=2, clip_on=False,
        )  # fmt: skip
        axes.annotate(label, (layer, -half - 0.25), ha="center", va="top", color=FAINT)
    _names(axes, picture.input_names, places[0], -14.0, "right")
    _names(axes, picture.output_names, places[-1], 14.0, "left")
    axes.set(xlim=(-0.15, n_layers - 0.85), ylim=(-half - 0.6, half + 0.4))
    title(axes, f"Network {'–'.join(map(str, picture.sizes))}")
    signs = (("positive weight", POSITIVE), ("negative weight", NEGATIVE))
    figure.legend(
        handles=[Line2D([], [], color=shade, linewidth=4, label=label) for label, shade in signs],
        loc="outside lower center",
        ncols=2,
    )
    return figure


def _edges(axes: Axes, W: Array, below: Sequence[Place], above: Sequence[Place]) -> float:
    """Draw the edges of a layer, the strong ones on top, and return its largest weight's size."""
    largest = float(np.abs(W).max()) or 1.0
    order = np.argsort(np.abs(W), axis=None)
    strengths = np.abs(W).reshape(-1)[order] / largest
    axes.add_collection(
        LineCollection(
            [(below[i], above[j]) for j, i in zip(*np.unravel_index(order, W.shape), strict=True)],
            colors=[POSITIVE if w > 0 else NEGATIVE for w in W.reshape(-1)[order]],
            linewidths=THINNEST + (THICKEST - THINNEST) * strengths,
            alpha=list(0.25 + 0.65 * strengths),
            zorder=1,
        )
    )
    return largest


def _names(
    axes: Axes, names: Sequence[str], nodes: Sequence[Place], shift: float, side: str
) -> None:
    """Write names beside the nodes of the first or the last layer."""
    for text, place in zip(names, nodes, strict=True):
        axes.annotate(
            pretty(name(text)), place, (shift, 0.0), textcoords="offset points", ha=side,
            va="center",
        )  # fmt: skip
