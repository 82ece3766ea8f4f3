"""The computation graph of one example as text: a tree for each layer, with values and derivatives.

Its picture is drawn in `plots.explanation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.text import Text

from nnfit.graph.formulas import figure
from nnfit.report.figures import MISSING, count, cut, shape_text
from nnfit.report.screen import Screen

DIGITS = 4
MAX_LAYERS = 4  # from the last one down
MAX_INPUTS, MAX_ROWS = 12, 60  # of v[0], and of all that these are made of
NUMBERS, FEW_NUMBERS = 17, 9  # columns of `0.6286 … 0.5437`, and where space is short

Values = Mapping[str, Any]
_Row = tuple[str, str, str, str]


def graph_table(screen: Screen, graph: Sequence[Values]) -> Group:
    """Return the nodes below what is made of them, each in one row; a layer begins a tree."""
    tree, width = _Tree(graph), FEW_NUMBERS if screen.narrow else NUMBERS
    rows = [("node", "shape", "value", "∂L/∂node"), *tree.rows(width)]
    shape = max(len(row[1]) for row in rows)
    beside = width + 2 if screen.narrow else shape + 2 * width + 6
    name = min(screen.width - beside, max(cell_len(screen.formula(row[0])) for row in rows))
    lines = []
    for label, written, value, derivative in rows:
        line = set_cell_size(cut(screen.formula(label), name), name) + "  "
        line += value if screen.narrow else f"{written:<{shape}}  {value:<{width}}  "
        line += "" if screen.narrow else screen.formula(derivative)
        lines.append(Text(line.rstrip(), no_wrap=True, overflow="ellipsis"))
    lines[0].stylize("dim")
    return Group(*lines)


def shown(node: Values) -> str:
    """Return what a node is called; terms of φ(x) without the number of their entry."""
    return str(node["node"]).rpartition(".")[2]


def label(node: Values) -> str:
    """Return what a node is called and what it is: `z[1] = Wv[1] + b[1]`."""
    return shown(node) + (f" = {node['formula']}" if node["formula"] else "")


def brief(value: Any, width: int = NUMBERS) -> str:
    """Return a number, two, or the first and the last of more; "" where there is none."""
    if value is None or isinstance(value, str):
        return cut(value or "", width)
    if not isinstance(value, list):
        return figure(value, DIGITS)
    first, last, n = value, value, 1
    while isinstance(first, list):
        n *= len(first)
        first, last = first[0], last[-1]
    between = ", " if n == 2 else " … "
    for digits in range(DIGITS, 1, -1):
        ends = [first, last][: min(n, 2)]
        text = between.join(MISSING if x is None else figure(x, digits) for x in ends)
        if len(text) <= width:
            break
    return cut(text, width)


class _Tree:
    def __init__(self, graph: Sequence[Values]) -> None:
        self.nodes = {node["node"]: node for node in graph}
        n_layers = sum(name.startswith("z[") for name in self.nodes)
        lowest = max(1, n_layers - MAX_LAYERS + 1)
        self.left_out = lowest - 1
        self.trees = ["L", *(f"v[{i}]" for i in range(n_layers - 1, lowest - 1, -1)), "v[0]"]
        self.written: set[str] = set()

    def rows(self, width: int) -> Iterator[_Row]:
        """Yield the rows of all trees; the layers between, and most of a long φ(x), are told."""
        self.width = width
        for root in self.trees[:-1]:
            yield from self.grow(root, "", "")
        if self.left_out:
            yield f"v[{self.left_out}] … v[1]: {count(self.left_out, 'more layer')}", "", "", ""
        of_phi = list(self.grow("v[0]", "", ""))
        yield from of_phi[:MAX_ROWS]
        if len(of_phi) > MAX_ROWS:
            yield f"… {len(of_phi) - MAX_ROWS:,} more", "", "", ""

    def grow(self, name: str, first: str, rest: str) -> Iterator[_Row]:
        """Yield a node's row and those below it; `first` and `rest` are what stands before."""
        node = self.nodes[name]
        below = [] if name == "penalty" else node["inputs"]
        later = bool(first) and name.startswith("v[") and "]_" not in name
        if later or name in self.written and not name.startswith("W["):
            yield f"{first}{shown(node)}, {'below' if later else 'above'}", "", "", ""
            return
        self.written.add(name)
        shape = shape_text(node["shape"]) if node["shape"] else ""
        value, derivative = (brief(node[key], self.width) for key in ("value", "derivative"))
        yield first + label(node), shape, value, derivative
        for inner in below[:MAX_INPUTS]:
            last = inner == below[-1]
            before = rest + ("└── " if last else "├── "), rest + ("    " if last else "│   ")
            yield from self.grow(inner, *before)
        if len(below) > MAX_INPUTS:
            yield f"{rest}└── … {len(below) - MAX_INPUTS:,} more", "", "", ""
