"""A computation graph as text: a tree with values and derivatives, then the chain rule.

Its picture is drawn in `plots.graph`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple, TextIO

from rich.text import Text

from nnfit.graph.chain_rule import Derivation, derivations, slope_texts
from nnfit.graph.differentiating import Differentiated
from nnfit.graph.formulas import figure, label, shown
from nnfit.report.figures import listed
from nnfit.report.screen import Screen

NARROWEST = 20  # columns of the tree
INDENT = 4
GLUE = "\u00a0"  # a space that no line ends at
MAX_SLOPE = 26  # columns of a local derivative; of a longer one the letters are left out


class _Row(NamedTuple):
    name: str
    value: str
    slope: str
    adjoint: str


def print_graph(found: Differentiated, stream: TextIO) -> None:
    """Print a graph from its last line down, the chain rule of each name, and what it took."""
    screen, graph = Screen(stream), found.graph
    root = shown(graph, graph.root)
    blocks = [Text(line) for line in _table(screen, found)]
    blocks[0].stylize("bold")
    if found.wrt:
        title = screen.formula(f"backward, from ∂{root}/∂{root} = 1 down")
        blocks += [Text(""), Text(title, "bold")]
    for derivation in derivations(found):
        blocks += map(Text, _equation(screen, derivation))
    reverse, by_path = map(_count, found.products)
    blocks.append(Text(f"\nproducts: {reverse} in one reverse pass, {by_path} path by path"))
    if unused := [name for name, i in graph.names.items() if i not in graph.uses]:
        blocks.append(Text(f"not used by {root}: {listed(unused)}"))
    screen.write(*blocks, wrap=False)


def _table(screen: Screen, found: Differentiated) -> list[str]:
    """Return the tree beside values, local derivatives and adjoints, in aligned columns."""
    tree, root = _Tree(screen, found), shown(found.graph, found.graph.root)
    head = _Row("node", "value", "local derivative", screen.formula(f"∂{root}/∂node"))
    edges = [edge for i in found.wanted for edge in found.graph.uses.get(i, [])]
    value = max(len(text) for text in (head.value, *map(figure, found.values)))
    slope = max(len(text) for text in (head.slope, *(tree.slope(*edge) for edge in edges)))
    adjoint = max(len(text) for text in (head.adjoint, *map(figure, found.adjoints)))
    if screen.narrow:
        slope = 0
    rows = [head, *tree.rows(max(NARROWEST, screen.width - value - slope - adjoint - 6))]
    name = max(len(row.name) for row in rows)
    return [
        f"{row.name:<{name}}  {row.value:>{value}}  "
        + (f"{row.slope:<{slope}}  " if slope else "")
        + f"{row.adjoint:>{adjoint}}"
        for row in rows
    ]


class _Tree:
    """The nodes below what is made of them, each written out once."""

    def __init__(self, screen: Screen, found: Differentiated) -> None:
        self.screen, self.found, self.graph = screen, found, found.graph

    def rows(self, room: int) -> Iterator[_Row]:
        """Yield the rows; what does not fit into `room` columns comes below, as its own tree."""
        self.room, self.written, self.later = room, set[int](), [self.graph.root]
        for root in self.later:  # which grows
            yield from self.grow(root, "", "", "")

    def grow(self, i: int, slope: str, first: str, rest: str) -> Iterator[_Row]:
        """Yield a node's row and those below it; `first` and `rest` are what stands before."""
        inputs = self.graph.nodes[i].inputs
        below = [place for place, j in enumerate(inputs) if not self.graph.is_plain(j)]
        names = [(self.name(inputs[n]), self.see(inputs[n], "below")) for n in below]
        where = "above" if i in self.written else ""
        if first and below and not where:
            if i in self.later or len(rest) + INDENT + max(map(len, chain(*names))) > self.room:
                where = "below"
        if where:
            if where == "below" and i not in self.later:
                self.later.append(i)
            yield _Row(first + self.see(i, where), "", slope, "")
            return
        self.written.add(i)
        adjoint = figure(self.found.adjoints[i]) if i in self.found.wanted else ""
        yield _Row(first + self.name(i), figure(self.found.values[i]), slope, adjoint)
        for place in below:
            wanted, last = inputs[place] in self.found.wanted, place == below[-1]
            yield from self.grow(
                inputs[place], self.slope(i, place) if wanted else "",
                rest + ("└── " if last else "├── "), rest + ("    " if last else "│   "),
            )  # fmt: skip

    def name(self, i: int) -> str:
        """Return what a node is, and how often it is used if it is shared."""
        n = len(self.graph.uses[i])
        return self.screen.formula(label(self.graph, i)) + (f", used {n} times" if n > 1 else "")

    def see(self, i: int, where: str) -> str:
        """Return a reference to a node that is written out elsewhere."""
        return self.screen.formula(f"{shown(self.graph, i)}, see {where}")

    def slope(self, i: int, place: int) -> str:
        """Return the local derivative on an edge: `2x = 6`."""
        texts = slope_texts(self.found, i, place)
        text = self.screen.formula(" = ".join(texts))
        return text if len(text) <= MAX_SLOPE else texts[-1]


def _equation(screen: Screen, derivation: Derivation) -> list[str]:
    """Return a derivative as equal terms, broken before an operator, and its check."""
    left, terms = screen.formula(derivation.name), derivation.letters
    lines: list[str] = []
    margin = " " * (len(left) + 1)
    texts = [screen.formula(" = ".join([derivation.name, *terms]))]
    if len(texts[0]) > screen.width:
        texts = [f"{left} = {terms[0]}", *(f"= {term}" for term in terms[1:])]
    if derivation.numbers:
        texts.append(f"= {derivation.numbers} = {figure(derivation.value)}")
    for text in map(screen.formula, texts):
        lines += textwrap.wrap(
            re.sub(" (?![=+·*] )", GLUE, text), screen.width, break_long_words=False,
            initial_indent=margin if lines else "", subsequent_indent=margin,
            break_on_hyphens=False,
        )  # fmt: skip
    if derivation.step is not None:
        verdict = screen.formula("✓") if derivation.agrees else "differs"
        check = f"complex step: {figure(derivation.step)} {verdict}"
        if len(lines[-1]) + 3 + len(check) <= screen.width:
            lines[-1] += f"   {check}"
        else:
            lines.append(margin + check)
    return [line.replace(GLUE, " ") for line in lines]


def _count(n: int) -> str:
    return f"{n:,}" if n < 10**15 else f"about {n:.1e}"
