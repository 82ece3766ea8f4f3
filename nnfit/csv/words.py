"""The words that pandas takes for a missing cell, such as NA, put back where a column is text.

pandas looks for them before it knows what a column is. Among numbers they can mean nothing else;
among texts NA may be Namibia. Which of those are gaps after all is `nnfit.table.words`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame

from nnfit.csv.frames import with_columns
from nnfit.csv.records import Piece

WORDS = (
    "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "<NA>", "None", "null", "NULL", "#N/A", "#NA",
    "#N/A N/A", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
)  # fmt: skip
"""What pandas reads as missing, beside the empty cell."""

_SIGNS = (b"NA", b"/A", b"/a", b"NaN", b"nan", b"None", b"null", b"NULL", b"#IND")  # in each word

Texts = list[tuple[int, bytes]]  # stretches of rows with the place of their first row


def holding(pieces: Iterator[Piece], held: Texts) -> Iterator[bytes]:
    """Yield the text of the pieces, and put it into `held`."""
    first = 0
    for piece in pieces:
        if piece.n_rows:
            held.append((first, piece.text))
            first += piece.n_rows
            yield piece.text


def may_hold_words(text: bytes) -> bool:
    """Return whether there may be words in a text."""
    return any(sign in text for sign in _SIGNS)


def text_with_gaps(frame: DataFrame) -> list[str]:
    """Return the columns of text in which words may have been read as gaps."""
    return [
        str(name)
        for name, cells in frame.items()
        if (isinstance(cells.dtype, pd.StringDtype) or pd.api.types.is_object_dtype(cells.dtype))
        and cells.hasnans
        and pd.api.types.infer_dtype(cells, skipna=True) == "string"
    ]


def put_back(
    frame: DataFrame, columns: Sequence[str], spelt: Iterable[tuple[int, DataFrame]]
) -> DataFrame:
    """Return `frame` with words where it has gaps.

    `spelt` has stretches of the rows of `columns`, in which only what is missing for sure is a gap.
    """
    gaps = {column: frame[column].isna().to_numpy() for column in columns}
    cells: dict[str, pd.Series[Any]] = {}
    for first, some in spelt:
        for column in columns:
            words = gaps[column][first : first + len(some)] & some[column].notna().to_numpy()
            if words.any():
                whole = cells.setdefault(column, frame[column].copy())
                whole.iloc[first + np.flatnonzero(words)] = some[column][words].to_numpy()
    return with_columns(frame, cells) if cells else frame
