"""What each feature column is, decided once, on the training data.

Not the numbers it becomes: those are `encoding`'s, which fits them on the training rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.errors import DataError, listed, quoted, require_columns
from nnfit.observer import Observer
from nnfit.table.cells import cell_type, read_floats, read_labels
from nnfit.table.expressions import parse_features
from nnfit.table.finding import find_spelling
from nnfit.table.odd import refuse_numbers
from nnfit.table.rows import NamedColumn, NamedRows
from nnfit.table.spelling import Spelling, Written, parser

if TYPE_CHECKING:
    from nnfit.config.schema import DataConfig

Kind = Literal["numeric", "categorical", "boolean"]

# A text column with more distinct values than this, in more than half of its cells, is more
# likely an id or free text than a category.
MANY_VALUES = 50


@dataclass(frozen=True)
class Column:
    """A feature column and how its cells are read; None is the spelling of plain numbers."""

    name: str
    kind: Kind
    spelling: Spelling | None = None


def decide_columns(
    rows: NamedRows,
    data: DataConfig,
    features: Sequence[str] | None,
    where: str,
    observer: Observer,
) -> list[Column]:
    """Return the feature columns of the training data in its order, each with its kind.

    `data.include` None means all but target, weight, groups, time and `exclude`; columns that the
    config's `features` do not use are left out, unread. `where` is the place of that key in
    messages. The observer is warned of columns that look like ids or free text.

    Raises
    ------
    ConfigError
        If a feature cannot be understood.
    DataError
        If a name does not exist, a column holds what no network can read, or none is left.
    """
    name, known = rows.name, rows.columns
    chosen = chosen_columns(name, known, data, features, where)
    columns = []
    crowded = []
    written = Written.of(data)
    for column in known:
        if column in chosen:
            kind: Kind = "categorical"
            spelling = None
            if column not in data.categorical:
                cells = rows.column(column)
                kind, n_labels, spelling = _decide_kind(cells, written)
                if is_crowded(cells, n_labels):
                    crowded.append(column)
            columns.append(Column(column, kind, spelling))
    _tell_left_out(rows, data, chosen, observer)
    if crowded:
        one = len(crowded) == 1
        observer.warning(
            f"{name}: text {quoted(crowded)} {'has its' if one else 'have their'} own value in "
            f"more than half of the rows. Add {'it' if one else 'them'} to data.exclude if "
            f"{'this is an id, a date' if one else 'these are ids, dates'} or free text"
        )
    return columns


def chosen_columns(
    name: str,
    known: Sequence[str],
    data: DataConfig,
    features: Sequence[str] | None,
    where: str,
) -> set[str]:
    """Return the columns, of those `known` in the table `name`, that are inputs.

    Raises
    ------
    ConfigError, DataError
        As `decide_columns`, but for what the columns hold.
    """
    for key, named in (
        ("target", data.target),
        *((key, (column,)) for key, column in data.roles.items()),
        ("include", data.include or ()),
        ("exclude", data.exclude),
        ("categorical", data.categorical),
        ("missing_values", data.missing_values if isinstance(data.missing_values, dict) else ()),
    ):
        require_columns(name, known, named, key=f"data.{key}")
    chosen = set(known if data.include is None else data.include)
    chosen -= {*data.target, *data.exclude, *data.roles.values()}
    if not chosen:
        raise DataError(
            f"{name}: no usable feature column; columns are: {listed(known)}. "
            "Check data.include and data.exclude"
        )
    available = [column for column in known if column in chosen]
    refused = {column: "is in data.exclude" for column in data.exclude}
    refused |= {column: f"is data.{key}" for key, column in data.roles.items()}
    refused |= {column: "is the target; a target is never an input" for column in data.target}
    wanted = parse_features(features, available, where, refused)
    return {column for expression in wanted for column in expression.columns}


def _tell_left_out(
    rows: NamedRows, data: DataConfig, chosen: Collection[str], observer: Observer
) -> None:
    """Say which columns are no features, and by which key."""
    others = [c for c in rows.columns if c not in {*chosen, *data.target, *data.roles.values()}]
    by_key = {"data.exclude": [c for c in others if c in data.exclude]}
    rest = [c for c in others if c not in data.exclude]
    if data.include is not None:
        by_key["not in data.include"] = [c for c in rest if c not in data.include]
        rest = [c for c in rest if c in data.include]
    by_key["in no feature"] = rest
    said = [f"{listed(map(repr, names))} ({key})" for key, names in by_key.items() if names]
    if said:
        observer.note(f"columns left out: {'; '.join(said)}")


def is_crowded(column: NamedColumn, n_labels: int) -> bool:
    """True if a column of so many different texts is more likely one of ids or free text."""
    return n_labels > max(MANY_VALUES, int(column.cells.notna().sum()) / 2)


def refuse_infinite(column: NamedColumn, infinite: NDArray[np.bool_]) -> None:
    """Raise DataError at the first cell that is `infinite` (N,), or too large."""
    if infinite.any():
        i = int(infinite.argmax())
        raise DataError(
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


def _decide_kind(column: NamedColumn, written: Written) -> tuple[Kind, int, Spelling | None]:
    """Return the kind of a column, how many texts there are if it is text, and its spelling."""
    refuse_other(column)
    kind = cell_type(column.cells)
    if kind in ("boolean", "category"):
        return ("boolean" if kind == "boolean" else "categorical"), 0, None
    otherwise = "list the column under data.categorical"
    spelling = find_spelling(column, written, otherwise)
    values, failed = read_floats(column.cells, parser(spelling))
    if len(failed):
        labels = read_labels(column)[1]
        if {"True", "False"}.issuperset(labels):
            return "boolean", 0, None
        refuse_numbers(column, failed, otherwise, written)
        return "categorical", len(labels), None
    refuse_infinite(column, np.isinf(values))
    return "numeric", 0, spelling
