"""One example through the network on stdout: graph, forward, backward and one update.

It takes the mapping that `nnfit explain --json` prints and works out nothing new.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from nnfit.gradcheck.checking import TOLERANCE
from nnfit.report.equations import REUSED, Line, arrays, chain, equations
from nnfit.report.figures import MISSING, count, cut, listed, number, shape_text
from nnfit.report.screen import Cell, Screen, titled

MAX_INPUTS = 12
GRAPH_TEXT = 40  # columns left for a node of the graph at its deepest
GRAPH_INDENT = 8  # columns of a layer
DRAWN = {"train": "a training row", "validation": "held out for validation",
         "test": "held out for the test"}  # fmt: skip

Values = Mapping[str, Any]


def print_explanation(example: Values, stream: TextIO) -> None:
    """Print one example's way through the network and back, from `nnfit.inside.explanation`."""
    screen = Screen(stream)
    parameters = {p["parameter"]: p for p in example["parameters"]}
    blocks: list[RenderableType] = [
        _head(screen, example),
        titled("parameters", _parameters(screen, example["parameters"])),
        titled("computation graph", _graph(screen, example["graph"])),
        titled("forward", _inputs(screen, example["inputs"])),
    ]
    for layer in example["forward"]:
        blocks += _forward(screen, layer, parameters, len(example["forward"]))
    blocks += _loss(screen, example)
    legend = Text("backward: from the loss down; ", "bold")
    legend.append("{…}", f"bold {REUSED}").append(" is reused from the layer above", "bold")
    blocks += ["", legend]
    for layer in example["backward"]:
        blocks += _backward(screen, layer)
    blocks.append(titled("one update", Group(*_update(screen, example))))
    screen.write(*blocks)


def _head(screen: Screen, example: Values) -> RenderableType:
    row = f"row {example['row']:,} of {example['data']}"
    if example["drawn"] is not None:
        row += f", {DRAWN[example['drawn']]}"
    state = "as it is initialised" if example["initialised"] else "trained"
    network = f"{example['source']}, {state}"
    rows: list[tuple[str, Cell]] = [("example", row), ("network", network)]
    rows += [("note" if i == 0 else "", screen.formula(n)) for i, n in enumerate(example["notes"])]
    return screen.pairs(rows)


def _parameters(screen: Screen, parameters: Sequence[Values]) -> RenderableType:
    rows: list[list[Cell]] = []
    for p in parameters:
        values = np.array(p["values"])
        name = f"{p['parameter'][0]}[{p['layer']}]"
        span = [number(values.min()), number(values.max())]
        rows.append([name, shape_text(p["shape"]), f"{p['count']:,}", *span])
    rows.append(["all", "", f"{sum(p['count'] for p in parameters):,}", "", ""])
    return screen.table("lrrrr", ["name", "shape", "numbers", "smallest", "largest"], rows)


