"""Rows of a table that know where they come from: its name and their numbers, for the messages.

Not what the cells mean: `cells` reads one column, `encoding` all that a network needs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.errors import DataError, described, listed, shorten


@dataclass(frozen=True)
class NamedRows:
    """N rows of a table, whole or in part; its `name` is that of messages.

    The names of the frame's columns are text. `numbering` is the number in the table, from 1, of
    the first of consecutive rows, or of each row (N,).
    """

    frame: pd.DataFrame
    name: str
    numbering: NDArray[np.int64] | int = 1
    # of columns that were read as labels: each row's code, and the cells the codes stand for
    seen: dict[str, tuple[NDArray[np.int32], list[object]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def from_frame(cls, frame: Any, name: str, needed: Sequence[str] = ()) -> NamedRows:
        """Return a DataFrame from outside, its columns' names as text: 0 is '0', as in a CSV.

        `needed` are the columns to name where something else came.

        Raises
        ------
        DataError
            If it is none, or two columns then share a name.
        """
        if not isinstance(frame, pd.DataFrame):
            columns = listed(map(repr, needed)) or "..."
            how = f"Pass pandas.DataFrame(data, columns=[{columns}])"
            if isinstance(frame, str | os.PathLike):
                how = f"Pass pandas.read_csv({described(frame)})"
            elif isinstance(frame, pd.Series):
                how = "Pass frame.iloc[[0]] for one row, series.to_frame() for one column"
            raise DataError(
                f"{name}: got {described(frame)}; expected a pandas.DataFrame, whose columns are "
                f"matched by name. {how}"
            )
        names = [str(column) for column in frame.columns]
        if len(set(names)) < len(names):
            twice = next(column for i, column in enumerate(names) if column in names[:i])
            raise DataError(
                f"{name}: column {twice!r} is there {names.count(twice)} times; "
                "expected every name once. Rename or drop the others"
            )
        if not all(isinstance(column, str) for column in frame.columns):
            frame = frame.set_axis(names, axis="columns")
        return cls(frame, name)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the table's order."""
        return list(self.frame.columns)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The number of every row (N,)."""
        first = self.numbering
        return np.arange(first, first + len(self)) if isinstance(first, int) else first

    def take(self, places: NDArray[np.intp]) -> NamedRows:
        """Return the rows at `places`, ascending; all of them are not copied."""
        if len(places) == len(self):
            return self
        return NamedRows(self.frame.iloc[places], self.name, self.numbers[places])

    def between(self, start: int, stop: int) -> NamedRows:
        """Return the rows from place `start` to before `stop`, at no cost that counts."""
        first = self.numbering
        numbering = first + start if isinstance(first, int) else first[start:stop]
        return NamedRows(self.frame.iloc[start:stop], self.name, numbering)

    def digest(self) -> str:
        """Return a hash, in hexadecimal, of all cells and the columns' names, in their order."""
        cells = pd.util.hash_pandas_object(self.frame, index=False).to_numpy()
        return hashlib.sha256(repr(self.columns).encode() + cells.tobytes()).hexdigest()

    def column(self, column: str) -> NamedColumn:
        """Return one column, which is there."""
        return NamedColumn(self.frame[column], self)

    def place(self, i: int, column: str | None = None) -> str:
        """Return `NAME, row R` or `NAME, row R, column 'C'` for the row at place `i`."""
        first = self.numbering
        row = first + i if isinstance(first, int) else first[i]
        return f"{self.name}, row {row}" + ("" if column is None else f", column {column!r}")


@dataclass(frozen=True)
class NamedColumn:
    """The `cells` (N,) of one column of `rows`."""

    cells: pd.Series[Any]
    rows: NamedRows

    @property
    def name(self) -> str:
        return str(self.cells.name)

    def place(self, i: int) -> str:
        """Return `NAME, row R, column 'C'` for the cell at place `i`."""
        return self.rows.place(i, self.name)

    def shown(self, i: int) -> str:
        """Return the cell at place `i` quoted for a message, cut to what fits."""
        cell = self.cells.iloc[i]
        return shorten(repr(cell.item() if isinstance(cell, np.generic) else cell))
