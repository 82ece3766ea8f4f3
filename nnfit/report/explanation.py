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

from nnfit.gradcheck.checking import TOLERANCE
from nnfit.inside.explanation.formulas import PENALTY, parameter
from nnfit.report.equations import REUSED, Line, arrays, chain, equations
from nnfit.report.figures import MISSING, count, cut, listed, number, shape_text
from nnfit.report.network_graph import graph_table
from nnfit.report.screen import Cell, Screen, titled

MAX_INPUTS = 12
MAX_TERMS = 3  # of a sum before its last one
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
        titled("computation graph", graph_table(screen, example["graph"])),
        titled("forward", _inputs(screen, example["inputs"])),
    ]
    v = example["inputs"]["values"]
    for layer in example["forward"]:
        blocks += _forward(screen, layer, v, parameters, len(example["forward"]))
        v = layer["v"]
    blocks += _loss(screen, example)
    legend = Text("backward: from the loss down; ", "bold")
    legend.append("{…}", f"bold {REUSED}").append(" is reused from the layer above", "bold")
    blocks += ["", legend]
    for layer in example["backward"]:
        blocks += _backward(screen, layer)
    if example["columns"]:
        blocks.append(
            titled(
                screen.formula("φ(x): down to the columns"), _columns(screen, example["columns"])
            )
        )
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
        name = parameter(p["parameter"])
        span = [number(values.min()), number(values.max())]
        rows.append([name, shape_text(p["shape"]), f"{p['count']:,}", *span])
    rows.append(["all", "", f"{sum(p['count'] for p in parameters):,}", "", ""])
    return screen.table("lrrrr", ["name", "shape", "numbers", "smallest", "largest"], rows)


def _inputs(screen: Screen, inputs: Values) -> RenderableType:
    names, values = inputs["names"], inputs["values"]
    shown = list(zip(names, values, strict=True))[:MAX_INPUTS]
    rows: list[list[Cell]] = [[cut(name, 40), number(value)] for name, value in shown]
    if len(names) > len(shown):
        rows.append([f"… and {len(names) - len(shown):,} more", ""])
    return screen.table("lr", [screen.formula("v[0] = φ(x)"), "value"], rows)


def _forward(
    screen: Screen, layer: Values, v: Sequence[Any], parameters: Values, n_layers: int
) -> list[RenderableType]:
    i, out = layer["layer"], layer["outputs"]
    out_name = f"v[{i}]" if i < n_layers else f"ŷ = v[{i}]"
    is_y_hat = i == n_layers and layer["activation"] == "identity"
    formulas = [
        (f"z[{i}]", layer["affine"]),
        (out_name, f"σ(z[{i}]), σ(z) = {layer['sigma']}"),
        ("ŷ_1" if is_y_hat else f"z[{i}]_1", layer["unit"]["formula"]),
        ("", _sum(layer, layer.get("input", v), parameters)),
    ]
    lines: list[Line] = [
        (parameter(name), p["shape"], p["values"])
        for name, p in parameters.items()
        if p["layer"] == i
    ]
    if "input" in layer:
        lines.append(("s ⊙ v[0]", [layer["inputs"]], layer["input"]))
    lines += [(f"z[{i}]", [out], layer["z"]), (f"v[{i}]", [out], layer["v"])]
    title = f"layer {i} of {n_layers}: {layer['inputs']} → {out}, {layer['activation']}"
    return [titled(title, equations(screen, formulas)), arrays(screen, lines)]


def _sum(layer: Values, v: Sequence[Any], parameters: Values) -> str:
    """Return the layer's first unit as products of numbers; the middle of many is left out."""
    weights = parameters[f"W{layer['layer']}"]["values"][0]
    terms = [f"{_operand(w)}·{_operand(x)}" for w, x in zip(weights, v, strict=True)]
    if len(terms) > MAX_TERMS + 1:
        terms[MAX_TERMS:-1] = ["…"]
    if b := parameters.get(f"b{layer['layer']}"):
        terms.append(_operand(b["values"][0]))
    return f"{' + '.join(terms)} = {number(layer['unit']['z'])}"


