"""Rows to learn from, out of a CSV or a DataFrame: those in which every target is known.

What their columns mean is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from nnfit.config.reading import ConfigFile
from nnfit.csv.dialect import CsvFormat
from nnfit.csv.reading import read_table
from nnfit.errors import name_of
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows
from nnfit.table.targets import drop_rows_without_target

if TYPE_CHECKING:
    import pandas as pd

    from nnfit.config.schema import DataConfig


def csv_format(data: DataConfig) -> CsvFormat:
    """Return how the CSVs of a config are written."""
    return CsvFormat(
        data.delimiter,
        data.header,
        data.missing_values,
        decimal=data.decimal,
        skip_rows=data.skip_rows,
        comment=data.comment,
    )


def read_named(
    path: str, fmt: CsvFormat, text_columns: Collection[str], observer: Observer
) -> NamedRows:
    """Return all rows of a CSV, as `read_table`."""
    return NamedRows(read_table(path, fmt, text_columns, observer), name_of(path))


def read_to_learn(
    file: ConfigFile,
    frame: pd.DataFrame | None,
    observer: Observer,
    path: str | None = None,
    spelt: Collection[str] = (),
) -> NamedRows:
    """Return the rows that have a target: of `frame`, or of a CSV, `data.path` or another `path`.

    `spelt` are columns to leave as they are spelt, beside those that the config says to.

    Raises
    ------
    DataError
        If it can't be read, a target is no column, or no row has one.
    """
    data = file.config.data
    if frame is None:
        fmt = csv_format(data)
        # as text, so that labels come back as they were spelt
        text = [*data.target, *data.categorical] if data.task != "regression" else data.categorical
        where = path or file.resolve(data.path)
        rows = read_named(where, fmt, [*text, *spelt], observer)
    else:
        rows = NamedRows.from_frame(frame, "data")
    return drop_rows_without_target(rows, data.target, observer)
