"""Vectors and matrices as lines of text, cut with … to what fits.

The numbers of one array share their decimals, so that they can be compared by eye.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nnfit.report.figures import MISSING

GAP = "  "


def array_lines(
    values: Sequence[Any], width: int, first_rows: int, first_columns: int, cell: int = 0
) -> list[str]:
    """Return a line for each row shown; a vector has one.

    Parameters
    ----------
    values : sequence of numbers or None, or of sequences of them
    width : int
        The most characters a line may have, unless two numbers need more.
    first_rows, first_columns : int
        The most rows and columns to show before the last.
    cell : int
        The least characters of a number, so that arrays line up.

    Examples
    --------
    >>> array_lines([[1.0, 0.0], [0.5, -2.25]], 30, 4, 11)
    ['[  1.0000        0 ]', '[  0.5000  -2.2500 ]']
    """
    rows, shown, columns = _shown(values, first_rows, first_columns)
    form = _form([row[j] for row in shown for j in columns])
    cell = max(cell, cell_width(values, first_rows, first_columns))
    n_columns = len(rows[0])
    fitting = (width - len("[ ") - len(" ]") + len(GAP)) // (cell + len(GAP))
    if n_columns > fitting or len(columns) < n_columns:
        room = (width - len("[ ") - len(" ]") - len("…")) // (cell + len(GAP))
        columns = _edges(n_columns, max(1, min(first_columns, room - 1)))
    lines = []
    for row in shown:
        cells = [form(row[j]).rjust(cell) for j in columns]
        if len(columns) < n_columns:
            cells.insert(len(columns) - 1, "…")
        lines.append(f"[ {GAP.join(cells)} ]")
    if len(shown) < len(rows):
        lines.insert(len(shown) - 1, "  …")
    return lines


def cell_width(values: Sequence[Any], first_rows: int, first_columns: int) -> int:
    """Return the characters of the longest number that `array_lines` could show."""
    _, shown, columns = _shown(values, first_rows, first_columns)
    numbers = [row[j] for row in shown for j in columns]
    form = _form(numbers)
    return max(len(form(value)) for value in numbers)


def _shown(
    values: Sequence[Any], first_rows: int, first_columns: int
) -> tuple[list[Any], list[Any], list[int]]:
    """Return the rows, those shown, and the places of the columns shown."""
    rows = list(values) if isinstance(values[0], list) else [values]
    shown = [rows[i] for i in _edges(len(rows), first_rows)]
    return rows, shown, _edges(len(rows[0]), first_columns)


def _edges(n: int, first: int) -> list[int]:
    """Return the places shown of n: all, or the first and the last."""
    return list(range(n)) if n <= first + 1 else [*range(first), n - 1]


def _form(values: Sequence[float | None]) -> Callable[[float | None], str]:
    """Return how to write each of `values`."""
    there = [abs(value) for value in values if value is not None]
    largest = max(there, default=0.0)
    spec = ".3e"
    if largest < 1e5 and all(value == int(value) for value in there):
        spec = ".0f"
    elif 1e-3 <= largest < 1e5:
        spec = f".{4 if largest >= 0.1 else 5 if largest >= 0.01 else 6}f"
    return lambda value: MISSING if value is None else "0" if value == 0.0 else f"{value:{spec}}"
