"""What decides beside chance which rows are held out: groups that stay whole, and time.

The columns are no features; how rows are divided by them is in `splitting`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.errors import DataError, require_columns
from nnfit.table.cells import cell_type, merged, read_floats, read_labels
from nnfit.table.columns import refuse_infinite
from nnfit.table.finding import find_spelling
from nnfit.table.rows import NamedColumn, NamedRows
from nnfit.table.spelling import Written, parser


@dataclass(frozen=True)
class Arrangement:
    """The group of each row, a number (N,), and its rank in time (N,); None where there is none."""

    groups: NDArray[np.intp] | None = None
    ranks: NDArray[np.intp] | None = None

    @classmethod
    def of(cls, rows: NamedRows, roles: Mapping[str, str], written: Written) -> Arrangement:
        """Return that of `rows` by the columns that `roles` has under "groups" and "time".

        Groups are equal as categories are; times are numbers however `written`, or dates in the
        form of ISO 8601, and rows of one time keep their order.

        Raises
        ------
        DataError
            If there is no such column, or at its first gap, or time that is neither.
        """
        groups, time = roles.get("groups"), roles.get("time")
        named = {"groups": groups, "time": time}
        for key, name in named.items():
            if name is not None:
                require_columns(rows.name, rows.columns, [name], key=f"data.{key}")
        return cls(
            None if groups is None else _groups(rows.column(groups)),
            None if time is None else _ranks(_times(rows.column(time), written)),
        )

    def take(self, places: NDArray[np.intp]) -> Arrangement:
        """Return that of the rows at `places`, their ranks from 0 without a gap."""
        return Arrangement(
            None if self.groups is None else self.groups[places],
            None if self.ranks is None else _ranks(self.ranks[places]),
        )

    @property
    def fingerprint(self) -> str | None:
        """What tells it from others, in hexadecimal; None where chance alone decides."""
        found = self.ranks if self.groups is None else self.groups
        return None if found is None else hashlib.sha256(found.astype("<i8").tobytes()).hexdigest()


def _ranks(times: NDArray[Any]) -> NDArray[np.intp]:
    ranks = np.empty(len(times), dtype=np.intp)
    ranks[np.argsort(times, kind="stable")] = np.arange(len(times))
    return ranks


def _groups(column: NamedColumn) -> NDArray[np.intp]:
    """Return the group of each cell, numbered as they appear."""
    _refuse(column, column.cells.isna().to_numpy(), "groups", "a group in every row")
    if cell_type(column.cells) == "other":  # dates of a DataFrame, say
        return pd.factorize(column.cells.astype(str))[0].astype(np.intp)
    return merged(*read_labels(column))[0]


def _times(column: NamedColumn, written: Written) -> NDArray[Any]:
    """Return numbers (N,) that grow with time."""
    expected = "a number or an ISO date, such as 2024-03-31, in every row"
    _refuse(column, column.cells.isna().to_numpy(), "time", expected)
    spelling = find_spelling(column, written, "choose another data.time")
    values, failed = read_floats(column.cells, parser(spelling))
    if not len(failed):
        refuse_infinite(column, np.isinf(values))
        return values
    try:
        dates = pd.to_datetime(column.cells, format="ISO8601", utc=True, errors="coerce")
    except (TypeError, ValueError):  # of no type that has dates
        dates = pd.Series([pd.NaT] * len(values))
    _refuse(column, dates.isna().to_numpy(), "time", expected)
    return dates.astype(np.int64).to_numpy()


def _refuse(column: NamedColumn, wrong: NDArray[np.bool_], key: str, expected: str) -> None:
    """Raise DataError at the first cell that is `wrong` (N,)."""
    if wrong.any():
        i = int(wrong.argmax())
        cell = "a missing cell" if column.cells.isna().iloc[i] else column.shown(i)
        raise DataError(
            f"{column.place(i)}: got {cell}; expected {expected}. "
            f"Mend the cell, or choose another data.{key}"
        )
