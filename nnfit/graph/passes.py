"""Forward and backward through a computation graph: the chain rule, each of its terms once.

Forward, values go up from the inputs. Backward, from dz/dz = 1 down, a node hands to each input its
own derivative times the local one, and where several arrive they are added: reverse accumulation
(Linnainmaa 1970). What the operations are is said in `rules`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from nnfit.gradcheck.numeric import COMPLEX_STEP
from nnfit.graph.nodes import INPUT, NUMBER, Node
from nnfit.graph.rules import RULES
from nnfit.table.functions import OPERATIONS

STEPS, SMALL = (COMPLEX_STEP, 1e-100, 1e-200, 1e-300), 1e-15


def forward(
    nodes: Sequence[Node], at: Mapping[str, float], nudged: int = -1, step: float = 0.0
) -> list[Any]:
    """Return the value of each node; that of the node `nudged` gets an imaginary `step`."""
    values: list[Any] = []
    for i, node in enumerate(nodes):
        if node.operation == INPUT:
            value: Any = np.float64(at[node.id])
        elif node.operation == NUMBER:
            value = np.float64(node.number)
        else:
            value = OPERATIONS[node.operation](*(values[j] for j in node.inputs))
        values.append(value + 1j * step if i == nudged else value)
    return values


def local_derivatives(nodes: Sequence[Node], values: Sequence[Any]) -> list[tuple[float, ...]]:
    """Return of each node its derivative by each of its inputs; NaN at a kink."""
    return [
        RULES[node.operation].slopes(*(values[j] for j in node.inputs), z) if node.inputs else ()
        for node, z in zip(nodes, values, strict=True)
    ]


def backward(nodes: Sequence[Node], slopes: Sequence[Sequence[float]], root: int) -> list[float]:
    """Return the adjoint of each node, d root/d node; 0 where the root does not use it."""
    adjoints = {root: 1.0}
    for i in range(root, -1, -1):  # after all that use it, since inputs stand before
        if i in adjoints:
            for j, slope in zip(nodes[i].inputs, slopes[i], strict=True):
                adjoints[j] = adjoints.get(j, 0.0) + adjoints[i] * slope
    return [adjoints.get(i, 0.0) for i in range(len(nodes))]


def complex_step(nodes: Sequence[Node], at: Mapping[str, float], root: int, node: int) -> float:
    """Return d root/d node as Im f(x + ih)/h, from the forward pass alone.

    The step is so small that beside every value on the way its trace is too.
    """
    for step in STEPS:
        values = forward(nodes, at, nudged=node, step=step)
        if all(abs(v.imag) <= SMALL * abs(v.real or 1.0) for v in values):
            break
    return float(values[root].imag / step)


def above(nodes: Sequence[Node], below: Collection[int]) -> set[int]:
    """Return the nodes `below` and all that depend on them: where a derivative is wanted."""
    found = set(below)
    for i, node in enumerate(nodes):
        if found.intersection(node.inputs):
            found.add(i)
    return found


def count_products(nodes: Sequence[Node], root: int, below: Collection[int]) -> tuple[int, int]:
    """Return how many products all derivatives take: in a reverse pass, and path by path.

    A reverse pass takes one for each edge that leads from the root to the nodes `below`; every
    path from the root takes one for each of its edges, and there may be 2^n of them.
    """
    wanted, reverse = above(nodes, below), 0
    paths, products = {root: 1}, {root: 0}
    for i in range(root, -1, -1):
        for j in nodes[i].inputs if i in paths else ():
            if j in wanted:
                reverse += 1
                paths[j] = paths.get(j, 0) + paths[i]
                products[j] = products.get(j, 0) + products[i] + paths[i]
    return reverse, sum(products.get(i, 0) for i in below)
