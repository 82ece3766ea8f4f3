"""The computation graph of one example, from the columns of its row to L, each node with numbers.

All of them are worked out before; here they get their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnfit.graph.formulas import figure, formula, symbol
from nnfit.graph.nodes import INPUT
from nnfit.inside.explanation import formulas
from nnfit.inside.explanation.phi import Input, Number
from nnfit.nn.architecture import Architecture
from nnfit.training.metrics import finite

Values = dict[str, Any]
Edges = Sequence[tuple[str, str]]  # what a node is made of, and its derivative by that in letters

DIGITS = 4


def graph(
    architecture: Architecture, found: Mapping[str, Any], inputs: Sequence[Input]
) -> list[Values]:
    """Return the nodes, each after those it is made of, L as the last.

    A node has its `value`, its `derivative` ∂L/∂node, and for each of its `inputs` in `local` what
    the chain rule multiplies by on the way down there. What is no number has no derivative.
    """
    handed = found["backward"][-1]["handed_down"]["values"]
    columns = {c["column"]: f"x_{k}" for k, c in enumerate(found["columns"], 1)}
    nodes = [
        _node(columns[c["column"]], c["column"], c["value"], c["derivative"])
        for c in found["columns"]
    ]
    for i, one in enumerate(inputs):
        nodes += _input(i + 1, one, columns, found["inputs"]["values"][i], handed[i])
    names = [(f"v[0]_{i + 1}", "1") for i in range(len(inputs))]
    nodes.append(_node("v[0]", "φ(x)", found["inputs"]["values"], handed, names))
    for place in range(len(found["forward"])):
        nodes += _layer(place + 1, architecture, found)
    return [*nodes, *_loss(architecture, found)]


def _node(
    name: str, formula: str, value: Any, derivative: Any, edges: Edges = (), shape: Any = ()
) -> Values:
    if not shape and isinstance(value, list):
        shape = [len(value)]
    return {
        "node": name, "formula": formula, "shape": list(shape), "inputs": [n for n, _ in edges],
        "local": [text for _, text in edges], "value": value, "derivative": derivative,
    }  # fmt: skip


def _input(
    i: int, one: Input, columns: dict[str, str], value: float, derivative: float | None
) -> Iterator[Values]:
    """Yield the expression of an entry of v[0] and the entry; `columns` get what is new."""
    name, number = f"v[0]_{i}", one.number
    if number is None:
        if one.column not in columns:
            columns[one.column] = f"x_{len(columns) + 1}"
            yield _node(columns[one.column], one.column, one.cell, None)
        yield _node(name, one.name, value, derivative, [(columns[one.column], "")])
        return
    graph, root = number.graph, number.graph.root
    lone = not graph.nodes[root].inputs and bool(number.at)  # a column as it is
    names = {
        j: columns[node.id] if node.operation == INPUT else f"φ_{i}.{node.id}"
        for j, node in enumerate(graph.nodes)
    }
    names[root] = names[root] if lone else f"φ_{i}"
    for j, node in enumerate(graph.nodes):
        if node.inputs or j == root and not lone:
            inner = [place for place, k in enumerate(node.inputs) if not graph.is_plain(k)]
            edges = [(names[node.inputs[place]], _local(number, j, place)) for place in inner]
            adjoint = None if derivative is None else finite(derivative * number.derivatives[j])
            yield _node(names[j], formula(graph, j), finite(number.values[j]), adjoint, edges)
    edges = [(names[root], _figure(number.scale_slope))]
    yield _node(name, formulas.scaled(number.scaler, names[root]), value, derivative, edges)


def _local(number: Number, j: int, place: int) -> str:
    """Return the derivative on an edge of an expression: `2x = 6`."""
    letters, numbers = symbol(number.graph, j, place), _figure(number.slopes[j][place])
    return numbers if letters.replace("−", "-") == numbers else f"{letters} = {numbers}"


def _figure(slope: float) -> str:
    return "–" if slope != slope else figure(slope, DIGITS)  # NaN: there is none


def _layer(i: int, architecture: Architecture, found: Mapping[str, Any]) -> Iterator[Values]:
    """Yield W[l], Wv[l] = W[l] v[l-1], b[l], z[l] and v[l], the last of which is ŷ.

    Where the network has s, it and s ⊙ v[0] come before.
    """
    layer, step = found["forward"][i - 1], found["backward"][-i]
    above = found["backward"][-i - 1] if i < len(found["forward"]) else None
    parameters = {p["parameter"]: p for p in found["parameters"] if p["layer"] == i}
    gradients = {g["parameter"]: g for g in step["gradients"]}
    for name, p in parameters.items():
        own = formulas.parameter(name)
        yield _node(own, "", p["values"], gradients[name]["values"], shape=p["shape"])
    below = f"v[{i - 1}]"
    if "input" in layer:
        below = "s ⊙ v[0]"
        edges = [("s", "v[0]"), ("v[0]", "s")]
        yield _node(below, "", layer["input"], step["handed_down"]["input"], edges)
    seen = formulas.layer_input(i, "input" in layer)
    delta, product = step["delta"]["values"], f"W[{i}] {seen}"
    edges = [(f"W[{i}]", f"{seen}ᵀ"), (below, f"W[{i}]ᵀ")]
    if f"b{i}" in parameters:
        yield _node(f"Wv[{i}]", product, layer["Wv"], delta, edges)
        product, edges = f"Wv[{i}] + b[{i}]", [(f"Wv[{i}]", "1"), (f"b[{i}]", "1")]
    yield _node(f"z[{i}]", product, layer["z"], delta, edges)
    factor = step["delta"]["factors"][-1]
    name, slope = f"v[{i}]", f"σ′(z[{i}])"
    if len(delta) == 1 and factor["name"] == slope and factor["values"][0] is not None:
        slope += f" = {figure(factor['values'][0], DIGITS)}"
    if above is None:
        name, derivative = "ŷ", step["delta"]["factors"][0]["values"]
        slope = "∂ŷ/∂z" if architecture.output_activation == "softmax" else slope
    else:
        derivative = above["handed_down"]["values"]
    yield _node(
        name, f"{layer['activation']}(z[{i}])", layer["v"], derivative, [(f"z[{i}]", slope)]
    )


def _loss(architecture: Architecture, found: Mapping[str, Any]) -> Iterator[Values]:
    """Yield y, the loss, the penalty if there is one, and L."""
    loss, name = found["loss"], f"{architecture.loss}(ŷ, y)"
    yield _node("y", "", found["target"]["y"], None)
    edges = [("ŷ", found["backward"][0]["delta"]["factors"][0]["formula"]), ("y", "")]
    if not loss["l2"]:
        yield _node("L", name, loss["loss"], 1.0, edges)
        return
    yield _node("loss", name, loss["loss"], 1.0, edges)
    layers = range(1, len(found["forward"]) + 1)
    weights = [(f"W[{i}]", f"l2 W[{i}]") for i in layers]
    yield _node("penalty", formulas.PENALTY, loss["penalty"], 1.0, weights)
    yield _node("L", "loss + penalty", loss["total"], 1.0, [("loss", "1"), ("penalty", "1")])
