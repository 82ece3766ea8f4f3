"""A graph with its numbers: values, local derivatives and adjoints, and what can't be had of them.

The passes themselves are in `passes`.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnfit.errors import ConfigError, did_you_mean, listed
from nnfit.gradcheck.checking import TOLERANCE
from nnfit.graph.formulas import called, figure, formula, shown
from nnfit.graph.nodes import Graph, read_lines
from nnfit.graph.passes import (
    above,
    backward,
    complex_step,
    count_products,
    forward,
    local_derivatives,
)
from nnfit.table.functions import FUNCTIONS

NEGLIGIBLE = 1e-50  # the complex step's own error is of the second order


@dataclass(frozen=True, kw_only=True)
class Differentiated:
    """A graph at a point; what has an index is in the order of its nodes.

    `wrt` are the nodes asked for, by name, `wanted` those through which their derivatives come.
    `steps` are the derivatives by the complex step, and `differing` the names where it is another.
    """

    graph: Graph
    values: list[float]
    slopes: list[tuple[float, ...]]
    adjoints: list[float]
    wrt: dict[str, int]
    wanted: set[int]
    steps: dict[str, float]
    differing: set[str]
    products: tuple[int, int]


def differentiate(
    lines: Sequence[str], at: Mapping[str, float], wrt: Sequence[str] = ()
) -> Differentiated:
    """Return the graph of the lines with the last one's value differentiated.

    Parameters
    ----------
    lines : sequence of str
        Expressions, or NAME = EXPRESSION, each of the names above it.
    at : mapping of str to float
        A number for each name that is not that of a line.
    wrt : sequence of str, optional
        By which of the names, lines' too; by default all of `at`.

    Raises
    ------
    ConfigError
        With what can't be read, is missing, or is no finite number at this point.
    """
    graph = read_lines(lines)
    _check_names(graph, at, wrt)
    nodes, root = graph.nodes, graph.root
    asked = {name: graph.names[name] for name in (wrt or graph.inputs)}
    with np.errstate(all="ignore"):
        values = forward(nodes, at)
        for i, value in enumerate(values):
            if not math.isfinite(value):
                raise ConfigError(
                    f"graph: {formula(graph, i)} is {value:g}{_place(graph, values, i)}; "
                    "expected a finite number. Change --at"
                )
        slopes = local_derivatives(nodes, values)
        adjoints = backward(nodes, slopes, root)
        wanted = above(nodes, asked.values())
        _check_adjoints(graph, values, slopes, adjoints, wanted)
        steps = {name: complex_step(nodes, at, root, i) for name, i in asked.items()}
        # round-off is that of the terms, which may cancel in the sum
        sizes = backward(nodes, [tuple(map(abs, row)) for row in slopes], root)
        differing = {
            name
            for name, i in asked.items()
            if not abs(steps[name] - adjoints[i]) <= TOLERANCE["complex"] * sizes[i] + NEGLIGIBLE
        }
    return Differentiated(
        graph=graph, values=[float(value) for value in values], slopes=slopes,
        adjoints=[float(adjoint) for adjoint in adjoints], wrt=asked, wanted=wanted, steps=steps,
        differing=differing,
        products=count_products(nodes, root, set(asked.values())),
    )  # fmt: skip


def as_json(found: Differentiated) -> dict[str, Any]:
    """Return what `nnfit graph --json` prints; an adjoint is null where there is none."""
    graph, (reverse, by_path) = found.graph, found.products
    return {
        "value": found.values[graph.root],
        "derivatives": {name: found.adjoints[i] for name, i in found.wrt.items()},
        "nodes": [
            {
                "id": node.id,
                "operation": node.operation,
                "inputs": [graph.nodes[j].id for j in node.inputs],
                "value": value,
                "adjoint": adjoint if math.isfinite(adjoint) else None,
            }
            for node, value, adjoint in zip(graph.nodes, found.values, found.adjoints, strict=True)
        ],
        "products": {"reverse": reverse, "by_path": by_path},
    }


def _check_names(graph: Graph, at: Mapping[str, float], wrt: Sequence[str]) -> None:
    """Hold the names that have values, and those asked for, to those of the lines."""
    inputs = graph.inputs
    for name in at:
        if name in graph.names and name not in inputs:
            raise ConfigError(f"--at {name}: is worked out by its line; leave one of them out")
        if name not in inputs:
            hint = did_you_mean(name, inputs)
            there = f"names are: {listed(inputs)}" if inputs else "there is no name"
            raise ConfigError(f"--at {name}: no line uses it; {there}{hint}")
    for name in wrt:
        if name not in graph.names:
            hint = did_you_mean(name, graph.names)
            raise ConfigError(f"--wrt {name}: no such name; names are: {listed(graph.names)}{hint}")
    missing = [name for name in inputs if name not in at]
    if missing:
        lines = [name for name in graph.names if name not in inputs]
        hint = did_you_mean(missing[0], lines)
        if missing[0] in FUNCTIONS:
            hint = f"; the function is called as {missing[0]}(...)"
        have = "has no value" if len(missing) == 1 else "have no values"
        add = " ".join(f"--at {shlex.quote(f'{name}=NUMBER')}" for name in missing[:6])
        more = " …" if len(missing) > 6 else ""
        raise ConfigError(
            f"graph: {listed(map(repr, missing))} {have}; expected a number for each name. "
            f"Add {add}{more}{hint}"
        )


def _check_adjoints(
    graph: Graph,
    values: Sequence[float],
    slopes: Sequence[Sequence[float]],
    adjoints: Sequence[float],
    wanted: set[int],
) -> None:
    """Say where a derivative is lost on its way down: at a kink, at a pole, or by overflow."""
    for i in sorted(wanted.intersection(graph.uses), reverse=True):
        if math.isfinite(adjoints[i]):
            continue
        for user, place in graph.uses[i]:
            if not math.isfinite(slopes[user][place]):
                by = f" by {shown(graph, i)}" if len(_varying(graph, user)) > 1 else ""
                raise ConfigError(
                    f"graph: {formula(graph, user)} has no derivative here{by}, got "
                    f"{slopes[user][place]:g}{_place(graph, values, user)}; expected a finite "
                    "number. Change --at"
                )
        what = f"∂{called(graph.root_name)}/∂{shown(graph, i)}"
        raise ConfigError(f"graph: {what} is beyond the range of float64. Change --at")


def _place(graph: Graph, values: Sequence[float], i: int) -> str:
    """Return ` at x = 0`, with what the inputs of a node are made of."""
    parts = []
    for j in _varying(graph, i):
        made = [formula(graph, j)] if graph.nodes[j].inputs else []
        parts.append(" = ".join([shown(graph, j), *made, figure(values[j])]))
    return f" at {', '.join(parts)}" if parts else ""


def _varying(graph: Graph, i: int) -> list[int]:
    return [j for j in dict.fromkeys(graph.nodes[i].inputs) if not graph.is_plain(j)]
