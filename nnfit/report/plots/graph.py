"""Computation graphs as boxes and edges, from the inputs on the left to the result."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from rich.cells import cell_len

from nnfit.errors import PictureError
from nnfit.graph.chain_rule import slope_texts
from nnfit.graph.differentiating import Differentiated
from nnfit.graph.formulas import figure, label, shown
from nnfit.graph.layout import Layout, lay_out
from nnfit.graph.nodes import Edge, Graph
from nnfit.report.plots.colors import FAINT, INK, NEGATIVE, POSITIVE
from nnfit.report.plots.labels import SMALLEST, title
from nnfit.report.plots.style import new_figure

# in inches, the units of the picture: letters, boxes, what is between them, and the least width
LETTER, SMALL_LETTER, HALF_HEIGHT, MARGIN = 0.1, 0.08, 0.26, 0.3
BETWEEN, LAYER, BULGE, HEAD, NARROWEST = 0.5, 1.15, 0.45, 0.7, 6.6
DIGITS, MOST = 4, 60  # of figures; nodes

Place = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What is written in, above and below the nodes, and on the edges that lead down to numbers."""

    boxes: dict[int, str]
    values: dict[int, str]
    adjoints: dict[int, str]
    notes: dict[Edge, str]


def draw(picture: Differentiated) -> Figure:
    """Draw values above the nodes, derivatives below them, local derivatives on the edges."""
    graph = picture.graph
    edges = {
        edge: graph.nodes[edge[0]].inputs[edge[1]] for of in graph.uses.values() for edge in of
    }
    written = Written(
        boxes={i: lines(label(graph, i).rpartition(" = ")) for i in graph.uses},
        values={i: figure(picture.values[i], DIGITS) for i in graph.uses},
        adjoints={i: figure(picture.adjoints[i], DIGITS) for i in picture.wanted},
        notes={
            edge: lines(" = ".join(slope_texts(picture, *edge, DIGITS)).partition(" = "))
            for edge, i in edges.items() if i in picture.wanted
        },
    )  # fmt: skip
    root = shown(graph, graph.root)
    below = f"values above the nodes, ∂{root}/∂node below; on the edges the local derivatives"
    return draw_nodes(graph, written, (f"Computation graph of {root}", below), "Leave out -o")


def draw_nodes(graph: Graph, written: Written, titles: tuple[str, str], instead: str) -> Figure:
    """Draw the nodes of a graph in layers; `instead` is what to do where they are too many."""
    n = sum(not graph.is_plain(i) for i in graph.uses)
    if n > MOST:
        raise PictureError(
            f"graph: {n} nodes are too many for a picture; expected at most {MOST}. {instead} "
            "to have them as text"
        )
    layout = lay_out(graph)
    halves, x = _columns(layout, written)
    heights = [y for _, y in chain(layout.places.values(), *layout.edges.values())]
    lowest, highest = min(heights), max(heights)
    width, height = max(NARROWEST, x[-1] + halves[-1] + MARGIN), (highest - lowest + 1.0) * LAYER
    shift = (width - x[-1] - halves[-1] - MARGIN) / 2.0
    drawn = new_figure(width, height + HEAD)
    left = MARGIN / width
    axes = drawn.add_axes((left, 0.0, 1.0 - 2.0 * left, height / (height + HEAD)))
    axes.set(xlim=(MARGIN, width - MARGIN), ylim=(0.0, height))
    axes.set_axis_off()

    def place(layer: int, height: float) -> Place:
        return x[layer] + shift, (height - lowest + 0.5) * LAYER

    for edge, through in layout.edges.items():
        points = [place(*point) for point in through]
        points[0] = points[0][0] + halves[through[0][0]], points[0][1]
        points[-1] = points[-1][0] - halves[through[-1][0]], points[-1][1]
        inputs = graph.nodes[edge[0]].inputs
        beside = [n for n, j in enumerate(inputs) if j == inputs[edge[1]]]
        bulge = BULGE * (len(beside) - 1 - 2 * beside.index(edge[1]))
        _edge(axes, points, bulge, written.notes.get(edge))
    for i, (layer, height) in layout.places.items():
        shade = (
            "#EFEFEF" if not graph.nodes[i].inputs else "#FFF4DC" if i == graph.root else "white"
        )
        texts = written.boxes[i], written.values[i], written.adjoints.get(i, "")
        _node(axes, place(layer, height), halves[layer], texts, shade)
    title(axes, *titles)
    return drawn


