"""Rows to learn from, out of a CSV or a DataFrame: those in which every target is known.

What their columns mean is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING
from unicodedata import normalize

from nnfit.config.reading import ConfigFile
from nnfit.csv.dialect import CsvFormat
from nnfit.csv.reading import read_table
from nnfit.dataset.deciding import Decisions
from nnfit.errors import name_of
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows
from nnfit.table.targets import drop_rows_without_target
from nnfit.table.words import settle_words

if TYPE_CHECKING:
    import pandas as pd

    from nnfit.config.schema import Config


def read_named(
    path: str, fmt: CsvFormat, text_columns: Collection[str], observer: Observer
) -> NamedRows:
    """Return all rows of a CSV, as `read_table`."""
    return NamedRows(read_table(path, fmt, text_columns, observer), name_of(path))


def read_to_learn(
    file: ConfigFile,
    frame: pd.DataFrame | None,
    observer: Observer,
    as_spelt: Collection[str] = (),
) -> NamedRows:
    """Return the rows that have a target: of `frame`, or of the CSV that `data.path` names.

    Of the columns that are `as_spelt` those that the config leaves out of the features are text.

    Raises
    ------
    DataError
        If it can't be read, a target is no column, or no row has one.
    """
    data = file.config.data
    if frame is None:
        # as text, so that labels come back as they were spelt
        text = [*data.categorical, *(() if data.groups is None else (data.groups,))]
        text += data.target if data.task != "regression" else ()
        text += (name for name in as_spelt if data.leaves_out(name))
        rows = read_named(file.resolve(data.path), csv_format(file.config), text, observer)
        rows = settle_words(rows, data, observer)
    else:
        rows = NamedRows.from_frame(frame, "data")
    return drop_rows_without_target(rows, data.target, observer)


def read_held_out(
    file: ConfigFile, path: str, decisions: Decisions, observer: Observer
) -> NamedRows:
    """Return the rows of a held-out CSV that have a target, by what was decided for all rows.

    No type is inferred anew: `007` among codes that all look like numbers here is the category
    that it is in the training data.

    Raises
    ------
    DataError
        As `read_to_learn`.
    """
    text = decisions.text_columns(file.config.data.decimal)
    rows = read_named(file.resolve(path), csv_format(file.config, decisions.words), text, observer)
    return drop_rows_without_target(rows, decisions.targets, observer)


def csv_format(config: Config, words: Collection[str] | None = None) -> CsvFormat:
    """Return how the config's CSVs are written.

    `words` are the columns in which NA and the like are values, None where that is still to be
    decided.
    """
    data, features = config.data, config.features or ()
    named = [*data.target, *(data.include or ()), *data.exclude, *data.categorical]
    named += data.roles.values()
    for text in features:  # names in backticks, and words: those of functions match nothing
        named += (a or b for a, b in re.findall(r"`([^`]+)`|(\w+)", normalize("NFC", text)))
    return CsvFormat(
        data.delimiter,
        data.header,
        data.missing_values,
        words,
        known=tuple(named),
        decimal=data.decimal,
        skip_rows=data.skip_rows,
        comment=data.comment,
    )
