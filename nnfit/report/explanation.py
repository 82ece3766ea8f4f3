"""One example through the network on stdout: graph, forward, backward and one update.

It takes the mapping that `nnfit explain --json` prints and works out nothing new.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from nnfit.gradcheck.checking import TOLERANCE
from nnfit.report.equations import REUSED, Line, arrays, chain, equations, heading
from nnfit.report.figures import MISSING, count, cut, listed, number, shape_text
from nnfit.report.screen import Cell, Screen, titled

MAX_INPUTS = 12
GRAPH_TEXT = 40  # columns left for a node of the graph at its deepest
GRAPH_INDENT = 8  # columns of a layer
DRAWN = {
    "train": "a training row",
    "validation": "held out for validation",
    "test": "held out for the test",
}

Values = Mapping[str, Any]


def print_explanation(found: Values, stream: TextIO) -> None:
    """Print one example's way through the network and back.

    Parameters
    ----------
    found : mapping
        From `nnfit.inside.explanation.explain`.
    stream : TextIO
        Where to print; frames and colour on a terminal only.
    """
    screen = Screen(stream)
    parameters = {p["parameter"]: p for p in found["parameters"]}
    parts: list[RenderableType] = [_head(screen, found)]
    parts.append(titled("parameters", _parameters(screen, found["parameters"])))
    parts.append(titled("computation graph", _graph(screen, found["graph"])))
    parts.append(titled("forward", _inputs(screen, found["inputs"])))
    for layer in found["forward"]:
        parts += _forward(screen, layer, parameters, len(found["forward"]))
    parts += _loss(screen, found)
    legend = Text("backward: from the loss down; ", "bold")
    legend.append("{…}", f"bold {REUSED}").append(" is reused from the layer above", "bold")
    parts += ["", legend]
    for layer in found["backward"]:
        parts += _backward(screen, layer)
    parts += [*heading("one update"), *_update(screen, found)]
    screen.write(*parts)


def _head(screen: Screen, found: Values) -> RenderableType:
    row = f"row {found['row']:,} of {found['data']}"
    if found["drawn"] is not None:
        row += f", {DRAWN[found['drawn']]}"
    network = found["source"] + (", as it is initialised" if found["initialised"] else ", trained")
    rows: list[tuple[str, Cell]] = [("example", row), ("network", network)]
    rows += [("note" if i == 0 else "", screen.formula(n)) for i, n in enumerate(found["notes"])]
    return screen.pairs(rows)


def _parameters(screen: Screen, parameters: Sequence[Values]) -> RenderableType:
    rows: list[list[Cell]] = []
    for p in parameters:
        flat = list(_flat(p["values"]))
        name = f"{p['parameter'][0]}[{p['layer']}]"
        span = [number(min(flat)), number(max(flat))]
        rows.append([name, shape_text(p["shape"]), f"{p['count']:,}", *span])
    rows.append(["all", "", f"{sum(p['count'] for p in parameters):,}", "", ""])
    return screen.table("lrrrr", ["name", "shape", "numbers", "smallest", "largest"], rows)


def _flat(values: Sequence[Any]) -> Iterator[float]:
    for value in values:
        if isinstance(value, list):
            yield from value
        else:
            yield value


def _graph(screen: Screen, graph: Sequence[Values]) -> Tree:
    """Return the nodes below what is made of them; of a deep network the middle is left out."""
    nodes = {node["node"]: node for node in graph}
    n_layers = sum(name.startswith("z") for name in nodes)
    most = max(1, (screen.width - GRAPH_TEXT) // GRAPH_INDENT)
    style = "dim" if screen.color else ""

    def label(name: str) -> Text:
        node = nodes[name]
        text = name if not node["formula"] else f"{name} = {node['formula']}"
        shown = Text(screen.formula(text), no_wrap=True, overflow="ellipsis")
        return shown.append(f"   {shape_text(node['shape'])}" if node["shape"] else "", "dim")

    def grow(tree: Tree, name: str) -> None:
        for inner in nodes[name]["inputs"]:
            if name == "penalty":
                return
            depth = n_layers - int(inner[2:-1]) if inner[0] == "v" else 0
            if depth >= most and inner != "v[0]":
                left = int(inner[2:-1])
                tree.add(Text(screen.formula(f"{inner} … v[0]: {count(left, 'more layer')}")))
            else:
                grow(tree.add(label(inner)), inner)

    tree = Tree(label("L"), guide_style=style)
    grow(tree, "L")
    return tree


def _inputs(screen: Screen, inputs: Values) -> RenderableType:
    names, values = inputs["names"], inputs["values"]
    shown = list(zip(names, values, strict=True))[:MAX_INPUTS]
    rows: list[list[Cell]] = [[cut(name, 40), number(value)] for name, value in shown]
    if len(names) > len(shown):
        rows.append([f"… and {len(names) - len(shown):,} more", ""])
    return screen.table("lr", [screen.formula("v[0] = φ(x)"), "value"], rows)


def _forward(
    screen: Screen, layer: Values, parameters: Values, n_layers: int
) -> list[RenderableType]:
    i, out = layer["layer"], layer["outputs"]
    v = f"v[{i}]" if i < n_layers else f"ŷ = v[{i}]"
    formulas = [
        (f"z[{i}]", Text(screen.formula(layer["affine"]))),
        (v, Text(screen.formula(f"σ(z[{i}]), σ(z) = {layer['sigma']}"))),
    ]
    lines: list[Line] = [
        (
            f"{letter}[{i}]",
            parameters[f"{letter}{i}"]["shape"],
            parameters[f"{letter}{i}"]["values"],
        )
        for letter in "Wb"
        if f"{letter}{i}" in parameters
    ]
    lines += [(f"z[{i}]", [out], layer["z"]), (f"v[{i}]", [out], layer["v"])]
    return [
        *heading(f"layer {i} of {n_layers}: {layer['inputs']} → {out}, {layer['activation']}"),
        equations(screen, formulas),
        arrays(screen, lines),
    ]


def _loss(screen: Screen, found: Values) -> list[RenderableType]:
    prediction, target, loss = found["prediction"], found["target"], found["loss"]
    K = [len(target["y"])]
    lines: list[Line] = [("ŷ", K, prediction["y_hat"]), ("y", K, target["y"])]
    value = _value(prediction["value"])
    if prediction["probabilities"] is not None:
        value += f", probability {number(prediction['probabilities'][prediction['value']])}"
    rows: list[tuple[str, Cell]] = [("predicted", value), ("true", _value(target["value"]))]
    formulas = [("L", Text(screen.formula(loss["formula"])))]
    sum_of = ""
    if loss["penalty"]:
        sum_of = f"{number(loss['data_loss'])} + {number(loss['penalty'])} = "
    formulas.append(("", Text(f"{sum_of}{number(loss['loss'])}", "bold")))
    return [
        *heading("prediction"),
        arrays(screen, lines),
        screen.pairs(rows),
        *heading(f"loss: {loss['name']}"),
        equations(screen, formulas),
    ]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return listed([f"{cut(k, 20)} {number(v)}" for k, v in value.items()], width=40)
    return cut(value, 40) if isinstance(value, str) else number(value)


def _backward(screen: Screen, layer: Values) -> list[RenderableType]:
    i, delta, down = layer["layer"], layer["delta"], layer["handed_down"]
    K = [len(delta["values"])]
    factors: list[Line] = [(f["name"], K, f["values"]) for f in delta["factors"]]
    parts = [
        *heading(f"layer {i}"),
        equations(
            screen,
            [
                (f"delta[{i}]", Text(screen.formula(f"∂L/∂z[{i}]"))),
                ("", chain(screen, delta["chain"])),
                ("", _handed(screen, delta["formula"])),
                *(
                    (f["name"], Text(screen.formula(f["formula"])))
                    for f in delta["factors"]
                    if not f["formula"].startswith("W[")  # shown where it was handed down
                ),
            ],
        ),
        Text(f"  ({screen.formula(delta['rule'])})", "dim"),
        arrays(screen, [*factors, (f"delta[{i}]", K, delta["values"])]),
    ]
    for gradient in layer["gradients"]:
        parts += _gradient(screen, f"∂L/∂{gradient['parameter'][0]}[{i}]", gradient)
    return [*parts, *_gradient(screen, f"∂L/∂v[{i - 1}]", down)]


def _gradient(screen: Screen, name: str, gradient: Values) -> list[RenderableType]:
    """Return a gradient as its product, and beside its complex step where it has one."""
    formulas = [
        (name, chain(screen, gradient["chain"])),
        ("", Text(screen.formula(gradient["formula"]))),
    ]
    values = gradient["values"]
    if "complex_step" not in gradient:
        shape = [len(values)]
        return [
            "",
            equations(screen, formulas),
            arrays(screen, [("handed down", shape, values)]),
        ]
    lines: list[Line] = [
        ("backprop", gradient["shape"], values),
        ("complex step", gradient["shape"], gradient["complex_step"]),
    ]
    error, size = gradient["relative_error"], math.prod(gradient["shape"])
    entries = f"{gradient['entries']:,} of " if gradient["entries"] < size else ""
    text = "not finite" if error is None else f"{error:.1e}"
    compared = f"  relative error {text}, the largest of {entries}{count(size, 'figure')}"
    style = "green" if error is not None and error <= TOLERANCE["complex"] else "yellow"
    return ["", equations(screen, formulas), arrays(screen, lines), Text(compared, style)]


def _handed(screen: Screen, formula: str) -> Text:
    """Return the formula of a delta, with what was handed down in {…}."""
    handed, times, slope = formula.partition(" ⊙ ")
    if not handed.startswith("∂L/∂v"):
        return Text(screen.formula(formula))
    return Text.assemble((f"{{{screen.formula(handed)}}}", REUSED), screen.formula(times + slope))


def _update(screen: Screen, found: Values) -> list[RenderableType]:
    """Return the step, with the entry of each parameter that has the largest gradient."""
    update = found["update"]
    rate, rows = update["learning_rate"], update["rows"]
    over = "of this row" if found["update"]["over"] == "row" else f"mean of {count(rows, 'row')}"
    formulas = [
        ("W", Text(screen.formula(f"W − α ∂L/∂W,  α = {rate:g}, ∂L/∂W {over}"))),
        ("b", Text(screen.formula("b − α ∂L/∂b"))),
    ]
    table: list[list[Cell]] = []
    for before, p in zip(found["parameters"], update["parameters"], strict=True):
        place = _largest(p["gradient"])
        cells = [
            _fine(_at(values, place)) for values in (before["values"], p["gradient"], p["after"])
        ]
        table.append([f"{p['parameter']}[{', '.join(map(str, place))}]", *cells])
    head = ["entry, from 0", "before", "gradient", "after"]
    before, after = (_fine(update[key]) for key in ("loss_before", "loss_after"))
    return [
        equations(screen, formulas[: 1 + _has_bias(found)], screen.formula(" ← ")),
        Text("the entry of each with the largest gradient:"),
        screen.table("lrrr", head, table),
        Text.assemble("L before: ", before, ", after: ", (after, "bold")),
    ]


def _fine(value: float | None) -> str:
    """Return a figure in six digits: a step may change the last of them alone."""
    return MISSING if value is None else f"{value:.6g}"


def _has_bias(found: Values) -> bool:
    return any(p["parameter"][0] == "b" for p in found["parameters"])


def _largest(gradient: Sequence[Any]) -> tuple[int, ...]:
    """Return the place of the figure furthest from 0."""
    places: list[tuple[int, ...]] = [
        (i, j) if isinstance(row, list) else (i,)
        for i, row in enumerate(gradient)
        for j in range(len(row) if isinstance(row, list) else 1)
    ]
    return max(places, key=lambda place: abs(_at(gradient, place) or 0.0))


def _at(values: Sequence[Any], place: Sequence[int]) -> Any:
    for i in place:
        values = values[i]
    return values