def lines(parts: tuple[str, str, str]) -> str:
    """Return a text with what stands after its equals sign in a second line."""
    first, equals, second = parts
    return f"{first} =\n{second}" if equals and len(first + second) > 4 else "".join(parts)


def _inches(text: str, letter: float) -> float:
    return letter * max(map(cell_len, text.split("\n")))


def _columns(layout: Layout, written: Written) -> tuple[list[float], list[float]]:
    """Return for each layer half the width of its boxes, and where its middle is."""
    n = 1 + max(layer for layer, _ in layout.places.values())
    halves, between = [HALF_HEIGHT] * n, [BETWEEN] * n
    for i, (layer, _) in layout.places.items():
        beside = max(
            _inches(text.get(i, ""), LETTER) for text in (written.values, written.adjoints)
        )
        halves[layer] = max(
            halves[layer], _inches(written.boxes[i], LETTER) / 2.0 + 0.1, beside / 2.0
        )
    for edge, text in written.notes.items():
        layer = layout.edges[edge][0][0]
        between[layer] = max(between[layer], _inches(text, SMALL_LETTER) + 0.35)
    x = [halves[0] + MARGIN]
    for layer in range(1, n):
        x.append(x[-1] + halves[layer - 1] + between[layer - 1] + halves[layer])
    return halves, x


def _edge(axes: Axes, points: list[Place], bulge: float, note: str | None) -> None:
    """Draw a smooth line with an arrow at its end; without a derivative it is faint."""
    path, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (x0 + x1) / 2.0
        path += [(middle, y0 + bulge), (middle, y1 + bulge), (x1, y1)]
        codes += [Path.CURVE4] * 3
    arrow = FancyArrowPatch(
        path=Path(path, codes), arrowstyle="-|>,head_length=5,head_width=2.5", linewidth=1.4,
        color="#CFCFCF" if note is None else FAINT, zorder=1, clip_on=False,
    )  # fmt: skip
    axes.add_patch(arrow)
    if note is not None:
        # a long edge has a place of its own in the next layer
        (x0, y0), (x1, y1) = points[:2] if len(points) == 2 else (points[1], points[1])
        axes.text(
            (x0 + x1) / 2.0, (y0 + y1) / 2.0 + 0.75 * bulge, note, ha="center", va="center",
            fontsize=SMALLEST, color=POSITIVE, zorder=3, linespacing=1.05,
            bbox={"boxstyle": "square,pad=0.1", "color": "white"},
        )  # fmt: skip


def _node(axes: Axes, centre: Place, half: float, texts: tuple[str, str, str], shade: str) -> None:
    """Draw a box with what it is, its value above and its derivative below."""
    x, y = centre
    box = FancyBboxPatch(
        (x - half, y - HALF_HEIGHT), 2.0 * half, 2.0 * HALF_HEIGHT, facecolor=shade, edgecolor=INK,
        boxstyle="round,pad=0,rounding_size=0.12", linewidth=1.4, zorder=2, clip_on=False,
    )  # fmt: skip
    axes.add_patch(box)
    name, value, adjoint = texts
    axes.text(x, y, name, ha="center", va="center", zorder=3, fontsize=12.0, linespacing=1.05)
    above = y + HALF_HEIGHT + 0.04
    axes.text(x, above, value, ha="center", va="bottom", color=NEGATIVE, zorder=4)
    axes.text(x, 2.0 * y - above, adjoint, ha="center", va="top", color=POSITIVE, zorder=4)
