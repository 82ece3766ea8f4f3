"""What each feature column is, decided once, on the training data.

Not the numbers it becomes: those are `encoding`'s, which fits them on the training rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from nnfit.errors import DataError, listed, quoted, require_columns
from nnfit.observer import Observer
from nnfit.table.cells import (
    cell_type,
    parse_any_spelling,
    parse_number,
    read_floats,
    read_labels,
)
from nnfit.table.features import parse_features
from nnfit.table.rows import NamedColumn, NamedRows

if TYPE_CHECKING:
    from nnfit.config.schema import DataConfig

Kind = Literal["numeric", "categorical", "boolean"]

# A text column with more distinct values than this, in more than half of its cells, is more
# likely an id or free text than a category.
MANY_VALUES = 50


@dataclass(frozen=True)
class Column:
    """A feature column and how its cells are read."""

    name: str
    kind: Kind


def decide_columns(
    rows: NamedRows,
    data: DataConfig,
    features: Sequence[str] | None,
    where: str,
    observer: Observer,
) -> list[Column]:
    """Return the feature columns of `rows` in the table's order, each with its kind.

    Parameters
    ----------
    rows : NamedRows
        The training data.
    data : DataConfig
        The config's section: target, include, exclude, categorical and weight count here;
        `include` None means all but target, weight and `exclude`.
    features : sequence of str or None
        The config's `features`; columns that these do not use are left out, unread.
    where : str
        The place of the `features` key in messages.
    observer : Observer
        Warned of columns that look like ids or free text.

    Raises
    ------
    ConfigError
        If a feature cannot be understood.
    DataError
        If a name does not exist, a column holds what no network can read, or none is left.
    """
    name, known = rows.name, rows.columns
    weight = () if data.weight is None else (data.weight,)
    for key, named in (
        ("target", data.target),
        ("weight", weight),
        ("include", data.include or ()),
        ("exclude", data.exclude),
        ("categorical", data.categorical),
    ):
        require_columns(name, known, named, key=f"data.{key}")
    chosen = set(known if data.include is None else data.include)
    chosen -= {*data.target, *data.exclude, *weight}
    if not chosen:
        raise DataError(
            f"{name}: no usable feature column; columns are: {listed(known)}. "
            "Check data.include and data.exclude"
        )
    available = [column for column in known if column in chosen]
    refused = {column: "is in data.exclude" for column in data.exclude}
    refused |= {column: "is the target; a target is never an input" for column in data.target}
    wanted = parse_features(features, available, where, refused)
    chosen = {column for expression in wanted for column in expression.columns}
    columns = []
    crowded = []
    for column in known:
        if column in chosen:
            kind: Kind = "categorical"
            if column not in data.categorical:
                cells = rows.column(column)
                kind, n_labels = _decide_kind(cells)
                if is_crowded(cells, n_labels):
                    crowded.append(column)
            columns.append(Column(column, kind))
    if crowded:
        one = len(crowded) == 1
        observer.warning(
            f"{name}: text {quoted(crowded)} {'has its' if one else 'have their'} own value in "
            f"more than half of the rows. Add {'it' if one else 'them'} to data.exclude if "
            f"{'this is an id, a date' if one else 'these are ids, dates'} or free text"
        )
    return columns


def is_crowded(column: NamedColumn, n_labels: int) -> bool:
    """True if a column of so many different texts is more likely one of ids or free text."""
    return n_labels > max(MANY_VALUES, int(column.cells.notna().sum()) / 2)


def bad_number(
    column: NamedColumn,
    i: int,
    n_numbers: int,
    n_cells: int,
    otherwise: str = "list the column under data.categorical",
) -> DataError:
    """Return the error for a text cell in a column of numbers, at place `i`."""
    cell = column.shown(i)
    return DataError(
        f"{column.place(i)}: cannot read {cell} as a number; "
        f"{n_numbers} of {n_cells} cells are numbers. Add {cell} to data.missing_values, "
        f"mend the cell, or {otherwise}"
    )


def refuse_foreign_numbers(column: NamedColumn, otherwise: str) -> None:
    """Raise DataError if most cells of a text column are numbers in a spelling not read here.

    Taken for text, each would quietly become a category of its own.
    """
    there = column.cells.notna().to_numpy()
    values, failed = read_floats(column.cells, parse_any_spelling)
    n_cells = int(there.sum())
    if n_cells - len(failed) <= n_cells / 2:
        return
    foreign = np.isnan(values) & there
    foreign[failed] = False
    i = int(np.flatnonzero(foreign)[0])
    raise DataError(
        f"{column.place(i)}: cannot read {column.shown(i)} as a "
        f"number; {int(foreign.sum())} of {n_cells} cells look like numbers with a decimal comma, "
        f"separators or other digits. Write them as 1234.5, or {otherwise}"
    )


def infinite_number(column: NamedColumn, i: int) -> DataError:
    """Return the error for an infinite (or too large) cell, at place `i`."""
    return DataError(
        f"{column.place(i)}: got {column.shown(i)}; expected a finite number. "
        "Mend the cell, or leave it empty"
    )


def refuse_other(column: NamedColumn) -> None:
    """Raise DataError if the cells of a column are dates or other objects."""
    if cell_type(column.cells) == "other":
        kind = str(column.cells.dtype)
        if kind == "object":
            kind = pd.api.types.infer_dtype(column.cells, skipna=True)
        raise DataError(
            f"{column.rows.name}: column {column.name!r} holds {kind} values; expected numbers, "
            "text or truth values. Convert the column, or add it to data.exclude"
        )


def _decide_kind(column: NamedColumn) -> tuple[Kind, int]:
    """Return the kind of a column and, if its cells are text, how many different ones there are."""
    refuse_other(column)
    kind = cell_type(column.cells)
    if kind in ("boolean", "category"):
        return ("boolean" if kind == "boolean" else "categorical"), 0
    values, failed = read_floats(column.cells, parse_number)
    n_cells = int(column.cells.notna().sum())
    if len(failed):
        labels = read_labels(column)[1]
        if {"True", "False"}.issuperset(labels):
            return "boolean", 0
        n_numbers = n_cells - len(failed)
        if n_numbers <= n_cells / 2:
            refuse_foreign_numbers(column, "list the column under data.categorical")
            return "categorical", len(labels)
        raise bad_number(column, int(failed[0]), n_numbers, n_cells)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise infinite_number(column, int(infinite[0]))
    return "numeric", 0
