"""Rows made up for a picture: some columns are varied, the others held at a typical value.

What the varied columns are taken through is the caller's choice, not made here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.table.cells import Rows
from nnfit.table.coding import CategoryCode, Code, read_categories, read_numbers


@dataclass(frozen=True)
class Reading:
    """One column of a table as a model reads it.

    Attributes
    ----------
    labels : tuple of str
        The categories that the model knows, or the two truth values; none for numbers.
    values : float64 ndarray of shape (N,)
        Numbers, or places among the labels; NaN in gaps and for unknown categories.
    typical : float
        The median, or the place of the most frequent label.
    """

    name: str
    labels: tuple[str, ...]
    values: NDArray[np.float64]
    typical: float

    @property
    def typical_text(self) -> str:
        """The typical value as a person writes it."""
        return self.labels[int(self.typical)] if self.labels else f"{self.typical:.4g}"


def read_column(frame: pd.DataFrame, code: Code, name: str, rows: Rows = 1) -> Reading:
    """Return the column of `frame` that `code` stands for; DataError where a cell can't be read."""
    series = frame[code.name]
    if isinstance(code, CategoryCode):
        found, spelt = read_categories(series, name, rows, gaps_allowed=True)
        places = {label: float(place) for place, label in enumerate(code.categories)}
        table = np.array([*(places.get(label, np.nan) for label in spelt), np.nan])
        values, labels = table[found], code.categories
    else:
        values = read_numbers(series, code.kind, name, rows, gaps_allowed=True)
        labels = ("false", "true") if code.kind == "boolean" else ()
    present = values[~np.isnan(values)]
    if not len(present):
        typical = 0.0 if isinstance(code, CategoryCode) else code.fill
    elif labels:
        typical = float(np.bincount(present.astype(np.intp)).argmax())
    else:
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


def with_column_permuted(frame: pd.DataFrame, column: str, order: NDArray[np.intp]) -> pd.DataFrame:
    """Return `frame` with the cells of one column in another order."""
    return frame.assign(**{column: frame[column].take(order).set_axis(frame.index)})
