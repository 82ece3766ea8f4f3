"""Which task the targets set: classes or quantities, decided once, on all rows that have one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnfit.csv.numbers import DIGITS
from nnfit.errors import DataError, listed
from nnfit.observer import Observer
from nnfit.table.cells import cell_type, label, read_floats, read_labels, spelling
from nnfit.table.columns import refuse_other
from nnfit.table.finding import find_spelling
from nnfit.table.odd import refuse_numbers
from nnfit.table.rows import NamedColumn, NamedRows
from nnfit.table.spelling import PLAIN, Written, parser

Task = Literal["regression", "classification"]

# An integer target with more distinct values than this is a quantity.
MAX_INTEGER_CLASSES = 20


def decide_task(
    rows: NamedRows,
    targets: Sequence[str],
    task: Literal["auto", "regression", "classification"],
    observer: Observer,
    written: Written = PLAIN,
) -> Task:
    """Return the task, found in the target's cells when it is auto.

    The target columns exist, as text as it was spelt or with a dtype of their own. The observer
    is told what was decided, and why.

    Raises
    ------
    DataError
        If a target is mostly numbers and has cells that are none, or holds dates or the like, or
        text as one of several.
    """
    for target in targets:
        refuse_other(rows.column(target))
    if task != "auto":
        return task
    if len(targets) > 1:
        for target in targets:
            _refuse_text(rows.column(target), written)
        observer.note(f"task: regression (several targets: {listed(map(repr, targets))})")
        return "regression"
    decided, reason = _find_task(rows.column(targets[0]), written)
    observer.note(f"task: {decided} (target {targets[0]!r} {reason})")
    return decided


def refuse_one_row(rows: NamedRows) -> None:
    """Raise DataError if there is only one row to learn from: nothing varies."""
    if len(rows) < 2:
        raise DataError(f"{rows.name}: one row has a target; expected two or more to learn from")


def _refuse_text(column: NamedColumn, written: Written) -> None:
    """Raise DataError if one of several targets is no column of numbers."""
    otherwise = "leave it out of the targets"
    _, failed = read_floats(column.cells, parser(find_spelling(column, written, otherwise)))
    if not len(failed) or cell_type(column.cells) == "boolean":
        return
    refuse_numbers(column, failed, otherwise, written)
    raise DataError(
        f"{column.place(int(failed[0]))}: got {column.shown(int(failed[0]))}; one of several "
        "targets is a number, for text is classes. Predict it by a model of its own"
    )


def _find_task(column: NamedColumn, written: Written) -> tuple[Task, str]:
    """Return the task that one target sets, and the reason."""
    series = column.cells
    kind = cell_type(series)
    if kind == "boolean":
        return "classification", "is boolean"
    _, labels = read_labels(column, spelling)
    otherwise = "set data.task: classification"
    numbers = None if kind == "category" else find_spelling(column, written, otherwise)
    values, failed = read_floats(series, parser(numbers))
    if kind == "category" or len(failed):
        if {"True", "False"}.issuperset(label(text) or text for text in labels):
            return "classification", "is boolean"
        if kind != "category":
            refuse_numbers(column, failed, otherwise, written)
        what = "categories" if kind == "category" else "text"
        return "classification", f"is {what}, {len(labels)} classes"
    if numbers is not None:
        labels = [str(value) for value in np.unique(values[~np.isnan(values)])]
    if not (all(map(DIGITS.fullmatch, labels)) or are_whole(values)):
        return "regression", "holds decimal numbers"
    n_distinct = len(set(map(Decimal, labels)))  # floats would round beyond 2**53
    task: Task = "classification" if n_distinct <= MAX_INTEGER_CLASSES else "regression"
    return task, f"holds integers, {n_distinct} distinct values"


def are_whole(values: NDArray[np.float64]) -> bool:
    """True for integers written as floats, as pandas writes them where there are gaps."""
    present = values[~np.isnan(values)]
    return bool(np.all((present == np.floor(present)) & (np.abs(present) < 2**53)))
