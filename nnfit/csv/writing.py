"""Rows out: CSV, TSV or JSON Lines, a block at a time.

It formats no numbers and chooses no columns; what it is given is what it writes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, TextIO

_to_json = json.JSONEncoder(ensure_ascii=False).encode


class RowWriter:
    r"""Writes rows to a text stream, each block flushed, lines ended by "\n".

    The csv module, and pandas with it, leaves a lone "\r" without quotes (in Python 3.11, say),
    takes twice as long over text, and can't append cells to a line that is there.

    Parameters
    ----------
    stream : text file
        Opened with `newline=""` if it is a file. A closed pipe raises BrokenPipeError from
        `write`, or from here.
    format : "csv", "tsv" or "jsonl"
        CSV and TSV quote a cell that holds the delimiter, a quote or a line break. JSON Lines
        writes one object per row: numbers as numbers, text as text, None and a number that is not
        finite as null.
    header : sequence of str
        The names of the columns, written first for CSV and TSV.

    Attributes
    ----------
    delimiter : str or None
        What separates the cells; None for JSON Lines.
    """

    def __init__(self, stream: TextIO, format: str, header: Sequence[str]) -> None:
        self._stream = stream
        self._header = list(header)
        self.delimiter = {"csv": ",", "tsv": "\t", "jsonl": None}[format]
        if self.delimiter is None:
            names = [_to_json(name).replace("%", "%%") for name in header]
            self._join = f"{{{', '.join(f'{name}: %s' for name in names)}}}".__mod__
        else:
            self._join = self.delimiter.join
            self._special = re.compile(f'[{self.delimiter}"\r\n]')
            self.write(self.rows([[name] for name in header]))

    def write(self, text: str) -> None:
        """Write what `rows` returned, and flush it."""
        self._stream.write(text)
        self._stream.flush()

    def rows(self, columns: Sequence[Sequence[Any]], lines: Sequence[str] | None = None) -> str:
        """Return the text of one row for each place in `columns`; any thread may do so.

        Parameters
        ----------
        columns : sequence of sequences, all of one length
            The header's columns in its order: Python's own values, or text; NumPy arrays as
            well. A float is written in the shortest form that reads back the same.
        lines : sequence of str, optional
            The header's first columns, as text that needs only the others appended; not for
            JSON Lines.

        Raises
        ------
        ValueError
            If there are not as many columns as names, or they differ in length.
        """
        if lines is None and len(columns) != len(self._header):
            raise ValueError(f"got {len(columns)} columns; the header names {len(self._header)}")
        before = [] if lines is None else [lines]
        rows = zip(*before, *map(self._texts, columns), strict=True)
        return "\n".join([*map(self._join, rows), ""])

    def _texts(self, column: Sequence[Any]) -> list[str]:
        """Return the cells of a column as they are written."""
        values = column.tolist() if hasattr(column, "tolist") else column
        if self.delimiter is None:
            return [_to_json_number(v) if isinstance(v, float) else _to_json(v) for v in values]
        texts = list(map(str, values))
        if self._special.search("".join(texts)):  # in most columns no cell needs quotes
            texts = [
                '"' + text.replace('"', '""') + '"' if self._special.search(text) else text
                for text in texts
            ]
        if len(self._header) == 1:  # an empty line would be no row
            texts = [text or '""' for text in texts]
        return texts


def _to_json_number(value: float) -> str:
    return repr(value) if math.isfinite(value) else "null"
