"""Rows out: CSV, TSV or JSON Lines, a block at a time.

It formats no numbers and chooses no columns; what it is given is what it writes.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from typing import Any, Literal, TextIO

RowFormat = Literal["csv", "tsv", "jsonl"]


class RowWriter:
    r"""Writes rows to a text stream, each block flushed, lines ended by "\n".

    Parameters
    ----------
    stream : text file
        Opened with `newline=""` if it is a file. A closed pipe raises BrokenPipeError from
        `write`, or from here.
    format : "csv", "tsv" or "jsonl"
        CSV and TSV quote a cell that holds the delimiter, a quote or a line break. JSON Lines
        writes one object per row: numbers as numbers, text as text, a number that is not finite
        as null.
    header : sequence of str
        The names of the columns, written first for CSV and TSV.
    """

    def __init__(self, stream: TextIO, format: RowFormat, header: Sequence[str]) -> None:
        self._stream = stream
        self._header = list(header)
        self._lines: list[str] = []
        self._csv = None
        if format != "jsonl":
            # The writer quotes a "\r" only if its own line end has one, before Python 3.13;
            # `_Lines` takes that line end off again.
            self._csv = csv.writer(
                _Lines(self._lines),
                delimiter="," if format == "csv" else "\t",
                lineterminator="\r\n",
            )
            self._csv.writerow(self._header)
            self._flush()

    def write(self, columns: Sequence[Sequence[Any]]) -> None:
        """Write one row for each place in `columns`, in the header's order.

        Parameters
        ----------
        columns : sequence of sequences, all of one length
            Python's own values, or text; NumPy arrays as well. A float is written in the
            shortest form that reads back the same.

        Raises
        ------
        ValueError
            If there are not as many columns as names, or they differ in length.
        """
        if len(columns) != len(self._header):
            raise ValueError(f"got {len(columns)} columns; the header names {len(self._header)}")
        plain = [column.tolist() if hasattr(column, "tolist") else column for column in columns]
        rows = zip(*plain, strict=True)
        if self._csv is not None:
            self._csv.writerows(rows)
        else:
            self._lines.extend(self._object(row) for row in rows)
        self._flush()

    def _object(self, row: Sequence[Any]) -> str:
        try:
            record = dict(zip(self._header, row, strict=True))
            return json.dumps(record, ensure_ascii=False, allow_nan=False)
        except ValueError:
            cells = (None if _is_not_finite(cell) else cell for cell in row)
            return json.dumps(dict(zip(self._header, cells, strict=True)), ensure_ascii=False)

    def _flush(self) -> None:
        if self._lines:
            self._stream.write("\n".join(self._lines) + "\n")
            self._lines.clear()
        self._stream.flush()


def _is_not_finite(cell: object) -> bool:
    return isinstance(cell, float) and not math.isfinite(cell)


class _Lines:
    """What a csv.writer writes to: one call per row."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, row: str) -> None:
        self._lines.append(row[:-2])