def _operand(value: float | None) -> str:
    text = "0" if value == 0.0 else number(value)
    return f"({text})" if text[0] == "-" else text


def _loss(screen: Screen, example: Values) -> list[RenderableType]:
    prediction, target, loss = example["prediction"], example["target"], example["loss"]
    K = [len(target["y"])]
    lines: list[Line] = [("ŷ", K, prediction["y_hat"]), ("y", K, target["y"])]
    value = _value(prediction["value"])
    if prediction["probabilities"] is not None:
        value += f", probability {number(prediction['probabilities'][prediction['value']])}"
    rows: list[tuple[str, Cell]] = [("predicted", value)]
    rows += [(cut(k, 30), number(v)) for k, v in prediction.get("beside", {}).items()]
    rows.append(("true", _value(target["value"])))
    formulas: list[tuple[str, Cell]] = [
        ("loss" if loss["l2"] else "L", loss["formula"]),
        ("", Text(number(loss["loss"]), "" if loss["l2"] else "bold")),
    ]
    if loss["squared_norm"] is not None:
        squares = f"{K[0]} · {number(loss['loss'])} = {number(loss['squared_norm'])}"
        formulas.append(("‖ŷ − y‖²", f"Σ_k (ŷ_k − y_k)² = {K[0]} · mse = {squares}"))
    if loss["l2"]:
        formulas += [("penalty", PENALTY), ("", number(loss["penalty"])), ("L", "loss + penalty")]
        both = f"{number(loss['loss'])} + {number(loss['penalty'])} = {number(loss['total'])}"
        formulas.append(("", Text(both, "bold")))
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
    lines: list[Line] = [(f["name"], K, f["values"]) for f in delta["factors"]]
    if delta.get("jacobian"):
        lines.append((f"∂ŷ/∂z[{i}]", [*K, *K], delta["jacobian"]))
    if len(delta.get("derivation", ())) > 1:
        lines.append(("product", K, delta["product"]))
    formulas: list[tuple[str, Cell]] = [
        (f"delta[{i}]", f"∂L/∂z[{i}]"),
        ("", chain(screen, delta["chain"])),
        *(("", _handed(screen, text)) for text in delta.get("derivation", [delta["formula"]])),
    ]
    for factor in delta["factors"]:
        if not factor["formula"].startswith("W["):  # shown where it was handed down
            formulas.append((factor["name"], factor["formula"]))
        if factor.get("numbers"):
            formulas.append(("", factor["numbers"]))
    blocks: list[RenderableType] = [
        titled(f"layer {i}", equations(screen, formulas)),
        Text(f"  ({screen.formula(delta['rule'])})", "dim"),
        arrays(screen, [*lines, (f"delta[{i}]", K, delta["values"])]),
    ]
    for gradient in layer["gradients"]:
        blocks += _gradient(screen, f"∂L/∂{parameter(gradient['parameter'])}", gradient)
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
    size = math.prod(gradient["shape"])
    checked = _error(gradient["relative_error"], gradient["entries"], size)
    return ["", equations(screen, formulas), arrays(screen, lines), checked]


def _error(error: float | None, compared: int, size: int) -> Text:
    of = f"{compared:,} of " if compared < size else ""
    text = "not finite" if error is None else f"{error:.1e}"
    style = "green" if error is not None and error <= TOLERANCE["complex"] else "yellow"
    return Text(f"  relative error {text}, the largest of {of}{count(size, 'figure')}", style)


def _handed(screen: Screen, formula: str) -> Text:
    """Return the formula of a delta, with what was handed down in {…}."""
    handed, times, slope = formula.partition(" ⊙ ")
    if not handed.startswith("∂L/∂v"):
        return Text(screen.formula(formula))
    return Text.assemble((f"{{{screen.formula(handed)}}}", REUSED), screen.formula(times + slope))


