"""Features as expressions, the phi(x) of the lecture: text to a checked tree, arrays through it.

Not an evaluator of Python: the text is parsed, every node must be on a short list, and nothing of
it is ever compiled or run, since expressions travel in model files.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnfit.budget import MAX_EXPRESSIONS
from nnfit.errors import ConfigError, did_you_mean
from nnfit.table.functions import BINARY, FUNCTIONS, OPERATIONS

MAX_LENGTH = 1000  # characters; `budget` has the most of all together
MAX_DEPTH = 50
MAX_NODES = 500

_QUOTED = re.compile(r"`[^`]*`")
_NUMBER = re.compile(r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}


@dataclass(frozen=True)
class Operation:
    """What stands in `OPERATIONS` under a name, and what it is done to."""

    name: str
    arguments: tuple[Node, ...]


# A number (never a Python one: 10**10**10 must give inf, at once), a column's name, or this.
Node = np.float64 | str | Operation


@dataclass(frozen=True)
class Expression:
    """A checked expression over columns; its text is as given, without the spaces around it.

    `columns` are those that it uses, each once, in order of appearance.
    """

    text: str
    columns: tuple[str, ...]
    tree: Node = field(repr=False)

    @property
    def is_column(self) -> bool:
        """True when the expression is nothing but a column's name."""
        return isinstance(self.tree, str)

    def evaluate(
        self, lookup: Mapping[str, NDArray[np.float64]], n_rows: int
    ) -> NDArray[np.float64]:
        """Return the expression's value on every row.

        Parameters
        ----------
        lookup : mapping of str to float64 ndarray of shape (N,)
            The columns by name; all of `columns` must be there.
        n_rows : int
            N, which an expression without columns cannot know.

        Returns
        -------
        float64 ndarray of shape (N,)
            Not finite where the mathematics is not: log(0) is -inf, sqrt(-1) is nan.
        """
        with np.errstate(all="ignore"):
            value = _evaluate(self.tree, lookup)
        return np.ascontiguousarray(np.broadcast_to(np.asarray(value, np.float64), (n_rows,)))


