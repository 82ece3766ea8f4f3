"""From lines such as `z = x*y` to the nodes of one graph, in which no term stands twice.

The lines are read by the parser of φ(x); nothing is computed here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from nnfit.errors import ConfigError, printable, shorten
from nnfit.table import expressions
from nnfit.table.expressions import MAX_NODES, Expression

Edge = tuple[int, int]  # a node, and the place of one of its inputs
Uses = dict[int, list[Edge]]

INPUT, NUMBER = "input", "number"  # the operations of leaves
_NAMED = re.compile(r"(`[^`]*`\s*|[^`=]*)=(?!=)(.*)", re.DOTALL)
_COMMUTATIVE = ("+", "*", "minimum", "maximum")
_RESULT = ("z", "f", "g")  # what a last line without a name is called


@dataclass(frozen=True)
class Node:
    """An input, a number or an operation on the nodes `inputs`, which stand before it.

    `names` are those of its lines, if it has any.
    """

    id: str
    operation: str
    inputs: tuple[int, ...]
    names: tuple[str, ...]
    number: float = field(default=0.0, kw_only=True)


@dataclass(frozen=True)
class Graph:
    """The nodes, where inputs and lines are among them, and the one of the last line."""

    nodes: tuple[Node, ...]
    names: dict[str, int]
    root: int
    root_name: str

    @property
    def inputs(self) -> list[str]:
        """Return the names that need a value, in order of appearance."""
        return [node.id for node in self.nodes if node.operation == INPUT]

    @cached_property
    def uses(self) -> Uses:
        """Which nodes use each node below the root, and as which of their inputs."""
        uses: Uses = {self.root: []}
        for i in range(self.root, -1, -1):
            for place, j in enumerate(self.nodes[i].inputs if i in uses else ()):
                uses.setdefault(j, []).append((i, place))
        return uses

    def is_plain(self, i: int) -> bool:
        """Return whether a node is a number without a name, which is shown where it is used."""
        return self.nodes[i].operation == NUMBER and not self.nodes[i].names


def read_lines(lines: Sequence[str]) -> Graph:
    """Return the graph of all lines.

    Raises
    ------
    ConfigError
        With the line, if it can't be read or names what it should not.
    """
    builder, last = _Builder(), 0
    for text in lines:
        name, expression = _read(text)
        for used in (*expression.columns, *([] if name is None else [name])):
            if printable(used) != used:
                raise ConfigError(f"graph: {used!r} is no name: it holds a control character")
        if name is not None and name in builder.names:
            what = "is named twice" if name in builder.lines else "is used before its line"
            raise ConfigError(f"graph: {name!r} {what}; expected each name once, before its use")
        if name in expression.columns:
            raise ConfigError(
                f"graph: {name!r} is defined by itself; expected other names on the right"
            )
        last = builder.add(expression.tree, name)
        if name is not None:
            builder.names[name] = last
            builder.lines.append(name)
    return builder.graph(last, name)


def graph_of(tree: expressions.Node) -> Graph:
    """Return the graph of one expression of φ(x), parsed already."""
    builder = _Builder()
    return builder.graph(builder.add(tree), None)


def _read(text: str) -> tuple[str | None, Expression]:
    """Return the name of a line, None without one, and its expression."""
    name: Expression | None = None
    right = text.strip()
    if named := _NAMED.fullmatch(right):
        left, right = named.groups()
        try:
            name = expressions.parse(left)
        except ValueError:
            name = None
        if name is None or not name.is_column:
            what = printable(shorten(left.strip()))
            raise ConfigError(f"graph: '{what}' is no name; expected NAME = EXPRESSION")
    try:
        expression = expressions.parse(right)
    except ValueError as err:
        reason = str(err).replace("column name", "name")  # the parser knows of tables alone
        raise ConfigError(f"graph: {shorten(right.strip())!r}: {reason}") from err
    return (None if name is None else name.columns[0]), expression


@dataclass
class _Builder:
    """The nodes so far, each known by what it is made of."""

    made: list[tuple[str, tuple[int, ...], float]] = field(default_factory=list)
    known: dict[tuple[object, ...], int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def add(self, tree: expressions.Node, name: str | None = None) -> int:
        """Return the node of a tree; a number that has a `name` is one of its own."""
        if isinstance(tree, str):
            if tree not in self.names:
                self.names[tree] = self.node(INPUT, name=tree)
            return self.names[tree]
        if isinstance(tree, np.float64):
            return self.node(NUMBER, number=float(tree), name=name)
        if tree.name == "neg" and isinstance(tree.arguments[0], np.float64):
            return self.node(NUMBER, number=-float(tree.arguments[0]), name=name)
        return self.node(tree.name, tuple(self.add(argument) for argument in tree.arguments))

    def node(
        self,
        operation: str,
        inputs: tuple[int, ...] = (),
        number: float = 0.0,
        name: str | None = None,
    ) -> int:
        alike = tuple(sorted(inputs)) if operation in _COMMUTATIVE else inputs
        key = (operation, alike, number, name)
        if key not in self.known:
            if len(self.made) == MAX_NODES:
                raise ConfigError(f"graph: too long; at most {MAX_NODES} nodes in all lines")
            self.known[key] = len(self.made)
            self.made.append((operation, inputs, number))
        return self.known[key]

    def graph(self, root: int, name: str | None) -> Graph:
        """Return the graph, all operations named: those without a line u1, u2, …"""
        names = {i: [name] for name, i in self.names.items() if name not in self.lines}
        lines: dict[int, list[str]] = {}
        for line in self.lines:
            lines.setdefault(self.names[line], []).append(line)
        if name is None:
            free = (f"{letter}{n}" for n in ("", *range(1, MAX_NODES)) for letter in _RESULT)
            name = next(text for text in free if text not in self.names)
            lines.setdefault(root, []).append(name)
        own = (f"u{n}" for n in range(1, 10 * MAX_NODES) if f"u{n}" not in self.names)
        nodes = []
        for i, (operation, inputs, number) in enumerate(self.made):
            text = str(number).removesuffix(".0") if operation == NUMBER else ""
            own_name = [*names.get(i, []), *lines.get(i, []), "" if text in self.names else text]
            node_id = next(filter(None, own_name), "") or next(own)
            nodes.append(Node(node_id, operation, inputs, tuple(lines.get(i, [])), number=number))
        return Graph(tuple(nodes), {**self.names, name: root}, root, name)
