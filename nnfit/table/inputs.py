"""What the columns of a table become: the network's inputs, one kind of class each.

Not the choice of inputs, nor what they learnt from the training rows: `encoding` makes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnfit.errors import DataError
from nnfit.storage import json_checks as check
from nnfit.table import expressions
from nnfit.table.cells import Rows, row_number
from nnfit.table.coding import CategoryCode, Code, NumberCode
from nnfit.table.scaling import Scaler, scaler_from_meta


@dataclass(frozen=True)
class ColumnInput:
    """A numeric or boolean column, scaled."""

    column: str
    scaler: Scaler


@dataclass(frozen=True)
class GapInput:
    """1 where the cell of a column is missing, else 0."""

    column: str


@dataclass(frozen=True)
class OneHotInput:
    """A block of inputs: 1 in the slot of the row's category, else 0."""

    column: str


@dataclass(frozen=True)
class ExpressionInput:
    """An expression over columns without gaps, scaled."""

    expression: expressions.Expression
    scaler: Scaler


Input = ColumnInput | GapInput | OneHotInput | ExpressionInput


@dataclass(frozen=True)
class Table:
    """The columns of one frame, read: numbers without gaps, gaps and slots, each (N,)."""

    numbers: dict[str, NDArray[np.float64]]
    gaps: dict[str, NDArray[np.bool_]]
    slots: dict[str, NDArray[np.intp]]


def input_names(item: Input, codes: Mapping[str, Code]) -> list[str]:
    """Return what the inputs of `item` are called, as many as it is wide."""
    if isinstance(item, ExpressionInput):
        return [item.expression.text]
    if isinstance(item, ColumnInput):
        return [item.column]
    code = codes[item.column]
    return code.slot_names if isinstance(code, CategoryCode) else [f"{item.column} is missing"]


def width(item: Input, codes: Mapping[str, Code]) -> int:
    """Return how many inputs `item` is."""
    code = codes[item.column] if isinstance(item, OneHotInput) else None
    return code.n_slots if isinstance(code, CategoryCode) else 1


def evaluate(
    expression: expressions.Expression,
    numbers: Mapping[str, NDArray[np.float64]],
    part: slice,
    name: str,
    rows: Rows,
) -> NDArray[np.float64]:
    """Return the expression on the rows `part`, all finite."""
    lookup = {column: numbers[column][part] for column in expression.columns}
    values = expression.evaluate(lookup, part.stop - part.start)
    if not np.isfinite(values).all():
        i = int(np.flatnonzero(~np.isfinite(values))[0])
        at = ", ".join(f"{column}={x[i]:g}" for column, x in lookup.items())
        raise DataError(
            f"{name}, row {row_number(rows, part.start + i)}: feature {expression.text!r} is "
            f"{values[i]:g}{' at ' if at else ''}{at}"
        )
    return values


def write(
    item: Input,
    table: Table,
    part: slice,
    X: NDArray[np.float64],
    name: str,
    rows: Rows,
    dtype: np.dtype[Any],
) -> None:
    """Fill `X` (n, width), zeros so far, with the input on the n rows of `part`.

    Raises
    ------
    DataError
        At the first number that a network of this dtype can't hold.
    """
    if isinstance(item, OneHotInput):
        slots = table.slots[item.column][part]
        (hit,) = np.nonzero(slots >= 0)
        X[hit, slots[hit]] = 1.0
        return
    if isinstance(item, GapInput):
        X[:, 0] = table.gaps[item.column][part]
        return
    if isinstance(item, ExpressionInput):
        values = evaluate(item.expression, table.numbers, part, name, rows)
    else:
        values = table.numbers[item.column][part]
    scaled = item.scaler.apply(values)
    fits = np.abs(scaled) <= np.finfo(dtype).max
    if not fits.all():
        i = int(np.flatnonzero(~fits)[0])
        what = item.expression.text if isinstance(item, ExpressionInput) else item.column
        raise DataError(
            f"{name}, row {row_number(rows, part.start + i)}: {what!r} is {values[i]:g}, "
            f"which leaves the range of {dtype.name} when scaled"
            + (". Mend it, or set training.dtype to float64" if dtype.itemsize < 8 else "")
        )
    X[:, 0] = scaled


def columns_of(item: Input) -> tuple[str, ...]:
    """Return the columns that `item` reads."""
    return item.expression.columns if isinstance(item, ExpressionInput) else (item.column,)


def input_to_meta(item: Input) -> dict[str, Any]:
    """Return plain JSON types."""
    if isinstance(item, ExpressionInput):
        return {
            "kind": "expression",
            "expression": item.expression.text,
            "scaler": item.scaler.to_meta(),
        }
    if isinstance(item, ColumnInput):
        return {"kind": "column", "column": item.column, "scaler": item.scaler.to_meta()}
    return {"kind": "gap" if isinstance(item, GapInput) else "one_hot", "column": item.column}


def input_from_meta(
    meta: object, where: str, codes: Mapping[str, Code], numbers: Mapping[str, NumberCode]
) -> Input:
    """Return the input that `input_to_meta` wrote; `numbers` are those among the `codes`.

    Raises
    ------
    ValueError
        If `meta` is anything else, or does not fit the columns' `codes`.
    """
    kind = meta.get("kind") if isinstance(meta, dict) else None
    check.choice(kind, f"{where}.kind", ("column", "gap", "one_hot", "expression"))
    if kind == "expression":
        fields = check.entries(meta, where, ("kind", "expression", "scaler"))
        text = check.text(fields["expression"], f"{where}.expression")
        try:
            expression = expressions.parse(text, numbers)
        except ValueError as err:
            raise ValueError(f"{where}.expression: {err}") from err
        return ExpressionInput(expression, scaler_from_meta(fields["scaler"], f"{where}.scaler"))
    keys = ("kind", "column", "scaler") if kind == "column" else ("kind", "column")
    fields = check.entries(meta, where, keys)
    column = check.text(fields["column"], f"{where}.column")
    if kind == "one_hot":
        if not isinstance(codes.get(column), CategoryCode):
            raise ValueError(f"{where}.column must be a categorical column")
        return OneHotInput(column)
    if column not in numbers:
        raise ValueError(f"{where}.column must be a numeric or boolean column")
    if kind == "column":
        return ColumnInput(column, scaler_from_meta(fields["scaler"], f"{where}.scaler"))
    if not numbers[column].had_gaps:
        raise ValueError(f"{where}.column must be a column with gaps")
    return GapInput(column)
