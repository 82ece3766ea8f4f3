"""What the training rows teach an Encoder: which inputs there are, fills, slots and scales.

Rows are encoded elsewhere, in `encoding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.errors import ConfigError, DataError
from nnfit.observer import Observer
from nnfit.table import expressions
from nnfit.table.cells import Rows, quoted
from nnfit.table.coding import (
    CategoryCode,
    Code,
    fit_categories,
    fit_number,
    read_categories,
    read_numbers,
)
from nnfit.table.columns import Column, with_text_names
from nnfit.table.encoding import Encoder
from nnfit.table.features import parse_features
from nnfit.table.inputs import (
    ColumnInput,
    ExpressionInput,
    GapInput,
    Input,
    OneHotInput,
    Table,
    columns_of,
    evaluate,
)
from nnfit.table.scaling import MAX_QUANTILES, MAX_QUANTILES_IN_ALL, Method, Scaler, fit_scaler


def fit_encoder(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    *,
    features: Sequence[str] | None,
    numeric: Method,
    missing: Literal["impute", "error"],
    max_categories: int,
    name: str,
    observer: Observer,
    rows: Rows = 1,
    where: str = "features",
) -> Encoder:
    """Return the encoder that the training rows teach.

    Parameters
    ----------
    frame : DataFrame
        The training rows only.
    columns : sequence of Column
        What `decide_columns` returned.
    features : sequence of str or None
        Expressions, column names and `*` (all columns); None is `*` alone.
    numeric, missing, max_categories
        The keys of the config's `preprocessing` section.
    name : str
        The file as shown in messages.
    observer : Observer
        Warned of what is dropped: empty columns, and what is constant on these rows.
    rows : int ndarray or int
        The data-row number of every row, or of the first.
    where : str
        The place of the `features` key in messages.

    Raises
    ------
    ConfigError
        If a feature cannot be understood.
    DataError
        If a cell cannot be read, an expression is not finite on a row, or no input is left.
    """
    frame = with_text_names(frame, name)
    known = [column.name for column in columns]
    wanted = parse_features(features, known, where)
    _refuse_categories(wanted, columns, where)
    used = {column for item in wanted for column in item.columns}
    read = [column for column in columns if column.name in used]
    table, codes = _fit_columns(frame, read, missing, max_categories, name, rows)
    _warn_of_rounded(observer, name, frame, table)
    empty = [column.name for column in read if column.name not in codes]
    quantiles = max(2, min(MAX_QUANTILES, MAX_QUANTILES_IN_ALL // max(1, len(wanted))))
    inputs: list[Input] = []
    dropped_columns: list[str] = []
    dropped_expressions: list[str] = []
    for item in wanted:
        if item.is_column:
            (column_name,) = item.columns
            if column_name in codes:
                made = _column_inputs(codes[column_name], table, numeric, name, quantiles)
                inputs += made
                dropped_columns += [] if made else [column_name]
            continue
        lost = [column for column in item.columns if column in empty]
        if lost:
            raise DataError(
                f"{name}: feature {item.text!r} uses {quoted(lost)}, which the training "
                "rows leave empty. Remove it from features"
            )
        values = evaluate(item, table.numbers, slice(0, len(frame)), name, rows)
        if _is_constant(values):
            dropped_expressions.append(item.text)
        else:
            scaler = _fit_scaler(numeric, values, f"feature {item.text!r}", name, quantiles)
            inputs.append(ExpressionInput(item, scaler))
    _warn_of_dropped(observer, name, empty, dropped_columns, dropped_expressions)
    if not inputs:
        raise DataError(
            f"{name}: no usable feature column: none varies over the training rows. "
            "Check data.include, data.exclude and features"
        )
    needed = {column for item in inputs for column in columns_of(item)}
    return Encoder(
        tuple(code for column, code in codes.items() if column in needed),
        tuple(inputs),
        missing,
    )


def _refuse_categories(
    wanted: Sequence[expressions.Expression], columns: Sequence[Column], where: str
) -> None:
    kinds = {column.name: column.kind for column in columns}
    for item in wanted:
        texts = [name for name in item.columns if kinds[name] == "categorical"]
        if texts and not item.is_column:
            raise ConfigError(
                f"{where}: {item.text!r}: {quoted(texts)} {'is' if len(texts) == 1 else 'are'} "
                "categorical; expected numeric or boolean columns"
            )


def _fit_columns(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    missing: Literal["impute", "error"],
    max_categories: int,
    name: str,
    rows: Rows,
) -> tuple[Table, dict[str, Code]]:
    """Return the columns read, and what each teaches; those without a single cell are left out."""
    table = Table({}, {}, {})
    codes: dict[str, Code] = {}
    gaps_allowed = missing == "impute"
    for column in columns:
        series = frame[column.name]
        if bool(series.isna().all()):
            continue
        if column.kind == "categorical":
            found, labels = read_categories(series, name, rows, gaps_allowed=gaps_allowed)
            code = fit_categories(column.name, found, labels, max_categories)
            table.slots[column.name] = code.slots(found, labels)
            codes[column.name] = code
        else:
            values = read_numbers(series, column.kind, name, rows, gaps_allowed=gaps_allowed)
            number = fit_number(column.name, column.kind, values)
            table.numbers[column.name], table.gaps[column.name] = number.filled(values)
            codes[column.name] = number
    return table, codes


def _column_inputs(
    code: Code, table: Table, numeric: Method, name: str, quantiles: int
) -> list[Input]:
    """Return what a column as it is becomes: nothing if it tells the training rows nothing."""
    if isinstance(code, CategoryCode):
        return [OneHotInput(code.name)] if len(code.slot_names) > 1 else []
    inputs: list[Input] = []
    values = table.numbers[code.name]
    if values.min() < values.max():
        method = "none" if code.kind == "boolean" else numeric  # 0 and 1 as they are
        scaler = _fit_scaler(method, values, f"column {code.name!r}", name, quantiles)
        inputs.append(ColumnInput(code.name, scaler))
    return inputs + ([GapInput(code.name)] if code.had_gaps else [])


def _fit_scaler(
    method: Method, values: NDArray[np.float64], what: str, name: str, quantiles: int
) -> Scaler:
    try:
        return fit_scaler(method, values, quantiles)
    except ValueError as err:
        raise DataError(
            f"{name}: {what}: {err}. Set preprocessing.numeric to none, or mend the data"
        ) from err


def _is_constant(values: NDArray[np.float64]) -> bool:
    # sin(x)**2 + cos(x)**2 is 1 but for rounding errors, which scaling would blow up.
    slack = 16 * np.finfo(np.float64).eps * np.abs(values).max()
    return bool(values.max() <= values.min() + slack)


def _warn_of_rounded(observer: Observer, name: str, frame: pd.DataFrame, table: Table) -> None:
    rounded = [
        column
        for column, values in table.numbers.items()
        if pd.api.types.is_integer_dtype(frame[column].dtype) and np.abs(values).max() >= 2**53
    ]
    if rounded:
        observer.warning(
            f"{name}: {quoted(rounded)}: integers beyond 2**53 are rounded to float64. "
            "Numbers that are names belong in data.categorical, or in data.exclude"
        )


def _warn_of_dropped(
    observer: Observer,
    name: str,
    empty: Sequence[str],
    constant: Sequence[str],
    constant_expressions: Sequence[str],
) -> None:
    if empty:
        observer.warning(f"{name}: {quoted(empty)} dropped: empty in all training rows")
    if constant:
        observer.warning(f"{name}: {quoted(constant)} dropped: one value in all training rows")
    if constant_expressions:
        what = quoted(constant_expressions).replace("column", "feature", 1)
        observer.warning(f"{name}: {what} dropped: one value in all training rows")
