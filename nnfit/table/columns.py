"""What each feature column is, decided once, on the training data.

Not the numbers it becomes: those are `encoding`'s, which fits them on the training rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from nnfit.errors import DataError, did_you_mean
from nnfit.observer import Observer
from nnfit.table.cells import (
    Rows,
    cell_type,
    listed,
    parse_any_spelling,
    parse_number,
    place,
    quoted,
    read_floats,
    read_labels,
    shown,
)
from nnfit.table.features import parse_features

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
    frame: pd.DataFrame,
    name: str,
    *,
    targets: Collection[str],
    include: Collection[str] | None,
    exclude: Collection[str],
    categorical: Collection[str],
    weight: str | None,
    observer: Observer,
    rows: Rows = 1,
    features: Sequence[str] | None = None,
    where: str = "features",
) -> list[Column]:
    """Return the feature columns of `frame` in its own order, each with its kind.

    Parameters
    ----------
    frame : DataFrame
        The training data.
    name : str
        The file as shown in messages.
    targets, include, exclude, categorical, weight
        The keys of the config's `data` section; `include` None means all but target, weight
        and `exclude`.
    observer : Observer
        Warned of columns that look like ids or free text.
    rows : int ndarray or int
        The data-row number of every row, or of the first.
    features : sequence of str, optional
        The config's `features`; columns that these do not use are left out, unread.
    where : str
        The place of the `features` key in messages.

    Raises
    ------
    ConfigError
        If a feature cannot be understood.
    DataError
        If a name does not exist, a column holds what no network can read, or none is left.
    """
    frame = with_text_names(frame, name)
    known = list(frame.columns)
    require_columns_named("data.target", targets, known, name)
    require_columns_named("data.weight", [weight] if weight is not None else [], known, name)
    require_columns_named("data.include", include or (), known, name)
    require_columns_named("data.exclude", exclude, known, name)
    require_columns_named("data.categorical", categorical, known, name)
    chosen = set(known if include is None else include)
    chosen -= {*targets, *exclude, *([weight] if weight is not None else [])}
    if not chosen:
        raise DataError(
            f"{name}: no usable feature column; columns are: {listed(known)}. "
            "Check data.include and data.exclude"
        )
    available = [column for column in known if column in chosen]
    refused = {column: "is in data.exclude" for column in exclude}
    refused |= {column: "is the target; a target is never an input" for column in targets}
    wanted = parse_features(features, available, where, refused)
    chosen = {column for expression in wanted for column in expression.columns}
    columns = []
    crowded = []
    for column in known:
        if column in chosen:
            series = frame[column]
            kind: Kind = "categorical"
            if column not in categorical:
                kind, n_labels = _decide_kind(series, name, rows)
                if _are_many(n_labels, series):
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


def with_text_names(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return `frame` with its column names as text: 0 becomes '0', as a CSV would have it.

    Raises
    ------
    DataError
        If two columns then share a name.
    """
    names = [str(column) for column in frame.columns]
    if len(set(names)) < len(names):
        twice = next(column for i, column in enumerate(names) if column in names[:i])
        raise DataError(
            f"{name}: column {twice!r} is there {names.count(twice)} times; "
            "expected every name once. Rename or drop the others"
        )
    if all(isinstance(column, str) for column in frame.columns):
        return frame
    return frame.set_axis(names, axis="columns")


def missing_columns(needed: Iterable[str], known: Sequence[str]) -> str | None:
    """Return `no column 'x', …` for what `needed` has and `known` has not, or None.

    The names that are there follow, and the nearest of them.
    """
    there = set(known)
    missing = [column for column in needed if column not in there]
    if not missing:
        return None
    hint = did_you_mean(missing[0], known) if len(missing) == 1 else ""
    return f"no {quoted(missing)}, which the model needs; columns are: {listed(known)}{hint}"