def _graph(screen: Screen, graph: Sequence[Values]) -> Tree:
    """Return the nodes below what is made of them; of a deep network the middle is left out."""
    nodes = {node["node"]: node for node in graph}
    n_layers = sum(name.startswith("z") for name in nodes)
    most = max(1, (screen.width - GRAPH_TEXT) // GRAPH_INDENT)

    def label(name: str) -> Text:
        node = nodes[name]
        text = name if not node["formula"] else f"{name} = {node['formula']}"
        shown = Text(screen.formula(text), no_wrap=True, overflow="ellipsis")
        return shown.append(f"   {shape_text(node['shape'])}" if node["shape"] else "", "dim")

    def grow(tree: Tree, name: str) -> None:
        for inner in nodes[name]["inputs"] if name != "penalty" else ():
            left = int(inner[2:-1]) if inner[0] == "v" else n_layers
            if n_layers - left >= most and inner != "v[0]":
                tree.add(Text(screen.formula(f"{inner} … v[0]: {count(left, 'more layer')}")))
            else:
                grow(tree.add(label(inner)), inner)

    tree = Tree(label("L"), guide_style="dim" if screen.color else "")
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
    formulas = [(f"z[{i}]", layer["affine"]), (v, f"σ(z[{i}]), σ(z) = {layer['sigma']}")]
    lines: list[Line] = [
        (f"{letter}[{i}]", p["shape"], p["values"])
        for letter in "Wb"
        if (p := parameters.get(f"{letter}{i}"))
    ]
    lines += [(f"z[{i}]", [out], layer["z"]), (f"v[{i}]", [out], layer["v"])]
    title = f"layer {i} of {n_layers}: {layer['inputs']} → {out}, {layer['activation']}"
    return [titled(title, equations(screen, formulas)), arrays(screen, lines)]


def _loss(screen: Screen, example: Values) -> list[RenderableType]:
    prediction, target, loss = example["prediction"], example["target"], example["loss"]
    K = [len(target["y"])]
    lines: list[Line] = [("ŷ", K, prediction["y_hat"]), ("y", K, target["y"])]
    value = _value(prediction["value"])
    if prediction["probabilities"] is not None:
        value += f", probability {number(prediction['probabilities'][prediction['value']])}"
    rows: list[tuple[str, Cell]] = [("predicted", value), ("true", _value(target["value"]))]
    figures = number(loss["loss"])
    if loss["penalty"]:
        figures = f"{number(loss['data_loss'])} + {number(loss['penalty'])} = {figures}"
    formulas = [("L", loss["formula"]), ("", Text(figures, "bold"))]
    return [
        titled("prediction", arrays(screen, lines)),
        screen.pairs(rows),
        titled(f"loss: {loss['name']}", equations(screen, formulas)),
    ]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return listed([f"{cut(k, 20)} {number(v)}" for k, v in value.items()], width=40)
    return cut(value, 40) if isinstance(value, str) else number(value)


def _backward(screen: Screen, layer: Values) -> list[RenderableType]:
    i, delta, down = layer["layer"], layer["delta"], layer["handed_down"]
    K = [len(delta["values"])]
    factors: list[Line] = [(f["name"], K, f["values"]) for f in delta["factors"]]
    formulas: list[tuple[str, Cell]] = [
        (f"delta[{i}]", f"∂L/∂z[{i}]"),
        ("", chain(screen, delta["chain"])),
        ("", _handed(screen, delta["formula"])),
    ]
    for factor in delta["factors"]:
        if not factor["formula"].startswith("W["):  # shown where it was handed down
            formulas.append((factor["name"], factor["formula"]))
    blocks: list[RenderableType] = [
        titled(f"layer {i}", equations(screen, formulas)),
        Text(f"  ({screen.formula(delta['rule'])})", "dim"),
        arrays(screen, [*factors, (f"delta[{i}]", K, delta["values"])]),
    ]
    for gradient in layer["gradients"]:
        blocks += _gradient(screen, f"∂L/∂{gradient['parameter'][0]}[{i}]", gradient)
    return [*blocks, *_gradient(screen, f"∂L/∂v[{i - 1}]", down)]


def _gradient(screen: Screen, name: str, gradient: Values) -> list[RenderableType]:
    """Return a gradient as its product, and beside its complex step where it has one."""
    formulas = [(name, chain(screen, gradient["chain"])), ("", gradient["formula"])]
    values = gradient["values"]
    if "complex_step" not in gradient:
        handed = arrays(screen, [("handed down", [len(values)], values)])
        return ["", equations(screen, formulas), handed]
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


def _update(screen: Screen, example: Values) -> list[RenderableType]:
    """Return the step, with the entry of each parameter that has the largest gradient."""
    update = example["update"]
    rate, rows = update["learning_rate"], update["rows"]
    over = "of this row" if update["over"] == "row" else f"mean of {count(rows, 'row')}"
    formulas = [("W", f"W − α ∂L/∂W,  α = {rate:g}, ∂L/∂W {over}")]
    if any(p["parameter"][0] == "b" for p in update["parameters"]):
        formulas.append(("b", "b − α ∂L/∂b"))
    table: list[list[Cell]] = []
    for before, p in zip(example["parameters"], update["parameters"], strict=True):
        steps = np.array([before["values"], p["gradient"], p["after"]], dtype=np.float64)
        sizes = np.nan_to_num(np.abs(steps[1]))
        place = np.unravel_index(sizes.argmax(), sizes.shape)
        cells = [_fine(float(value)) for value in steps[:, *place]]
        table.append([f"{p['parameter']}[{', '.join(map(str, place))}]", *cells])
    head = ["entry, from 0", "before", "gradient", "after"]
    before, after = (_fine(update[key]) for key in ("loss_before", "loss_after"))
    return [
        equations(screen, formulas, screen.formula(" ← ")),
        Text("the entry of each with the largest gradient:"),
        screen.table("lrrr", head, table),
        Text.assemble("L before: ", before, ", after: ", (after, "bold")),
    ]


def _fine(value: float | None) -> str:
    """Return a figure in six digits: a step may change the last of them alone."""
    return MISSING if value is None or math.isnan(value) else f"{value:.6g}"
