"""The chain rule of a graph as a student writes it: a line for each derivative.

What the derivatives are is worked out in `passes`, and what they are called in `formulas`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nnfit.graph.differentiating import Differentiated
from nnfit.graph.formulas import called, exponent_of, figure, product, shown, symbol
from nnfit.graph.nodes import NUMBER, Edge, Graph, Uses

Monomial = tuple[np.float64, dict[int, float]]  # a number times powers of leaves


class Derivation(NamedTuple):
    """A derivative by the chain rule: equal terms in letters, then in numbers, and their value.

    `numbers` is empty where it would only repeat the value.
    """

    name: str
    letters: list[str]
    numbers: str
    value: float
    step: float | None  # by the complex step, of those asked for
    agrees: bool


def slope_texts(found: Differentiated, i: int, place: int, digits: int = 6) -> list[str]:
    """Return the local derivative of a node by one of its inputs, in letters and in numbers.

    Where these are the same there is one text.
    """
    letters, number = symbol(found.graph, i, place), figure(found.slopes[i][place], digits)
    return [number] if letters.replace("−", "-") == number else [letters, number]


def derivations(found: Differentiated) -> list[Derivation]:
    """Return the chain rule for each node asked for, and before for those that they have in common.

    A term is the product of the edges on the only way to a node from one above it, whose own
    derivative, in {…}, is not worked out again, or from the root. So there are no more terms than
    edges, however many paths there are.
    """
    graph, uses = found.graph, found.graph.uses
    targets = [(name, i) for name, i in found.wrt.items()]
    stops = {graph.root, *found.wrt.values()}
    for i in sorted(uses, reverse=True):
        if i in found.wanted - stops and graph.nodes[i].inputs:
            handed_on = found.wanted.intersection(graph.nodes[i].inputs)
            if len(uses[i]) > 1 or len(handed_on) > 1 and len(_terms(uses, stops, i)[0]) > 1:
                targets.append((graph.nodes[i].id, i))
                stops.add(i)
    targets.sort(key=lambda target: -target[1] if graph.nodes[target[1]].inputs else target[1])
    return [_derive(found, name, i, _terms(uses, stops, i)) for name, i in targets]


def _terms(uses: Uses, stops: set[int], i: int) -> list[list[Edge]]:
    """Return for each use of a node the edges that lead down to it from the next of `stops`."""
    terms = []
    for edge in sorted(uses.get(i, [])):
        edges = [edge]
        while edges[0][0] not in stops:  # and so used once
            edges.insert(0, uses[edges[0][0]][0])
        terms.append(edges)
    return terms


def _derive(found: Differentiated, name: str, i: int, terms: list[list[Edge]]) -> Derivation:
    """Return the derivative by one node from its terms, each the edges of a product."""
    graph, value = found.graph, figure(found.adjoints[i])

    def partial(user: int, place: int) -> str:
        return f"∂{shown(graph, user)}/∂{shown(graph, graph.nodes[user].inputs[place])}"

    def reused(top: int) -> str:
        return f"∂{called(graph.root_name)}/∂{shown(graph, top)}"

    letters = []
    # what would stand for two things at once is left out: ∂z/∂x of an edge where z uses x again
    direct = any(edges == edges[:1] and edges[0][0] == graph.root for edges in terms)
    if terms and not direct and len({edges[-1][0] for edges in terms}) == len(terms):
        letters.append(_sum(graph, terms, reused, partial))
    if terms:
        letters.append(_sum(graph, terms, reused, lambda *edge: symbol(graph, *edge)))
    numbers = _sum(
        graph, terms,
        lambda top: figure(found.adjoints[top]),
        lambda user, place: figure(found.slopes[user][place]),
    )  # fmt: skip
    simple = _simplified(graph, i) if terms else None
    if simple is not None and simple != letters[-1]:
        letters.append(simple)
    texts = [text.replace("−", "-") for text in letters]
    if numbers in ("", value, *texts):
        numbers = ""
    if simple is not None or not numbers:
        letters = [*(letters[:-1] if texts[-1:] == [value] else letters), value]
    return Derivation(
        f"∂{called(graph.root_name)}/∂{called(name)}", letters, numbers, found.adjoints[i],
        found.steps.get(name), name not in found.differing,
    )  # fmt: skip


def _sum(
    graph: Graph,
    terms: list[list[Edge]],
    reused: Callable[[int], str],
    factor: Callable[[int, int], str],
) -> str:
    """Return the sum of products; what comes from a node whose derivative is known is in {…}."""
    texts = []
    for edges in terms:
        factors = [factor(*edge) for edge in edges]
        if edges[0][0] != graph.root:
            factors.insert(0, f"{{{reused(edges[0][0])}}}")
        alone = len(terms) == len(factors) == 1
        texts.append(" · ".join(factors if alone else map(_closed, factors)))
    return " + ".join(texts)


def _closed(factor: str) -> str:
    """Return a factor as it stands among others: a sum or a minus in parentheses."""
    loose = " " in re.sub(r"\([^()]*\)|\[[^]]*\]|\{[^}]*\}", "", factor)
    return f"({factor})" if loose or factor[0] in "-−" else factor


def _simplified(graph: Graph, i: int) -> str | None:
    """Return the derivative of the root by a leaf as one product, where the root is one."""
    root = _monomial(graph)
    if root is None or graph.nodes[i].inputs:
        return None
    coefficient, powers = root
    lowered = {shown(graph, j): k - (j == i) for j, k in powers.items()}
    return product(coefficient * powers.get(i, 0.0), lowered)


def _monomial(graph: Graph) -> Monomial | None:
    """Return the root as a number times whole powers of leaves, None if it is no such product."""
    made: list[Monomial | None] = []
    with np.errstate(all="ignore"):
        for i, node in enumerate(graph.nodes[: graph.root + 1]):
            a, b = ([made[j] for j in node.inputs] + [None, None])[:2]
            found, exponent, sign = (
                None,
                exponent_of(graph, i),
                1.0 if node.operation == "*" else -1.0,
            )
            if not node.inputs:
                leaf = (node.number, {}) if node.operation == NUMBER else (1.0, {i: 1.0})
                found = np.float64(leaf[0]), leaf[1]
            elif node.operation == "neg" and a:
                found = -a[0], a[1]
            elif node.operation in ("*", "/") and a and b:
                powers = {j: a[1].get(j, 0.0) + sign * b[1].get(j, 0.0) for j in a[1] | b[1]}
                found = a[0] * b[0] ** sign, powers
            elif exponent is not None and exponent == round(exponent) and a:
                found = a[0] ** exponent, {j: k * exponent for j, k in a[1].items()}
            made.append(found if found and found[0] and np.isfinite(found[0]) else None)
    return made[graph.root]
