"""The computation graph of one example, from the columns of its row to L, as boxes and edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from nnfit.graph.nodes import INPUT, Graph, Node
from nnfit.report.figures import count, cut, shape_text
from nnfit.report.network_graph import brief, label, shown
from nnfit.report.plots.graph import MOST, Written, draw_nodes, lines

MAX_LABEL = 50


def draw(picture: Mapping[str, Any]) -> Figure:
    """Draw what `nnfit explain` found; φ(x) stays closed where the network has too many inputs."""
    nodes, subtitle = (
        picture["graph"],
        "values above the nodes, ∂L/∂node below; on the edges the factors",
    )
    n_inputs = sum(node["node"].startswith("v[0]_") for node in nodes)
    if len(nodes) > MOST:
        first = next(k for k, node in enumerate(nodes) if node["node"] == "v[0]")
        nodes = [nodes[first] | {"inputs": [], "local": []}, *nodes[first + 1 :]]
        subtitle += f"; φ(x) of {count(n_inputs, 'input')} is not opened"
    places = {node["node"]: i for i, node in enumerate(nodes)}
    made = [tuple(places[name] for name in node["inputs"]) for node in nodes]
    each = zip(nodes, made, strict=True)
    graph = Graph(tuple(Node(n["node"], INPUT, of, ()) for n, of in each), {}, len(nodes) - 1, "L")
    written = Written(
        boxes={i: _box(node) for i, node in enumerate(nodes)},
        values={i: brief(node["value"]) for i, node in enumerate(nodes)},
        adjoints={i: brief(node["derivative"]) for i, node in enumerate(nodes)},
        notes={
            (i, k): lines(text.partition(" = "))
            for i, node in enumerate(nodes) for k, text in enumerate(node["local"]) if text
        },
    )  # fmt: skip
    row = f"row {picture['row']:,} of {picture['data']}"
    return draw_nodes(
        graph, written, (f"Forward and backward: {row}", subtitle), "Leave out --graph"
    )


def _box(node: Mapping[str, Any]) -> str:
    if len(node["shape"]) == 2:
        return f"{shown(node)}\n{shape_text(node['shape'])}"
    return lines(cut(label(node), MAX_LABEL).partition(" = "))
