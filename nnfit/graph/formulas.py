"""What the nodes of a graph and their local derivatives are called in formulas.

The letters are the lecture's; a screen that can't show them spells them out.
"""

from __future__ import annotations

import re
from keyword import iskeyword

from nnfit.graph.nodes import NUMBER, Graph
from nnfit.graph.rules import RULES

NAME_WIDTH = 16
_SUPERSCRIPTS = {float(n): raised for n, raised in enumerate("²³⁴⁵⁶⁷⁸⁹", 2)}


def figure(value: float, digits: int = 6) -> str:
    """Return a number in so many digits, a whole one without a point."""
    whole = abs(value) < 1e15 and value == int(value)
    return str(int(value)) if whole else f"{value:.{digits}g}"


def in_letters(value: float) -> str:
    """Return a number as it stands in a formula."""
    return figure(value).replace("-", "−")


def shown(graph: Graph, i: int) -> str:
    """Return what a node is called in formulas; numbers by themselves."""
    node = graph.nodes[i]
    if graph.is_plain(i):
        return in_letters(node.number)
    return called(graph.root_name if i == graph.root else node.id)


def called(name: str) -> str:
    """Return a name as formulas have it: short, and in backticks if it is no plain word."""
    short = name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 1] + "…"
    return short if name.isidentifier() and not iskeyword(name) else f"`{short}`"


def formula(graph: Graph, i: int) -> str:
    """Return the operation of a node on its inputs, `x²`; a leaf is its name or number."""
    node = graph.nodes[i]
    if not node.inputs:
        return in_letters(node.number) if node.operation == NUMBER else called(node.id)
    if (exponent := exponent_of(graph, i)) is not None:
        return product(1.0, {shown(graph, node.inputs[0]): exponent})
    return _filled(graph, i, RULES[node.operation].formula)


def label(graph: Graph, i: int) -> str:
    """Return all names of a node and what it is: `z = x²`, `c = 3`, `x`."""
    node = graph.nodes[i]
    names = [called(name) for name in node.names]
    if node.inputs and not names:
        names = [called(node.id)]
    return " = ".join([*names, formula(graph, i)])


def symbol(graph: Graph, i: int, place: int) -> str:
    """Return the derivative of a node by the input at `place`, in letters: `2x`."""
    exponent = exponent_of(graph, i)
    if exponent is not None and place == 0:
        return product(exponent, {shown(graph, graph.nodes[i].inputs[0]): exponent - 1.0})
    return _filled(graph, i, RULES[graph.nodes[i].operation].symbols[place])


def exponent_of(graph: Graph, i: int) -> float | None:
    """Return the exponent of a node that is a power by a number of something that varies."""
    node = graph.nodes[i]
    if node.operation != "**":
        return None
    base, exponent = node.inputs
    plain = graph.is_plain(exponent) and not graph.is_plain(base)
    return graph.nodes[exponent].number if plain else None


def _filled(graph: Graph, i: int, template: str) -> str:
    node = graph.nodes[i]
    operands = [shown(graph, j) for j in node.inputs]
    closed = [f"({text})" if text[0] == "−" else text for text in operands]
    text = template.format(**dict(zip("ab", closed, strict=False)), z=shown(graph, i))
    return text if node.operation == "**" else re.sub(r"^\((−[^()]*)\)", r"\1", text)


def product(coefficient: float, powers: dict[str, float]) -> str:
    """Return a coefficient and powers as one product: `4x³`, `2·width`, `−x**(-2)`."""
    factors = [_raised(name, exponent) for name, exponent in powers.items() if exponent]
    if not factors or not coefficient:
        return in_letters(coefficient)
    joint = "" if all(len(name) == 1 for name in powers) and "**" not in "".join(factors) else "·"
    size = [] if abs(coefficient) == 1.0 else [figure(abs(coefficient))]
    return ("−" if coefficient < 0.0 else "") + joint.join([*size, *factors])


def _raised(name: str, exponent: float) -> str:
    if exponent == 1.0:
        return name
    if exponent in _SUPERSCRIPTS:
        return name + _SUPERSCRIPTS[exponent]
    return f"{name}**{f'({in_letters(exponent)})' if exponent < 0.0 else figure(exponent)}"
