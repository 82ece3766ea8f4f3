"""Rows, and their columns as far as they are read: plain arrays by the columns' names.

What becomes of them is in `coding` and `inputs`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnfit.errors import DataError
from nnfit.table.cells import merged, parse_truth, read_floats, read_labels
from nnfit.table.columns import refuse_infinite
from nnfit.table.rows import NamedColumn, NamedRows
from nnfit.table.spelling import Spelling, complaint, parser

Floats: TypeAlias = NDArray[np.float64]
Tally: TypeAlias = Counter[tuple[str, str]]
"""How many cells were ("unseen" | "gap", column): categories or gaps that training never saw.

And in how many rows, ("crossing", ""), quantiles cross."""


@dataclass(frozen=True)
class Table:
    """Numbers without gaps, where these were, and category slots, each (N,).

    A gap is an error unless `gaps_allowed`; `tally` counts what training never saw; `alike` has for
    a column that was fitted its categories that look alike, "" for none.
    """

    rows: NamedRows
    _: KW_ONLY
    gaps_allowed: bool = True
    tally: Tally = field(default_factory=Counter)
    alike: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, Floats] = field(default_factory=dict)
    gaps: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    slots: dict[str, NDArray[np.intp]] = field(default_factory=dict)

    def read_numbers(
        self, name: str, kind: Literal["numeric", "boolean"], spelling: Spelling | None = None
    ) -> Floats:
        """Return a numeric or boolean column as float64 (N,), NaN in gaps.

        Raises
        ------
        DataError
            At the first cell that is no finite number (no truth value), or at the first gap
            where none is allowed.
        """
        column = self.rows.column(name)
        parse = parser(spelling) if kind == "numeric" else parse_truth
        values, failed = read_floats(column.cells, parse)
        if len(failed):
            i = int(failed[0])
            expected = "true or false"
            if kind == "numeric":
                expected = "a number" + (f" such as {spelling.shown!r}" if spelling else "")
            message = (
                f"{column.place(i)}: cannot read {column.shown(i)} as {expected}. "
                "Mend the cell, or leave it empty"
            )
            raise complaint(column.cells.iloc[i], spelling, message)
        refuse_infinite(column, np.isinf(values))
        if not self.gaps_allowed:
            _refuse_gaps(np.isnan(values), column)
        return values

    def read_categories(
        self, name: str, spell: Callable[[object], str | None] | None = None
    ) -> tuple[NDArray[np.intp], list[str]]:
        """Return a categorical column as codes (N,), -1 in gaps, and the labels they stand for.

        The labels are what `spell` makes of the cells, of `KnownLabel` say; without it they are
        found in the column.

        Raises
        ------
        DataError
            At the first cell that can name no category, or at the first gap where none is allowed.
        """
        column = self.rows.column(name)
        if spell is None:
            codes, labels = merged(*read_labels(column))
        else:
            codes, labels = read_labels(column, spell)
        if not self.gaps_allowed:
            _refuse_gaps(codes < 0, column)
        return codes, labels


def _refuse_gaps(gaps: NDArray[np.bool_], column: NamedColumn) -> None:
    if gaps.any():
        raise DataError(
            f"{column.place(int(gaps.argmax()))}: missing, and preprocessing.missing is "
            "'error'. Fill the cell, or set preprocessing.missing to impute"
        )
