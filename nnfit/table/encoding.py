"""DataFrame in, the network's input matrix out: fitted on the training rows, then fixed.

Not the targets, which `targets` encodes, and no network: the matrix has a row per example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.errors import ConfigError, DataError
from nnfit.observer import Observer
from nnfit.table import expressions
from nnfit.table import meta as check
from nnfit.table.cells import Rows, quoted
from nnfit.table.coding import (
    CategoryCode,
    Code,
    NumberCode,
    Tally,
    code_from_meta,
    fit_categories,
    fit_number,
    read_categories,
    read_numbers,
)
from nnfit.table.columns import Column, missing_columns, with_text_names
from nnfit.table.inputs import (
    ColumnInput,
    ExpressionInput,
    GapInput,
    Input,
    OneHotInput,
    Table,
    columns_of,
    evaluate,
    input_from_meta,
    input_names,
    input_to_meta,
    write,
)
from nnfit.table.scaling import Method, Scaler, fit_scaler

# Numbers worked on at a time: a block of rows this large stays in the processor's cache while
# its columns are laid side by side.
_BLOCK_SIZE = 2**17


@dataclass(frozen=True)
class Encoder:
    """Turns rows into the inputs phi(x) of a network; made by `fit` or `from_meta`.

    Attributes
    ----------
    columns : tuple of Code
        The columns that are read.
    inputs : tuple of Input
        What becomes of them, in the order of the matrix's columns.
    missing : str
        `impute` or `error`.
    """

    columns: tuple[Code, ...]
    inputs: tuple[Input, ...]
    missing: Literal["impute", "error"]

    @classmethod
    def fit(
        cls,
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
        wanted = expressions.parse_features(features, known, where)
        _refuse_categories(wanted, columns, where)
        used = {column for item in wanted for column in item.columns}
        read = [column for column in columns if column.name in used]
        table, codes = _fit_columns(frame, read, missing, max_categories, name, rows)
        empty = [column.name for column in read if column.name not in codes]
        inputs: list[Input] = []
        dropped_columns: list[str] = []
        dropped_expressions: list[str] = []
        for item in wanted:
            if item.is_column:
                (column_name,) = item.columns
                if column_name in codes:
                    made = _column_inputs(codes[column_name], table, numeric, name)
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
                scaler = _fit_scaler(numeric, values, f"feature {item.text!r}", name)
                inputs.append(ExpressionInput(item, scaler))
        _warn_of_dropped(observer, name, empty, dropped_columns, dropped_expressions)
        if not inputs:
            raise DataError(
                f"{name}: no usable feature column: none varies over the training rows. "
                "Check data.include, data.exclude and features"
            )
        needed = {column for item in inputs for column in columns_of(item)}
        return cls(
            tuple(code for column, code in codes.items() if column in needed),
            tuple(inputs),
            missing,
        )

    @property
    def needed_columns(self) -> list[str]:
        """The columns that `transform` reads."""
        return [code.name for code in self.columns]

    @property
    def text_columns(self) -> list[str]:
        """The categorical ones, which a CSV reader had better leave as they are spelt."""
        return [code.name for code in self.columns if isinstance(code, CategoryCode)]

    @property
    def input_names(self) -> list[str]:
        """A name for every column of the matrix: `age`, `age is missing`, `sex=female`."""
        codes = {code.name: code for code in self.columns}
        return [name for item in self.inputs for name in input_names(item, codes)]

    @property
    def n_inputs(self) -> int:
        """D, the width of the matrix."""
        return len(self.input_names)

    def transform(
        self, frame: pd.DataFrame, name: str, rows: Rows = 1, tally: Tally | None = None
    ) -> NDArray[np.float64]:
        """Return the inputs of every row.

        Parameters
        ----------
        frame : DataFrame of N rows
            Columns are matched by name; others are ignored.
        name : str
            The file as shown in messages.
        rows : int ndarray or int
            The data-row number of every row, or of the first.
        tally : Counter, optional
            Counts the cells that training never saw the like of; see `warnings`.

        Returns
        -------
        float64 ndarray of shape (N, D), C-contiguous

        Raises
        ------
        DataError
            If a column is not there, a cell cannot be read, or an input is not finite.
        """
        frame = with_text_names(frame, name)
        _require(frame, self.needed_columns, name)
        table = self._read(frame, name, rows, tally)
        codes = {code.name: code for code in self.columns}
        widths = [len(input_names(item, codes)) for item in self.inputs]
        X = np.zeros((len(frame), sum(widths)))
        step = max(1024, _BLOCK_SIZE // X.shape[1])
        for start in range(0, len(frame), step):
            part = slice(start, min(start + step, len(frame)))
            j = 0
            for item, width in zip(self.inputs, widths, strict=True):
                write(item, table, part, X[part, j : j + width], name, rows)
                j += width
        return X

    def warnings(self, tally: Tally, name: str) -> list[str]:
        """Return a sentence for each column in `tally`, once all rows have been through."""
        codes = {code.name: code for code in self.columns}
        sentences = []
        for (what, column), count in tally.items():
            cells = "1 cell" if count == 1 else f"{count} cells"
            code = codes[column]
            became = "counted as no category"
            if isinstance(code, NumberCode):
                fill = f"{code.fill:g}" if code.kind == "numeric" else f"{bool(code.fill)}".lower()
                became = f"filled with {fill}"
            found = "of categories not seen in training" if what == "unseen" else "missing"
            why = "" if what == "unseen" else "; training had none missing there"
            sentences.append(f"{name}: column {column!r}: {cells} {found}, {became}{why}")
        return sentences

    def to_meta(self) -> dict[str, Any]:
        """Return plain JSON types; floats survive `json` exactly."""
        return {
            "missing": self.missing,
            "columns": [code.to_meta() for code in self.columns],
            "inputs": [input_to_meta(item) for item in self.inputs],
        }

    @classmethod
    def from_meta(cls, meta: object) -> Encoder:
        """Return the encoder that `to_meta` wrote, trusting nothing.

        Raises
        ------
        ValueError
            If `meta` is anything else, with the reason in one line.
        """
        fields = check.entries(meta, "encoder", ("missing", "columns", "inputs"))
        missing = check.choice(fields["missing"], "encoder.missing", ("impute", "error"))
        columns = tuple(
            code_from_meta(item, f"encoder.columns[{i}]")
            for i, item in enumerate(check.items(fields["columns"], "encoder.columns"))
        )
        codes = {code.name: code for code in columns}
        if len(codes) < len(columns):
            raise ValueError("encoder.columns must have different names")
        numbers = {name: code for name, code in codes.items() if isinstance(code, NumberCode)}
        inputs = tuple(
            input_from_meta(item, f"encoder.inputs[{i}]", codes, numbers)
            for i, item in enumerate(check.items(fields["inputs"], "encoder.inputs"))
        )
        encoder = cls(columns, inputs, "error" if missing == "error" else "impute")
        if encoder.n_inputs == 0:
            raise ValueError("encoder.inputs must not be empty")
        return encoder

    def _read(self, frame: pd.DataFrame, name: str, rows: Rows, tally: Tally | None) -> Table:
        table = Table({}, {}, {})
        gaps_allowed = self.missing == "impute"
        for code in self.columns:
            series = frame[code.name]
            if isinstance(code, CategoryCode):
                found, labels = read_categories(series, name, rows, gaps_allowed=gaps_allowed)
                table.slots[code.name] = code.slots(found, labels, tally)
            else:
                values = read_numbers(series, code.kind, name, rows, gaps_allowed=gaps_allowed)
                table.numbers[code.name], table.gaps[code.name] = code.filled(values, tally)
        return table


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


def _column_inputs(code: Code, table: Table, numeric: Method, name: str) -> list[Input]:
    """Return what a column as it is becomes: nothing if it tells the training rows nothing."""
    if isinstance(code, CategoryCode):
        return [OneHotInput(code.name)] if len(code.slot_names) > 1 else []
    inputs: list[Input] = []
    values = table.numbers[code.name]
    if values.min() < values.max():
        method = "none" if code.kind == "boolean" else numeric  # 0 and 1 as they are
        scaler = _fit_scaler(method, values, f"column {code.name!r}", name)
        inputs.append(ColumnInput(code.name, scaler))
    return inputs + ([GapInput(code.name)] if code.had_gaps else [])


def _fit_scaler(method: Method, values: NDArray[np.float64], what: str, name: str) -> Scaler:
    try:
        return fit_scaler(method, values)
    except ValueError as err:
        raise DataError(
            f"{name}: {what}: {err}. Set preprocessing.numeric to none, or mend the data"
        ) from err


def _is_constant(values: NDArray[np.float64]) -> bool:
    # sin(x)**2 + cos(x)**2 is 1 but for rounding errors, which scaling would blow up.
    slack = 16 * np.finfo(np.float64).eps * np.abs(values).max()
    return bool(values.max() <= values.min() + slack)


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


def _require(frame: pd.DataFrame, needed: Sequence[str], name: str) -> None:
    problem = missing_columns(needed, list(frame.columns))
    if problem:
        raise DataError(f"{name}: {problem}")
