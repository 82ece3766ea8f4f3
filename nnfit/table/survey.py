"""What a column looks like at first sight, and why a feature column is better left out.

For a person who has just met the table: nothing here is refused or changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from nnfit.errors import DataError
from nnfit.table.cells import cell_type, parse_number, read_floats, read_labels
from nnfit.table.columns import MANY_VALUES, is_crowded
from nnfit.table.odd import refuse_odd
from nnfit.table.rows import NamedColumn, NamedRows

ENOUGH_ROWS = 10  # fewer may agree, or differ, by chance
FEW_DATES = 20  # so many different ones may be categories, such as months
WORDS_OF_A_TEXT = 3  # a cell with as many on average is no code
LOOKED_AT_FIRST = 1000  # rows that tell most columns from the target's copies
_DATE = re.compile(
    r"\s*(\d{4}([-/.]\d{1,2}){1,2}|\d{1,2}([-/. ])(\d{1,2}|[A-Za-z]{3,9})\3\d{2,4})"
    r"([T ,]+\d{1,2}:\d{2}.*)?\s*|\s*\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([AaPp][Mm])?\s*"
)
_ID_NAME = re.compile(r"(?:^|[\W_])(?:ids?|uuid|guid|key|index|idx|nr|no|num|number|serial)$")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")

Reason = Literal[
    "empty",
    "one value",
    "row number",
    "id",
    "date",
    "numbers that are not read",
    "free text",
    "the target in other words",
]
SightKind = Literal["number", "true/false", "text", "other"]


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A column at first sight; `example` is its first filled cell."""

    name: str
    kind: SightKind
    n_distinct: int
    n_gaps: int
    example: str


def look_at(column: NamedColumn) -> Sight:
    """Return what is seen of a column."""
    cells = column.cells
    filled = cells[cells.notna()]
    kind: SightKind = "other"
    n_distinct = int(filled.nunique())
    if pd.api.types.is_numeric_dtype(cells.dtype) and cell_type(cells) == "number":
        kind = "number"
    elif cell_type(cells) != "other":
        labels = read_labels(column)[1]
        n_distinct = len(labels)
        kind = "text" if len(read_floats(cells, parse_number)[1]) else "number"
        if labels and {"True", "False"}.issuperset(labels):
            kind = "true/false"
    return Sight(
        name=column.name,
        kind=kind,
        n_distinct=n_distinct,
        n_gaps=len(cells) - len(filled),
        example=str(filled.iloc[0]) if len(filled) else "",
    )


def reason_to_leave_out(column: NamedColumn, sight: Sight) -> Reason | None:
    """Return why a feature column teaches nothing that holds for other rows, if it does not."""
    n_filled = len(column.cells) - sight.n_gaps
    if not n_filled:
        return "empty"
    if sight.n_distinct == 1 and not sight.n_gaps:
        return "one value"
    own_each = sight.n_distinct == n_filled >= ENOUGH_ROWS
    if sight.kind == "number":
        if not own_each or not pd.api.types.is_integer_dtype(column.cells.dtype):
            return None
        values = column.cells.to_numpy()
        if int(values.max()) - int(values.min()) == len(values) - 1:
            return "row number"
        return "id" if _ID_NAME.search(_CAMEL.sub("_", column.name).lower()) else None
    if sight.kind != "text":
        return None
    texts = column.cells.dropna().astype(str)
    if sight.n_distinct > FEW_DATES and texts.str.fullmatch(_DATE).mean() > 0.9:
        return "date"
    if _holds_odd_numbers(column):
        return "numbers that are not read"
    if not own_each and not is_crowded(column, sight.n_distinct):
        return None
    if sight.n_distinct <= MANY_VALUES and not own_each:
        return None
    return "free text" if texts.str.split().map(len).mean() >= WORDS_OF_A_TEXT else "id"


def _holds_odd_numbers(column: NamedColumn) -> bool:
    """Return whether training would refuse a column of text, as one of `10 kg` or `<5`."""
    try:
        refuse_odd(column, "")
    except DataError:
        return True
    return False


def copies_of_target(
    rows: NamedRows, features: Sequence[str], targets: Sequence[str], are_classes: bool
) -> list[str]:
    """Return the features that are a target in other words.

    Where it has classes, each value stands for one class, and each class for one value; a quantity
    is the same number in every row. Rows where a feature has a gap tell nothing of it; most must
    be filled.
    """
    if len(rows) < ENOUGH_ROWS:
        return []
    some = rows.between(0, LOOKED_AT_FIRST)
    if not are_classes:
        pairs = [(name, target) for name in features for target in targets]
        near = [pair for pair in pairs if _are_equal(some, *pair)]
        return list(dict.fromkeys(pair[0] for pair in near if _are_equal(rows, *pair)))
    target = targets[0]
    n_classes = len(read_labels(rows.column(target))[1])
    likely = [
        name
        for name in features
        if cell_type(some.frame[name]) != "other"  # such as lists, which have no hash
        and some.frame[name].nunique() <= n_classes
        and _pair_off(some, name, target) is not None
    ]
    return [name for name in likely if _pair_off(rows, name, target) == n_classes]


def _are_equal(rows: NamedRows, name: str, target: str) -> bool:
    """Return whether a column holds a target's numbers, but for gaps in less than half the rows."""
    if cell_type(rows.column(name).cells) == "other":
        return False
    x, strange = read_floats(rows.column(name).cells, parse_number)
    y, _ = read_floats(rows.column(target).cells, parse_number)
    filled = ~(np.isnan(x) | np.isnan(y))
    if len(strange) or 2 * filled.sum() < len(rows):
        return False
    return bool(np.array_equal(x[filled], y[filled])) and len(np.unique(y[filled])) > 1


def _pair_off(rows: NamedRows, name: str, target: str) -> int | None:
    """Return how many values of two columns pair off one to one, None if they don't."""
    codes, _ = read_labels(rows.column(name))
    classes, names = read_labels(rows.column(target))
    filled = (codes >= 0) & (classes >= 0)
    n_filled = int(filled.sum())
    if 2 * n_filled < len(rows):
        return None
    pairs = np.unique(codes[filled] * (len(names) + 1) + classes[filled])
    n = len(np.unique(codes[filled]))
    once = 2 * n > n_filled  # of values that hardly occur twice any would pair off
    return n if not once and len(pairs) == n == len(np.unique(classes[filled])) else None
