"""How a CSV seems to be written, for the config that `nnfit init` proposes.

What is not said on the way is said by the keys of `data` that are found.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfit.config.schema import DataConfig
from nnfit.csv.dialect import CsvFormat
from nnfit.csv.frames import with_columns
from nnfit.csv.preamble import PreambleError
from nnfit.csv.reading import BlockReader
from nnfit.dataset.reading import read_named
from nnfit.observer import Observer
from nnfit.table.cells import cell_type
from nnfit.table.finding import possible_spellings
from nnfit.table.rows import NamedColumn, NamedRows
from nnfit.table.spelling import GROUPS, Spelling, Written

if TYPE_CHECKING:
    import pandas as pd


def find_format(
    path: str, fmt: CsvFormat, known: Collection[str]
) -> tuple[CsvFormat, dict[str, Any]]:
    """Return how the file seems to be written, and the keys that skip what is above its header.

    Keys that are `known` stay as `fmt` says; stdin can't be looked at twice.

    Raises
    ------
    DataError
        As `BlockReader`.
    """
    asked = "data.delimiter" in known
    if path == "-":
        return (fmt if asked else replace(fmt, delimiter="auto")), {}
    keys: dict[str, Any] = {}
    while True:
        trial = fmt if asked else replace(fmt, delimiter="auto")
        try:
            with BlockReader(path, trial, ()) as blocks:
                return replace(fmt, delimiter=blocks.delimiter), keys
        except PreambleError as err:
            new = {f"data.{key}": value for key, value in err.keys.items()}
            if any(key in known or keys.get(key) == value for key, value in new.items()):
                raise
            keys |= new
            fmt = replace(fmt, **err.keys)


def read_plain(
    path: str, fmt: CsvFormat, data: DataConfig, observer: Observer
) -> tuple[NamedRows, dict[str, str]]:
    """Return the rows with plain numbers, and the keys that say how these are written.

    `data` says what is known already.

    Raises
    ------
    DataError
        As `read_table`.
    """
    rows = read_named(path, fmt, data.target, observer)
    keys: dict[str, str] = {}
    written = Written.of(data)
    if written == Written():
        keys = _marks(rows, data, fmt.delimiter)
        written = Written(keys.get("data.decimal", "."), keys.get("data.thousands"))
        if written.decimal == "," and path != "-":  # where 1.234 was a number, it is text now
            rows = read_named(path, replace(fmt, decimal=","), data.target, Observer())
    frame = rows.frame
    for name in _columns(rows, data):
        spellings = possible_spellings(rows.column(name), written)
        spelling = spellings[0] if spellings else written.spelling
        if spelling is not None and cell_type(frame[name]) == "text":
            frame = with_columns(frame, {name: _plain(frame[name], spelling)})
    return replace(rows, frame=frame), keys


def _plain(cells: pd.Series[Any], spelling: Spelling) -> pd.Series[Any]:
    """Return cells as a CSV of plain numbers has them: text where one is no number."""
    values = cells.map(spelling.parse, na_action="ignore").astype(np.float64)
    if values.notna().sum() == cells.notna().sum():
        whole = values.notna().all() and (values % 1 == 0).all()
        return values.astype(np.int64) if whole else values
    return cells.where(values.isna(), values.map("{:.17g}".format))


def _columns(rows: NamedRows, data: DataConfig) -> list[str]:
    """Return the columns that may hold numbers."""
    known = {*data.categorical, *(data.target if data.task == "classification" else ())}
    return [name for name in rows.columns if name not in known]


def _marks(rows: NamedRows, data: DataConfig, delimiter: str) -> dict[str, str]:
    """Return `data.decimal` and `data.thousands` where columns have others than plain ones.

    Where columns have two readings and no other tells, the delimiter does: who writes 1,5 for a
    fraction has no commas between cells.
    """
    columns = [rows.column(name) for name in _columns(rows, data)]
    found = [(column, possible_spellings(column, Written())) for column in columns]
    sure = [(column, spellings[0]) for column, spellings in found if len(spellings) == 1]
    decimals = [spelling.decimal for _, spelling in sure if spelling.decimal == ","]
    used = {
        spelling.thousands
        for column, spelling in sure
        if spelling.thousands and _holds(column, spelling.thousands)
    }
    if decimals and "," in used:
        return {}  # each column says for itself
    if any(len(spellings) > 1 for _, spellings in found) and not decimals and "," not in used:
        if delimiter == ",":
            used = {","}
        else:
            decimals = [","]
    keys = {"data.decimal": ","} if decimals else {}
    (thousands,) = used if len(used) == 1 else (None,)
    if thousands in (",", ".", " "):
        keys["data.thousands"] = thousands
    return keys


def _holds(column: NamedColumn, mark: str) -> bool:
    """Return whether a cell has the mark, or another blank for a blank, between digits."""
    between = f"[0-9]{GROUPS[mark]}[0-9]"
    return bool(column.cells.astype(str).str.contains(between).any())