def require_columns_named(key: str, wanted: Iterable[str], known: Sequence[str], name: str) -> None:
    """Raise DataError if a column that the option `key` names is not among `known`."""
    there = set(known)
    missing = [column for column in wanted if column not in there]
    if missing:
        hint = did_you_mean(missing[0], known) if len(missing) == 1 else ""
        what = "is no such column" if len(missing) == 1 else "are no such columns"
        raise DataError(
            f"{name}: {key} names {listed(map(repr, missing))}, but there {what}; "
            f"columns are: {listed(known)}{hint}"
        )


def is_crowded(series: pd.Series[Any], name: str, rows: Rows) -> bool:
    """True if a column of categories is more likely one of ids or free text."""
    return _are_many(len(read_labels(series, name, rows)[1]), series)


def bad_number(
    series: pd.Series[Any],
    name: str,
    rows: Rows,
    i: int,
    n_numbers: int,
    n_cells: int,
    otherwise: str = "list the column under data.categorical",
) -> DataError:
    """Return the error for a text cell in a column of numbers, at position `i`."""
    cell = shown(series.iloc[i])
    return DataError(
        f"{place(name, rows, i, str(series.name))}: cannot read {cell} as a number; "
        f"{n_numbers} of {n_cells} cells are numbers. Add {cell} to data.missing_values, "
        f"mend the cell, or {otherwise}"
    )


def refuse_foreign_numbers(series: pd.Series[Any], name: str, rows: Rows, otherwise: str) -> None:
    """Raise DataError if most cells of a text column are numbers in a spelling not read here.

    Taken for text, each would quietly become a category of its own.
    """
    values, failed = read_floats(series, parse_any_spelling)
    n_cells = int(series.notna().sum())
    if n_cells - len(failed) <= n_cells / 2:
        return
    foreign = np.isnan(values) & series.notna().to_numpy()
    foreign[failed] = False
    i = int(np.flatnonzero(foreign)[0])
    raise DataError(
        f"{place(name, rows, i, str(series.name))}: cannot read {shown(series.iloc[i])} as a "
        f"number; {int(foreign.sum())} of {n_cells} cells look like numbers with a decimal comma, "
        f"separators or other digits. Write them as 1234.5, or {otherwise}"
    )


def infinite_number(series: pd.Series[Any], name: str, rows: Rows, i: int) -> DataError:
    """Return the error for an infinite (or too large) cell, at position `i`."""
    return DataError(
        f"{place(name, rows, i, str(series.name))}: got {shown(series.iloc[i])}; expected a "
        "finite number. Mend the cell, or leave it empty"
    )


def refuse_other(series: pd.Series[Any], name: str) -> None:
    """Raise DataError if the cells of `series` are dates or other objects."""
    if cell_type(series) == "other":
        kind = str(series.dtype)
        if kind == "object":
            kind = pd.api.types.infer_dtype(series, skipna=True)
        raise DataError(
            f"{name}: column {str(series.name)!r} holds {kind} values; expected numbers, text "
            "or truth values. Convert the column, or add it to data.exclude"
        )


def _decide_kind(series: pd.Series[Any], name: str, rows: Rows) -> tuple[Kind, int]:
    """Return the kind of a column and, if its cells are text, how many different ones there are."""
    refuse_other(series, name)
    kind = cell_type(series)
    if kind in ("boolean", "category"):
        return ("boolean" if kind == "boolean" else "categorical"), 0
    values, failed = read_floats(series, parse_number)
    n_cells = int(series.notna().sum())
    if len(failed):
        labels = read_labels(series, name, rows)[1]
        if {"True", "False"}.issuperset(labels):
            return "boolean", 0
        n_numbers = n_cells - len(failed)
        if n_numbers <= n_cells / 2:
            refuse_foreign_numbers(series, name, rows, "list the column under data.categorical")
            return "categorical", len(labels)
        raise bad_number(series, name, rows, int(failed[0]), n_numbers, n_cells)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise infinite_number(series, name, rows, int(infinite[0]))
    return "numeric", 0


def _are_many(n_labels: int, series: pd.Series[Any]) -> bool:
    return n_labels > max(MANY_VALUES, int(series.notna().sum()) / 2)
