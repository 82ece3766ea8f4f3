"""DataFrame in, the network's input matrix out, as the training rows taught it in `fitting`.

Not the targets, which `targets` encodes, and no network: the matrix has a row per example.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnfit.errors import require_columns
from nnfit.storage import json_checks as check
from nnfit.table.coding import Code, Codes, code_from_meta
from nnfit.table.expressions import check_length
from nnfit.table.inputs import Input, input_from_meta
from nnfit.table.rows import NamedRows
from nnfit.table.table import Floats, Table, Tally

# Numbers worked on at a time: a block of rows this large stays in the processor's cache while
# its columns are laid side by side.
_BLOCK_SIZE = 2**17
_FLOAT64 = np.dtype(np.float64)
_MAX_NAMES = 2**27  # characters of the inputs' names, each of which repeats its column's


@dataclass(frozen=True)
class Encoder:
    """Turns rows into the inputs phi(x) of a network; made by `fit_encoder` or `from_meta`.

    `columns` are those that are read, and `inputs` what becomes of them, in the order of the
    matrix's columns.
    """

    columns: tuple[Code, ...]
    inputs: tuple[Input, ...]
    missing: Literal["impute", "error"]

    @property
    def needed_columns(self) -> list[str]:
        """The columns that `transform` reads."""
        return [code.name for code in self.columns]

    def text_columns(self, decimal: str) -> list[str]:
        """Return those that a CSV reader had better leave as they are spelt.

        They are the categorical ones, and numbers that it would misread by its `decimal` mark.
        """
        return [code.name for code in self.columns if code.is_text(decimal)]

    @property
    def input_names(self) -> list[str]:
        """A name for every column of the matrix: `age`, `age in 17..21`, `sex=female`."""
        return [name for item in self.inputs for name in item.names]

    @property
    def n_inputs(self) -> int:
        """D, the width of the matrix."""
        return sum(item.width for item in self.inputs)

    def transform(
        self, rows: NamedRows, tally: Tally | None = None, dtype: np.dtype[Any] = _FLOAT64
    ) -> Floats:
        """Return the inputs of every row.

        Parameters
        ----------
        rows : NamedRows
            N of them. Columns are matched by name; others are ignored.
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
        table = self.read(rows, tally)
        widths = [item.width for item in self.inputs]
        X = np.zeros((len(rows), sum(widths)))
        step = max(1024, _BLOCK_SIZE // X.shape[1])
        for start in range(0, len(rows), step):
            block = slice(start, min(start + step, len(rows)))
            j = 0
            for item, width in zip(self.inputs, widths, strict=True):
                item.write(X[block, j : j + width], table, block, dtype)
                j += width
        return X

    def defined(self, rows: NamedRows) -> NDArray[np.bool_]:
        """Return for every row (N,) whether all expressions are finite there: log(x) at x > 0."""
        table = self.read(rows)
        finite = np.ones(len(rows), dtype=bool)
        for item in self.inputs:
            finite &= item.defined(table)
        return finite

    def warnings(self, tally: Tally, name: str) -> list[str]:
        """Return a sentence for each column in `tally`, once all rows have been through."""
        codes = {code.name: code for code in self.columns}
        sentences = []
        for (what, column), count in tally.items():
            if what == "crossing":  # which is of no column
                continue
            cells = "1 cell" if count == 1 else f"{count} cells"
            were = "of categories not seen in training" if what == "unseen" else "missing"
            why = "" if what == "unseen" else "; training had none missing there"
            became = codes[column].became
            sentences.append(f"{name}: column {column!r}: {cells} {were}, {became}{why}")
        return sentences

    def to_meta(self) -> dict[str, Any]:
        """Return plain JSON types; floats survive `json` exactly."""
        return {
            "missing": self.missing,
            "columns": [code.to_meta() for code in self.columns],
            "inputs": [item.to_meta() for item in self.inputs],
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
        codes = Codes({code.name: code for code in columns})
        if len(codes) < len(columns):
            raise ValueError("encoder.columns must have different names")
        items = check.items(fields["inputs"], "encoder.inputs")
        texts = (item.get("expression") for item in items if isinstance(item, dict))
        check_length((t for t in texts if isinstance(t, str)), "encoder.inputs", ValueError)
        inputs = tuple(
            input_from_meta(item, f"encoder.inputs[{i}]", codes) for i, item in enumerate(items)
        )
        if len({item.identity for item in inputs}) < len(inputs):
            raise ValueError("encoder.inputs must be different")
        encoder = cls(columns, inputs, "error" if missing == "error" else "impute")
        if encoder.n_inputs == 0:
            raise ValueError("encoder.inputs must not be empty")
        repeated = (len(item.identity[1]) * item.width for item in inputs if item.width > 1)
        if sum(repeated) > _MAX_NAMES:
            raise ValueError("encoder.columns must have shorter names")
        return encoder

    def read(self, rows: NamedRows, tally: Tally | None = None) -> Table:
        """Return the columns of the rows as they are read, before they are scaled; see `transform`.

        Raises
        ------
        DataError
            If a column is not there, or a cell cannot be read.
        """
        needed = self.needed_columns
        require_columns(rows.name, rows.columns, needed, why=", which the model needs")
        tally = Counter() if tally is None else tally
        table = Table(rows, gaps_allowed=self.missing == "impute", tally=tally)
        for code in self.columns:
            code.read(table)
        return table
