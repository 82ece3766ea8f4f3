"""The cells of one column as numbers, truth values or labels, whatever dtype pandas gave them.

Not a decision about what a column means: that is made once, in `columns` and `targets`.
"""

from __future__ import annotations

import numbers
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.csv.numbers import text_number
from nnfit.errors import DataError, appearance, shorten
from nnfit.table.rows import NamedColumn

CellType = Literal["number", "boolean", "text", "category", "mixed", "empty", "other"]

INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")  # as Python writes one
# What people and other programs mean as numbers: 1,70  1.234,5  1,234.5  1_000  1 000  0x10
_FOREIGN_NUMBER = re.compile(
    r"[ \t]*[+-]?("
    r"[0-9]+,[0-9]+([eE][+-]?[0-9]+)?"
    r"|[0-9]{1,3}(\.[0-9]{3})+,[0-9]+"
    r"|[0-9]{1,3}([,_' \u2019\u00a0\u202f][0-9]{3})+([.,][0-9]+)?"
    r"|0[xX][0-9a-fA-F]+"
    r")[ \t]*"
)
_FOREIGN_DIGITS = re.compile(r"[ \t]*[+-]?\d+([.,\u066b]\d+)?[ \t]*")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*)?")
MAX_ALIKE = 5  # labels, and groups of them, that a message tells of
_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")
# A number as programs write it: not 007, +1 or 1E5, which may be codes.
_WRITTEN = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[-+][0-9]{2,3})?")
_TRUTH = {  # the spellings that pandas itself reads as truth values
    spelling: word for word in ("True", "False") for spelling in (word, word.lower(), word.upper())
}
_LONGEST_NUMBER = 100
_INFERRED: dict[str, CellType] = {
    "string": "text",
    "boolean": "boolean",
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
    "mixed-integer": "mixed",
    "mixed": "mixed",
    "empty": "empty",
}


def cell_type(series: pd.Series[Any]) -> CellType:
    """Return what the cells of `series` are, its gaps aside; dates and the like are `other`."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if isinstance(dtype, pd.StringDtype):
        return "text"
    if pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype):
        return _INFERRED.get(pd.api.types.infer_dtype(series, skipna=True), "other")
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        return "number"
    return "other"


def parse_number(cell: object) -> float | None:
    """Return the finite or infinite number that one cell holds, or None when it holds none."""
    if isinstance(cell, str):
        return text_number(cell)
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, numbers.Real | Decimal):
        return None
    try:
        return float(cell)
    except OverflowError:
        return float("inf")


def parse_any_spelling(cell: object) -> float | None:
    """Return NaN for a cell that is no number here but one in another spelling, such as 1,70.

    Otherwise as `parse_number`.
    """
    foreign = isinstance(cell, str) and (
        _FOREIGN_NUMBER.fullmatch(cell) or (not cell.isascii() and _FOREIGN_DIGITS.fullmatch(cell))
    )
    return float("nan") if foreign else parse_number(cell)


def parse_truth(cell: object) -> float | None:
    """Return 1.0 for true, 0.0 for false, and None for anything else; 1 and 0 count too."""
    word = _TRUTH.get(cell) if isinstance(cell, str) else None
    if word or isinstance(cell, bool | np.bool_):
        return float(word == "True" if word else bool(cell))
    number = parse_number(cell)
    return number if number in (0.0, 1.0) else None


def typed(cell: str, any_spelling: bool = False) -> int | float | bool | str | None:
    """Return the number or truth value that a CSV's cell is, None for a gap, or else its text.

    Numbers are those that programs write, or in `any_spelling` all that `parse_number` reads.
    """
    if cell in _TRUTH:
        return _TRUTH[cell] == "True"
    if len(cell) <= _LONGEST_NUMBER and INTEGER.fullmatch(cell):
        return int(cell)
    number = parse_number(cell) if any_spelling or _WRITTEN.fullmatch(cell) else None
    return (cell or None) if number is None or not np.isfinite(number) else number


def label(cell: object) -> str | None:
    """Return the category that one cell names, or None when it can name none.

    A text is as it is spelt, but for truth values, which have one spelling; a float is as a CSV
    would have it. Whether 1 and 1.0 are one category hangs on the whole column; see `merged`.
    """
    if isinstance(cell, str):
        return _TRUTH.get(cell, cell)
    if isinstance(cell, float | np.floating) and 1e-9 < abs(float(cell)) < 1e22:
        return np.format_float_positional(cell, trim="0")
    return "0.0" if isinstance(cell, float | np.floating) and cell == 0 else spelling(cell)


def merged(codes: NDArray[np.intp], labels: list[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Return the labels of a whole column, from `read_labels`, with 1 and 1.0 as one, '1'.

    Only where all are whole numbers, which programs write as floats when there are gaps. Beside
    others spelling counts: the versions 3.1 and 3.10 are two.
    """
    if not any("." in text for text in labels) or not all(map(_WHOLE.fullmatch, labels)):
        return codes, labels
    places: dict[str, int] = {}
    table = [places.setdefault(value_of(text), len(places)) for text in labels]
    return np.array([*table, -1], dtype=np.intp)[codes], list(places)


def value_of(text: str) -> str:
    """Return '1' for '1.0' and '1.', '0' for '-0.0', 'True' for 'true'; other texts as they are."""
    if not _DECIMAL.fullmatch(text):
        return _TRUTH.get(text, text)
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if not fraction:
        return "0" if whole == "-0" else whole
    return f"{whole}.{fraction}"


