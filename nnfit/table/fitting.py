"""What the training rows teach an Encoder: which inputs there are, fills, slots and scales.

Rows are encoded elsewhere, in `encoding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nnfit.errors import ConfigError, DataError, listed, quoted
from nnfit.observer import Observer
from nnfit.table.bins import Scaling, fit_edges
from nnfit.table.coding import CODES
from nnfit.table.columns import Column
from nnfit.table.encoding import Encoder
from nnfit.table.expressions import Expression, parse_features
from nnfit.table.inputs import KINDS, ColumnInput, ExpressionInput, FitScaling, Input, evaluate
from nnfit.table.rows import NamedRows
from nnfit.table.scaling import (
    AS_IT_IS,
    MAX_QUANTILES,
    MAX_QUANTILES_IN_ALL,
    fit_scaler,
)
from nnfit.table.table import Floats, Table

if TYPE_CHECKING:
    from nnfit.config.schema import PreprocessingConfig


def fit_encoder(
    rows: NamedRows,
    columns: Sequence[Column],
    preprocessing: PreprocessingConfig,
    features: Sequence[str] | None,
    where: str,
    observer: Observer,
    bias: bool = True,
) -> Encoder:
    """Return the encoder that `rows`, the training rows only, teach.

    `columns` are what `decide_columns` returned. `features` are expressions, column names and `*`
    (all columns), None is `*` alone; `where` is the place of that key in messages. The observer
    is warned of what is dropped: empty columns, and what is constant on these rows. In a network
    without `bias` a constant other than 0 stays, as it is: its weight is the bias.

    Raises
    ------
    ConfigError
        If a feature cannot be understood.
    DataError
        If a cell cannot be read, an expression is not finite on a row, or no input is left.
    """
    wanted = parse_features(features, [column.name for column in columns], where)
    _refuse_categories(wanted, columns, where)
    used = {column for item in wanted for column in item.columns}
    read = [column for column in columns if column.name in used]
    table = Table(rows, gaps_allowed=preprocessing.missing == "impute")
    empty = [column.name for column in read if rows.frame[column.name].isna().all()]
    codes = {
        column.name: CODES[column.kind].fit(column, table, preprocessing.max_categories)
        for column in read
        if column.name not in empty
    }
    _warn_of_cells(observer, table)
    scaling_of = _fit_scalings(preprocessing, len(wanted), rows.name)
    inputs: list[Input] = []
    constant: list[Expression] = []
    biases: list[Expression] = []
    for item in wanted:
        made: list[Input] = []
        if not item.is_column:
            values = _values(item, table, empty)
            if not _is_constant(values):
                made = [ExpressionInput(item, scaling_of(values, f"feature {item.text!r}", False))]
            elif not bias and values.any():
                made, biases = [ExpressionInput(item, Scaling(AS_IT_IS))], [*biases, item]
        elif item.columns[0] in codes:
            code = codes[item.columns[0]]
            tried = (kind.of_column(code, table, scaling_of) for kind in KINDS.values())
            made = [one for one in tried if one is not None]
            if not bias and code.name in table.numbers and _is_bias(table.numbers[code.name]):
                made, biases = [ColumnInput(code.name, Scaling(AS_IT_IS)), *made], [*biases, item]
        else:
            continue
        inputs += made
        constant += [] if made else [item]
    _tell_of_constants(observer, rows.name, empty, constant, biases)
    if not inputs:
        raise DataError(
            f"{rows.name}: no usable feature column: none varies over the training rows. "
            "Check data.include, data.exclude and features"
        )
    needed = {column for item in inputs for column in item.columns}
    read_later = tuple(code for column, code in codes.items() if column in needed)
    return Encoder(read_later, tuple(inputs), preprocessing.missing)


def _fit_scalings(preprocessing: PreprocessingConfig, n_features: int, name: str) -> FitScaling:
    """Return what scales one input of so many, with the table's name in its errors."""
    most_quantiles = max(2, min(MAX_QUANTILES, MAX_QUANTILES_IN_ALL // max(1, n_features)))

    def scaling_of(values: Floats, what: str, as_they_are: bool) -> Scaling:
        if as_they_are:
            return Scaling(AS_IT_IS)
        key, value = "numeric", "none"
        try:
            scaler = fit_scaler(preprocessing.numeric, values, most_quantiles)
            key, value = "bins", "0"
            return Scaling(scaler, fit_edges(preprocessing.bins, values))
        except ValueError as err:
            raise DataError(
                f"{name}: {what}: {err}. Set preprocessing.{key} to {value}, or mend the data"
            ) from err

    return scaling_of


def _refuse_categories(wanted: Sequence[Expression], columns: Sequence[Column], where: str) -> None:
    kinds = {column.name: column.kind for column in columns}
    for item in wanted:
        texts = [name for name in item.columns if kinds[name] == "categorical"]
        if texts and not item.is_column:
            raise ConfigError(
                f"{where}: {item.text!r}: {quoted(texts)} {'is' if len(texts) == 1 else 'are'} "
                "categorical; expected numeric or boolean columns"
            )


def _values(expression: Expression, table: Table, empty: Sequence[str]) -> Floats:
    """Return an expression on the training rows."""
    rows = table.rows
    lost = [column for column in expression.columns if column in empty]
    if lost:
        raise DataError(
            f"{rows.name}: feature {expression.text!r} uses {quoted(lost)}, which the training "
            "rows leave empty. Remove it from features"
        )
    return evaluate(expression, table, slice(0, len(rows)))


def _is_constant(values: Floats) -> bool:
    # sin(x)**2 + cos(x)**2 is 1 but for rounding errors, which scaling would blow up.
    slack = 16 * np.finfo(np.float64).eps * np.abs(values).max()
    return bool(values.max() <= values.min() + slack)


def _is_bias(column: Floats) -> bool:
    return bool(column.min() == column.max() != 0.0)


def _warn_of_cells(observer: Observer, table: Table) -> None:
    frame, name = table.rows.frame, table.rows.name
    for column, alike in table.alike.items():
        if alike:
            observer.warning(
                f"{name}: {quoted([column])} spells one category in several ways, which are "
                f"kept apart: {alike}. Mend the cells if they are one"
            )
    rounded = [
        column
        for column, values in table.numbers.items()
        if max(values.max(), -values.min()) >= 2**53
        and pd.api.types.infer_dtype(frame[column], skipna=True) == "integer"
    ]
    if rounded:
        observer.warning(
            f"{name}: {quoted(rounded)}: integers beyond 2**53 are rounded to float64. "
            "Numbers that are names belong in data.categorical, or in data.exclude"
        )


def _tell_of_constants(
    observer: Observer,
    name: str,
    empty: Sequence[str],
    constant: Sequence[Expression],
    biases: Sequence[Expression],
) -> None:
    if biases:
        observer.note(
            f"{name}: {listed([repr(item.text) for item in biases])}: one value in all training "
            "rows, kept as it is: its weight is the bias, as model.bias is false"
        )
    dropped = "dropped: one value in all training rows"
    if empty:
        observer.warning(f"{name}: {quoted(empty)} dropped: empty in all training rows")
    if columns := [item.columns[0] for item in constant if item.is_column]:
        observer.warning(f"{name}: {quoted(columns)} {dropped}")
    if texts := [item.text for item in constant if not item.is_column]:
        what = quoted(texts).replace("column", "feature", 1)
        observer.warning(f"{name}: {what} {dropped}")
