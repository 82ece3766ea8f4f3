"""Rows out: CSV, TSV or JSON Lines, a block at a time.

It formats no numbers and chooses no columns; what it is given is what it writes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

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
            self._keys = [f"{_to_json(name)}: ".replace("%", "%%") + "%s" for name in header]
        else:
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
            well, and of numbers (N, k) for k columns at once. A float is written in the shortest
            form that reads back the same.
        lines : sequence of str, optional
            The header's first columns, as text that needs only the others appended; not for
            JSON Lines.

        Raises
        ------
        ValueError
            If there are not as many columns as names, or they differ in length.
        """
        widths = [_width(column) or 1 for column in columns]
        if lines is None and sum(widths) != len(self._header):
            raise ValueError(f"got {sum(widths)} columns; the header names {len(self._header)}")
        parts, place = ([] if lines is None else [lines]), 0
        for column, width in zip(columns, widths, strict=True):
            parts.append(self._texts(column, place, width))
            place += width
        rows = zip(*parts, strict=True)
        if self.delimiter is None:
            return "".join(f"{{{', '.join(row)}}}\n" for row in rows)
        return "\n".join([*map(self.delimiter.join, rows), ""])

    def _texts(self, column: Sequence[Any], place: int, width: int) -> list[str]:
        """Return the cells of a column, or of `width` columns together, as they are written."""
        values = column.tolist() if hasattr(column, "tolist") else column
        together = _width(column) is not None
        if self.delimiter is None:
            keys = ", ".join(self._keys[place : place + width])
            if together:
                return [keys % tuple(map(_to_json_number, row)) for row in values]
            cells = (_to_json_number(v) if isinstance(v, float) else _to_json(v) for v in values)
            return [keys % (cell,) for cell in cells]
        if together:
            return [self.delimiter.join(map(str, row)) for row in values]
        texts = list(map(str, values))
        if self._special.search("".join(texts)):  # in most columns no cell needs quotes
            texts = [
                '"' + text.replace('"', '""') + '"' if self._special.search(text) else text
                for text in texts
            ]
        if len(self._header) == 1:  # an empty line would be no row
            texts = [text or '""' for text in texts]
        return texts


def _width(column: Sequence[Any]) -> int | None:
    """Return how many columns an array (N, k) holds; None for what is a single one."""
    return column.shape[1] if isinstance(column, np.ndarray) and column.ndim == 2 else None


def _to_json_number(value: float) -> str:
    return repr(value) if math.isfinite(value) else "null"
