"""A CSV opened: bytes, text, delimiter and header settled, its rows still to come.

It parses no rows; `nnfit.csv.reading` does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from nnfit.csv.dialect import (
    CsvFormat,
    check_one_column,
    check_width,
    name_columns,
    read_head,
    sniff_delimiter,
)
from nnfit.csv.records import RecordReader
from nnfit.csv.source import Source
from nnfit.csv.text import Utf8Reader
from nnfit.errors import DataError
from nnfit.observer import Observer


class OpenCsv:
    """A CSV, in a file or from stdin, "-", whose header has been read.

    The observer hears of progress, of a delimiter that was found out, of bytes that had to be
    repaired.

    Attributes
    ----------
    name : str
        The file, as shown to the user.
    header : list of str
        All columns, in the file's order.
    nameless : list of int
        The places, from 0, of the columns that the header leaves without a name.
    records : RecordReader
        The records after the header.

    Raises
    ------
    DataError
        If it can't be read, or the header is missing or no header.
    """

    def __init__(self, path: str, fmt: CsvFormat, observer: Observer) -> None:
        self.source = Source(path, observer)
        try:
            self._read_header(fmt, observer)
        except BaseException:
            self.source.close()
            raise

    def _read_header(self, fmt: CsvFormat, observer: Observer) -> None:
        self.name = self.source.name
        self.text = Utf8Reader(self.source, observer)
        self.delimiter, head = fmt.delimiter, b""
        if fmt.delimiter == "auto":
            head, ended = read_head(self.text)
            self.delimiter = sniff_delimiter(head, ended)
            observer.note(f"{self.name}: the delimiter is {self.delimiter!r}")
        self.records = RecordReader(self.text, head, self.delimiter, fmt.header)
        first = self.records.take("the header" if fmt.header else "row 1")
        if first is None:
            rows = "a header and rows" if fmt.header else "rows"
            raise DataError(f"{self.name}: is empty; expected {rows}")
        cells, record = first
        check_width(cells, self.name)
        self.nameless = [i for i, cell in enumerate(cells) if fmt.header and not cell.strip()]
        check_one_column(record, cells, self.name, self.delimiter)
        if fmt.header:
            self.header = name_columns(cells, self.name)
        else:
            self.header = [f"c{i}" for i in range(1, len(cells) + 1)]
            self.records.put_back(record)

    def parsing(
        self, fmt: CsvFormat, text_columns: Collection[str], columns: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Return the arguments of `read_csv` for `columns`, or all, after the header."""
        return {
            "sep": self.delimiter,
            "names": self.header,
            "index_col": False,
            # None where there are none: any mapping makes pandas build a Series per column.
            "dtype": {column: str for column in self.header if column in text_columns} or None,
            **fmt.gaps(self.header if columns is None else columns, fmt.words or ()),
        }