def _columns(screen: Screen, columns: Sequence[Values]) -> RenderableType:
    """Return ∂L/∂x of each column as the sum over the inputs that it is part of."""
    formula = [("∂L/∂x", "Σ_i ∂L/∂v[0]_i · ∂v[0]_i/∂x")]
    rows: list[list[Cell]] = []
    for column in columns[:MAX_INPUTS]:
        start = [cut(column["column"], 24), _fine(column["value"])]
        for term in column["terms"][:MAX_INPUTS]:
            entry = f"v[0]_{term['input']}"
            if term["name"] != column["column"]:
                entry += f" = {cut(term['name'].removeprefix(column['column'] + ' '), 20)}"
            through = [entry, number(term["derivative"]), number(term["slope"])]
            rows.append([*start, *through, "", ""])
            start = ["", ""]
        if left := len(column["terms"]) - MAX_INPUTS:
            rows += [["", "", f"… {left:,} more", "", "", "", ""]] * (left > 0)
        rows[-1][-2:] = [_fine(column["derivative"]), _fine(column["complex_step"])]
    if len(columns) > MAX_INPUTS:
        rows.append([f"… {len(columns) - MAX_INPUTS:,} more", *[""] * 6])
    head = ["column x", "value", "in", "∂L/∂v_i", "∂v_i/∂x", "∂L/∂x", "complex step"]
    table = screen.table("lrlrrrr", [screen.formula(text) for text in head], rows)
    if screen.narrow:
        table = screen.table(
            "lr", ["column x", screen.formula(head[5])], [[row[0], row[5]] for row in rows]
        )
    below: list[RenderableType] = []
    if errors := [e for column in columns if (e := column["relative_error"]) is not None]:
        below.append(_error(max(errors), len(errors), len(columns)))
    if any(column["derivative"] is None for column in columns[:MAX_INPUTS]):
        why = "  –: none here, at a kink; a quantile scale has one at every value seen"
        below.append(Text(why, "dim"))
    return Group(equations(screen, formula), table, *below)


def _update(screen: Screen, example: Values) -> list[RenderableType]:
    """Return the step, with the entry of each parameter that has the largest gradient."""
    update = example["update"]
    rate, rows = update["learning_rate"], update["rows"]
    over = "of this row" if update["over"] == "row" else f"mean of {count(rows, 'row')}"
    formulas = [("W", f"W − α ∂L/∂W,  α = {rate:g}, ∂L/∂W {over}")]
    if any(p["parameter"][0] == "b" for p in update["parameters"]):
        formulas.append(("b", "b − α ∂L/∂b"))
    if any(p["parameter"] == "s" for p in update["parameters"]):
        formulas.append(("s", "s − α ∂L/∂s"))
    table: list[list[Cell]] = []
    for before, p in zip(example["parameters"], update["parameters"], strict=True):
        steps = np.array([before["values"], p["gradient"], p["after"]], dtype=np.float64)
        sizes = np.nan_to_num(np.abs(steps[1]))
        place = np.unravel_index(sizes.argmax(), sizes.shape)
        cells = [_fine(float(value)) for value in steps[:, *place]]
        table.append([f"{p['parameter']}[{', '.join(map(str, place))}]", *cells])
    head = ["entry, from 0", "before", "gradient", "after"]
    between = ", after: " if update["penalty_before"] == 0.0 else "\nL after:  "
    before, after = (_sum_of_losses(update, key) for key in ("before", "after"))
    return [
        equations(screen, formulas, screen.formula(" ← ")),
        Text("the entry of each with the largest gradient:"),
        screen.table("lrrr", head, table),
        Text.assemble("L before: ", before, between, (after, "bold")),
    ]


def _sum_of_losses(update: Values, key: str) -> str:
    """Return L before or after the step, as the sum of loss and penalty where there is one."""
    loss, penalty, total = (_fine(update[f"{of}_{key}"]) for of in ("loss", "penalty", "total"))
    return total if update["penalty_before"] == 0.0 else f"{loss} + {penalty} = {total}"


def _fine(value: float | None) -> str:
    """Return a figure in six digits: a step may change the last of them alone."""
    return MISSING if value is None or math.isnan(value) else f"{value:.6g}"