def parse(
    text: str,
    known_columns: Collection[str] | None = None,
    refused: Mapping[str, str] | None = None,
) -> Expression:
    """Return the expression that `text` spells.

    Parameters
    ----------
    text : str
        Numbers, column names (those that are no identifiers in backticks), `+ - * / **`, unary
        `-`, parentheses and the names in `FUNCTIONS`.
    known_columns : collection of str, optional
        The names that may be used; by default any.
    refused : mapping of str to str, optional
        Names that are columns too, and why they may not be used: "is the target".

    Raises
    ------
    ValueError
        With the reason in one line and the character (from 1) of `text` it is about.

    Examples
    --------
    >>> import numpy as np
    >>> parse("2*x + `petal width`").columns
    ('x', 'petal width')
    >>> parse("maximum(x, 1)**2").evaluate({"x": np.array([0.0, 3.0])}, 2)
    array([1., 9.])
    """
    text = text.strip(" \t")
    if not text:
        raise ValueError("the expression is empty")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"{len(text)} characters are too many; at most {MAX_LENGTH}")
    # Underscores of the same length keep every offset, and the original text at a name's offsets
    # says what stood in the backticks.
    source = _QUOTED.sub(lambda match: "_" * len(match[0]), text)
    for pattern in ("`", "#", '"', "'", _CONTROL):
        if odd := re.search(pattern, source):
            what = "a backtick is never closed" if pattern == "`" else f"{odd[0]!r} is not allowed"
            raise ValueError(f"{what} at character {odd.start() + 1}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python comments on text like `1if x`
            tree = ast.parse(source, mode="eval")
    except SyntaxError as err:
        place = f" at character {err.offset}" if err.offset else ""
        raise ValueError(f"cannot be read as an expression{place}") from err
    except (ValueError, RecursionError, MemoryError) as err:
        raise ValueError("cannot be read as an expression") from err
    walk = _Walk(text, source.encode(), known_columns, refused or {})
    root = walk.node(tree.body, 1)
    return Expression(text, tuple(dict.fromkeys(walk.columns)), root)


def column(name: str) -> Expression:
    """Return the expression that is the column `name`, however that is spelt."""
    return Expression(name, (name,), name)


def parse_features(
    features: Sequence[str] | None,
    known_columns: Sequence[str],
    where: str,
    refused: Mapping[str, str] | None = None,
) -> list[Expression]:
    """Return the features of a config as expressions, `*` (and None) as every column by itself.

    `refused` has the columns that are no inputs, and why.

    Raises
    ------
    ConfigError
        With `where` and the feature, if one cannot be understood or is there twice.
    """
    wanted: list[Expression] = []
    for text in ("*",) if features is None else features:
        if text.strip() == "*":
            wanted += [column(name) for name in known_columns]
            continue
        try:
            wanted.append(parse(text, known_columns, refused))
        except ValueError as err:
            raise ConfigError(f"{where}: {text!r}: {err}") from err
    seen: set[str | tuple[str, ...]] = set()
    for expression in wanted:
        key = expression.columns if expression.is_column else expression.text
        if key in seen:
            raise ConfigError(
                f"{where}: {expression.text!r} is there twice; expected every feature once "
                "('*' stands for every column)"
            )
        seen.add(key)
    check_length((e.text for e in wanted if not e.is_column), where, ConfigError)
    return wanted


def check_length(texts: Iterable[str], where: str, error: type[Exception]) -> None:
    """Raise `error` where expressions are longer, all together, than a model's may be."""
    if (length := sum(map(len, texts))) > MAX_EXPRESSIONS:
        raise error(f"{where}: {length} characters are too many; at most {MAX_EXPRESSIONS} in all")


def _evaluate(node: Node, lookup: Mapping[str, NDArray[np.float64]]) -> Any:
    if isinstance(node, Operation):
        return OPERATIONS[node.name](*(_evaluate(argument, lookup) for argument in node.arguments))
    return lookup[node] if isinstance(node, str) else node


@dataclass
class _Walk:
    """The whitelist walk: what is not asked for by name here is refused."""

    text: str
    encoded: bytes
    known_columns: Collection[str] | None
    refused: Mapping[str, str]
    columns: list[str] = field(default_factory=list, init=False)
    n_nodes: int = field(default=0, init=False)

    def span(self, node: ast.expr) -> tuple[int, str]:
        """Return where `node` starts (from 1) and its text; ast counts in UTF-8 bytes."""
        start = len(self.encoded[: node.col_offset].decode())
        stop = len(self.encoded[: node.end_col_offset].decode())
        return start + 1, self.text[start:stop]

    def node(self, node: ast.expr, depth: int) -> Node:
        self.n_nodes += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested too deeply; at most {MAX_DEPTH} levels")
        if self.n_nodes > MAX_NODES:
            raise ValueError(f"too long; at most {MAX_NODES} numbers, names and operations")
        if isinstance(node, ast.Constant):
            return self.number(node)
        if isinstance(node, ast.Name):
            return self.column(node)
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return Operation("neg", (self.node(node.operand, depth + 1),))
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            left, right = self.node(node.left, depth + 1), self.node(node.right, depth + 1)
            return Operation(_OPERATORS[type(node.op)], (left, right))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
            raise ValueError(f"no '^', got {self.shown(node)}; a power is written **")
        raise ValueError(
            f"{self.shown(node)} is not allowed; an expression holds numbers, column names, "
            f"+ - * / ** and {' '.join(FUNCTIONS)}"
        )

    def number(self, node: ast.Constant) -> np.float64:
        _, text = self.span(node)
        if not _NUMBER.fullmatch(text):
            raise ValueError(
                f"{self.shown(node)} is no plain decimal number; "
                "a column of that name goes in backticks"
            )
        value = np.float64(text)
        if not np.isfinite(value):
            raise ValueError(f"{self.shown(node)} is beyond the range of float64")
        return value

    def column(self, node: ast.Name) -> str:
        start, text = self.span(node)
        name = text[1:-1] if _QUOTED.fullmatch(text) else text
        if "`" in name or not name:
            raise ValueError(f"cannot be read as an expression at character {start}")
        if self.known_columns is not None and name not in self.known_columns:
            hint = did_you_mean(name, self.known_columns)
            if name in FUNCTIONS:
                hint = f"; the function is called as {name}(...)"
            if name in self.refused:
                raise ValueError(f"{name!r} at character {start} {self.refused[name]}")
            raise ValueError(f"unknown column {name!r} at character {start}{hint}")
        self.columns.append(name)
        return name

    def call(self, node: ast.Call, depth: int) -> Operation:
        start, name = self.span(node.func)
        if name not in FUNCTIONS:
            hint = did_you_mean(name, FUNCTIONS)
            raise ValueError(
                f"unknown function {name!r} at character {start}; "
                f"functions are: {' '.join(FUNCTIONS)}{hint}"
            )
        n_arguments = 2 if name in BINARY else 1
        if node.keywords or len(node.args) != n_arguments:
            expected = "one argument" if n_arguments == 1 else "two arguments"
            raise ValueError(f"{name} takes {expected}, got {self.shown(node)}")
        arguments = tuple(self.node(argument, depth + 1) for argument in node.args)
        return Operation(name, arguments)

    def shown(self, node: ast.expr) -> str:
        start, text = self.span(node)
        short = text if len(text) <= 40 else text[:37] + "..."
        return f"{short!r} at character {start}"