class KnownLabel:
    """From a cell to the label among `known` that it names, or to its own.

    It is one that is spelt so, else the only one of the same value, where the cell is a number
    of pandas', which has no spelling, or a truth value, or all that are known are whole numbers.
    `places` has the number of each, in their order.
    """

    def __init__(self, known: Sequence[str]) -> None:
        self.places = {text: place for place, text in enumerate(known)}
        self._all_whole = all(map(_WHOLE.fullmatch, known))
        self._by_value: dict[str, str | None] = {}
        for text in known:
            value = value_of(text)
            self._by_value[value] = None if value in self._by_value else text

    def __call__(self, cell: object) -> str | None:
        text = spelling(cell)
        if text is None or text in self.places:
            return text
        value = value_of(label(cell) or text)
        is_whole = self._all_whole and _WHOLE.fullmatch(text)
        if not isinstance(cell, str) or value in _TRUTH or is_whole:
            return self._by_value.get(value) or text
        return text


def spelling(cell: object) -> str | None:
    """Return one cell as text, exactly as spelt, or None for what is no text, number or bool."""
    if isinstance(cell, str):
        return str(cell)
    return str(cell) if isinstance(cell, bool | np.bool_ | numbers.Real | Decimal) else None


def spelt_otherwise(labels: Sequence[str], counts: NDArray[np.intp]) -> str:
    """Return `'no' (40 rows), 'no ' (3 rows)` of labels that look alike or differ in case, or "".

    Those that print alike are told apart by their escapes.
    """
    whole = all(map(_WHOLE.fullmatch, labels))
    groups: dict[str, list[int]] = {}
    for place, text in enumerate(labels):
        value = value_of(text) if whole else _TRUTH.get(text, text)
        groups.setdefault(appearance(value).casefold(), []).append(place)
    found = []
    for places in groups.values():
        if len(places) > 1:
            texts = [labels[place] for place in sorted(places, key=lambda p: labels[p])]
            escaped = len({appearance(text) for text in texts}) < len(texts)
            show = ascii if escaped else repr
            rows = {labels[place]: int(counts[place]) for place in places}
            found.append(
                ", ".join(
                    f"{shorten(show(text))} ({rows[text]} row{'s' if rows[text] > 1 else ''})"
                    for text in texts[:MAX_ALIKE]
                )
            )
    more = f" and {len(found) - MAX_ALIKE} more such" if len(found) > MAX_ALIKE else ""
    return "; ".join(found[:MAX_ALIKE]) + more


def read_floats(
    series: pd.Series[Any], parse: Callable[[object], float | None]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the cells of `series` (N,), of any dtype, as floats, and where `parse` found none.

    Returns
    -------
    values : float64 ndarray of shape (N,)
        NaN in gaps and in failed cells; may be a view of the frame's own memory.
    failed : int ndarray
        Positions, ascending.
    """
    kind = cell_type(series)
    native = pd.api.types.is_numeric_dtype(series.dtype) and kind in ("number", "boolean")
    if native and kind == ("boolean" if parse is parse_truth else "number"):
        if isinstance(series.dtype, np.dtype):
            values = series.to_numpy(dtype=np.float64)
        else:
            values = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.ascontiguousarray(values), np.empty(0, dtype=np.intp)
    codes, cells = _distinct(series, kind)
    parsed = [parse(cell) for cell in cells]
    table = np.array([np.nan if value is None else value for value in parsed] + [np.nan])
    bad = np.array([value is None for value in parsed] + [False])
    return table[codes], np.flatnonzero(bad[codes])


def read_labels(
    column: NamedColumn, spell: Callable[[object], str | None] = label
) -> tuple[NDArray[np.intp], list[str]]:
    """Return the cells of `column` as codes into a list of labels.

    Returns
    -------
    codes : int ndarray of shape (N,)
        -1 in gaps.
    labels : list of str
        Each once, in order of appearance.

    Raises
    ------
    DataError
        If a cell is neither text nor a number nor a truth value.
    """
    seen = column.rows.seen
    if column.name not in seen:  # a target is read many times
        found, cells = _distinct(column.cells, cell_type(column.cells))
        seen[column.name] = found.astype(np.int32), cells
    codes, cells = seen[column.name]
    spelt = [spell(cell) for cell in cells]
    used = np.bincount(codes + 1, minlength=len(cells) + 1)[1:] > 0
    labels: dict[str, int] = {}
    table = np.full(len(cells) + 1, -1, dtype=np.intp)
    for position in np.flatnonzero(used):  # a pandas category may be declared and never occur
        text = spelt[position]
        if text is None:
            i = int(np.flatnonzero(codes == position)[0])
            raise DataError(
                f"{column.place(i)}: got {column.shown(i)} ({type(column.cells.iloc[i]).__name__})"
                "; expected text, a number or a truth value"
            )
        table[position] = labels.setdefault(text, len(labels))
    return table[codes], list(labels)


def _distinct(series: pd.Series[Any], kind: CellType) -> tuple[NDArray[np.intp], list[object]]:
    """Return each row's code (-1 in gaps) and the cells the codes stand for."""
    if kind == "category":
        return series.cat.codes.to_numpy().astype(np.intp), list(series.cat.categories)
    if kind in ("mixed", "other", "boolean") and pd.api.types.is_object_dtype(series.dtype):
        # 1, 1.0 and True are equal, and lists have no hash: every cell stands for itself.
        codes = np.arange(len(series), dtype=np.intp)
        codes[series.isna().to_numpy()] = -1
        return codes, list(series)
    plain = isinstance(series.dtype, np.dtype)
    codes, cells = pd.factorize(series.to_numpy() if plain else series.array)
    return codes.astype(np.intp), list(np.asarray(cells))
