"""Rows made up for a picture: some columns are varied, the others held at a typical value.

What the varied columns are taken through is the caller's choice, not made here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.csv.frames import with_columns
from nnfit.table.coding import Code
from nnfit.table.rows import NamedRows
from nnfit.table.table import Table


@dataclass(frozen=True)
class Reading:
    """One column of a table as a model reads it.

    `labels` are the categories that the model knows, or the two truth values; none for numbers.
    `values` (N,) are numbers, or places among the labels; NaN in gaps and for unknown categories.
    `typical` is the median, or the place of the most frequent label.
    """

    name: str
    labels: tuple[str, ...]
    values: NDArray[np.float64]
    typical: float

    @property
    def typical_text(self) -> str:
        """The typical value as a person writes it."""
        return self.labels[int(self.typical)] if self.labels else f"{self.typical:.4g}"


def read_column(rows: NamedRows, code: Code) -> Reading:
    """Return the column of `rows` that `code` stands for; DataError where a cell can't be read."""
    labels, values, typical = code.places(Table(rows))
    present = values[~np.isnan(values)]
    if len(present) and labels:
        typical = float(np.bincount(present.astype(np.intp)).argmax())
    elif len(present):
        typical = float(np.median(present))
    return Reading(code.name, labels, values, typical)


def made_up(columns: Iterable[tuple[Reading, NDArray[np.float64]]]) -> pd.DataFrame:
    """Return a table of the given columns, each with its values (N,) or places among labels."""
    cells = {}
    for column, values in columns:
        if column.labels:
            cells[column.name] = np.array(column.labels, object)[values.astype(np.intp)]
        else:
            cells[column.name] = values
    return pd.DataFrame(cells)


def with_column_permuted(rows: NamedRows, column: str, order: NDArray[np.intp]) -> NamedRows:
    """Return `rows` with the cells of one column in another order."""
    frame = rows.frame
    cells = frame[column].take(order).set_axis(frame.index)
    return replace(rows, frame=with_columns(frame, {column: cells}))
