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
MAX_SOURCES, MAX_EDGES = 5, 30  # of a layer whose weights are written on its edges
GAP, COLUMN = 2.5, 0.95  # inches between layers, and for the numbers of the edges of one node
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

Place = tuple[float, float]


def draw(picture: Graph) -> Figure:
    """Draw nodes and edges, each edge as wide as its weight is large within its layer."""
    weights = _with_ones(picture)
    numbered = [len(W) == 1 or W.shape[1] <= MAX_SOURCES and W.size <= MAX_EDGES for W in weights]
    columns = [
        W.shape[1] if n and len(W) > 1 else 1 for W, n in zip(weights, numbered, strict=True)
    ]
    gaps = [max(GAP, 1.5 + COLUMN * n) for n in columns]
    x = [0.0, *np.cumsum(gaps).tolist()]
    nodes = [W.shape[1] for W in weights] + [picture.sizes[-1]]
    tallest, step = max(nodes), 0.78 if any(numbered) else 0.52
    figure = new_figure(3.4 + x[-1], max(3.6, step * tallest + 2.1))
    axes = figure.subplots()
    axes.set_axis_off()
    half = tallest / 2.0
    places = [[(x[k], (n - 1) / 2.0 - i) for i in range(n)] for k, n in enumerate(nodes)]
    for k, W in enumerate(weights):
        largest = _edges(axes, W, places[k], places[k + 1])
        if numbered[k]:
            _numbers(axes, W, places[k], places[k + 1], picture.b is not None)
        axes.annotate(
            f"widest edge: {plain(float(f'{largest:.2g}'))}",
            (x[k] + gaps[k] / 2.0, half + 0.05), ha="center", fontsize=SMALLEST, color=FAINT,
        )  # fmt: skip
    for k, label in enumerate(("input", *picture.activations)):
        across, upwards = zip(*places[k], strict=True)
        axes.scatter(
            across, upwards, s=260, color="white", edgecolors=INK, linewidths=1.6,
            zorder=4, clip_on=False,
        )  # fmt: skip
        axes.annotate(label, (x[k], -half - 0.25), ha="center", va="top", color=FAINT)
        if picture.b is not None and k < len(weights):
            axes.annotate("1", places[k][-1], ha="center", va="center", fontsize=11, zorder=5)
    _names(axes, picture.input_names, places[0][: picture.sizes[0]], -14.0, "right")
    _names(axes, picture.output_names, places[-1], 14.0, "left")
    axes.set(xlim=(-0.3, x[-1] + 0.3), ylim=(-half - 0.6, half + 0.4))
    state = "" if picture.trained else "as it is initialised, before any training"
    title(axes, f"Network {'–'.join(map(str, picture.sizes))}", state)
    _legend(figure, picture)
    return figure


def _with_ones(picture: Graph) -> list[Array]:
    """Return each layer's [W | b], the bias being the weight of a last node that is 1."""
    if picture.b is None:
        return list(picture.W)
    return [np.column_stack(layer) for layer in zip(picture.W, picture.b, strict=True)]


def _legend(figure: Figure, picture: Graph) -> None:
    signs = (("positive weight", POSITIVE), ("negative weight", NEGATIVE))
    handles = [Line2D([], [], color=shade, linewidth=4, label=label) for label, shade in signs]
    if picture.b is not None:
        ring = Line2D([], [], color="white", markeredgecolor=INK, markersize=11, marker="o")
        ring.set(linestyle="none", label="1: its weights are the biases")
        handles.append(ring)
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


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


def _numbers(
    axes: Axes, W: Array, below: Sequence[Place], above: Sequence[Place], biased: bool
) -> None:
    """Write w_ij, of unit i and what comes from node j, on the edges; each node has its column.

    On the edges to one unit alone they lie apart in one column.
    """
    n_sources, comma = len(below), "," if max(W.shape) > 9 else ""
    for (i, j), w in np.ndenumerate(W):
        share = 0.34 + (0.44 * j / (n_sources - 1) if len(W) > 1 and n_sources > 1 else 0.0)
        x, y = ((1.0 - share) * below[j][axis] + share * above[i][axis] for axis in (0, 1))
        bias = biased and j == n_sources - 1
        symbol = f"b{i + 1}" if bias else f"w{i + 1}{comma}{j + 1}"
        axes.annotate(
            f"{symbol.translate(SUBSCRIPTS)} = {w:.2g}".replace("-", "−"), (x, y), ha="center",
            va="center", fontsize=SMALLEST, color=INK, zorder=3,
            bbox={"boxstyle": "round,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.85},
        )  # fmt: skip


def _names(
    axes: Axes, names: Sequence[str], nodes: Sequence[Place], shift: float, side: str
) -> None:
    """Write names beside the nodes of the first or the last layer."""
    for text, place in zip(names, nodes, strict=True):
        axes.annotate(
            pretty(name(text)), place, (shift, 0.0), textcoords="offset points", ha=side,
            va="center",
        )  # fmt: skip
