"""DataFrame in, the network's input matrix out, as the training rows taught it in `fitting`.

Not the targets, which `targets` encodes, and no network: the matrix has a row per example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.errors import DataError
from nnfit.storage import json_checks as check
from nnfit.table.cells import Rows
from nnfit.table.coding import (
    CategoryCode,
    Code,
    NumberCode,
    Tally,
    code_from_meta,
    read_categories,
    read_numbers,
)
from nnfit.table.columns import missing_columns, with_text_names
from nnfit.table.inputs import (
    ExpressionInput,
    Input,
    Table,
    input_from_meta,
    input_names,
    input_to_meta,
    width,
    write,
)

# Numbers worked on at a time: a block of rows this large stays in the processor's cache while
# its columns are laid side by side.
_BLOCK_SIZE = 2**17
_FLOAT64 = np.dtype(np.float64)
_MAX_NAMES = 2**27  # characters of the inputs' names, each of which repeats its column's


@dataclass(frozen=True)
class Encoder:
    """Turns rows into the inputs phi(x) of a network; made by `fit_encoder` or `from_meta`.

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
        codes = {code.name: code for code in self.columns}
        return sum(width(item, codes) for item in self.inputs)

    def transform(
        self,
        frame: pd.DataFrame,
        name: str,
        rows: Rows = 1,
        tally: Tally | None = None,
        dtype: np.dtype[Any] = _FLOAT64,
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
        dtype : dtype
            Of the network, whose range every number must fit.

        Returns
        -------
        float64 ndarray of shape (N, D), C-contiguous

        Raises
        ------
        DataError
            If a column is not there, a cell cannot be read, or an input is beyond the dtype.
        """
        frame = with_text_names(frame, name)
        _require(frame, self.needed_columns, name)
        table = self._read(frame, name, rows, tally)
        codes = {code.name: code for code in self.columns}
        widths = [width(item, codes) for item in self.inputs]
        X = np.zeros((len(frame), sum(widths)))
        step = max(1024, _BLOCK_SIZE // X.shape[1])
        for start in range(0, len(frame), step):
            part = slice(start, min(start + step, len(frame)))
            j = 0
            for item, n in zip(self.inputs, widths, strict=True):
                write(item, table, part, X[part, j : j + n], name, rows, dtype)
                j += n
        return X

    def defined(self, frame: pd.DataFrame, name: str, rows: Rows = 1) -> NDArray[np.bool_]:
        """Return for every row (N,) whether all expressions are finite there: log(x) at x > 0."""
        table = self._read(frame, name, rows, None)
        finite = np.ones(len(frame), dtype=bool)
        for item in self.inputs:
            if isinstance(item, ExpressionInput):
                finite &= np.isfinite(item.expression.evaluate(table.numbers, len(frame)))
        return finite

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
        if len(set(map(_identity, inputs))) < len(inputs):
            raise ValueError("encoder.inputs must be different")
        encoder = cls(columns, inputs, "error" if missing == "error" else "impute")
        if encoder.n_inputs == 0:
            raise ValueError("encoder.inputs must not be empty")
        if sum(len(c.name) * c.n_slots for c in columns if isinstance(c, CategoryCode)) > (
            _MAX_NAMES
        ):
            raise ValueError("encoder.columns must have shorter names")
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


def _identity(item: Input) -> tuple[type, str]:
    """Return what no two inputs share: the same column many times over could fill any memory."""
    return type(item), item.expression.text if isinstance(item, ExpressionInput) else item.column


def _require(frame: pd.DataFrame, needed: Sequence[str], name: str) -> None:
    problem = missing_columns(needed, list(frame.columns))
    if problem:
        raise DataError(f"{name}: {problem}")
