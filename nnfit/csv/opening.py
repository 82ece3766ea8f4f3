"""A CSV opened: bytes, text, delimiter and header settled, its rows still to come.

It parses no rows; `nnfit.csv.reading` does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from nnfit.csv.dialect import (
    CANDIDATES,
    CsvFormat,
    check_one_column,
    check_width,
    name_columns,
    read_head,
    sniff_delimiter,
)
from nnfit.csv.parsing import parse_records
from nnfit.csv.preamble import WithoutComments, read_preamble, refuse_preamble
from nnfit.csv.records import RecordReader
from nnfit.csv.source import Source
from nnfit.csv.text import Text, Utf8Reader
from nnfit.errors import DataError, matched_columns
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
    is_plain : bool
        The file holds the header and its rows alone.

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
        text: Text = self.text
        head, separator, skipped = read_preamble(text, fmt.skip_rows, partial(self._by, fmt))
        if fmt.expected and skipped != max(fmt.skip_rows, separator is not None):
            where = "has its header in line" if fmt.header else "begins in line"
            observer.note(f"{self.name}: {where} {skipped + 1}, not {fmt.skip_rows + 1}")
        if fmt.comment is not None:
            text, head = WithoutComments(text, head, fmt.comment), b""
        skipping = fmt.comment is not None or skipped > 0
        self.is_plain = not (skipping or self.text.has_mark)
        self.delimiter = separator or fmt.delimiter
        if separator is not None:
            observer.note(f"{self.name}: its first line says that the delimiter is {separator!r}")
        elif fmt.delimiter == "auto":
            head, ended = read_head(text, head)
            self.delimiter = sniff_delimiter(head, ended)
            observer.note(f"{self.name}: the delimiter is {self.delimiter!r}")
        self.records = RecordReader(text, head, self.delimiter, fmt.header, not fmt.expected)
        cells, record = self._take_header(fmt, observer)
        check_width(cells, self.name)
        self.nameless = [i for i, cell in enumerate(cells) if fmt.header and not cell.strip()]
        if not (fmt.expected and _fits(cells, fmt)):
            if fmt.header:
                refuse_preamble(self.records, cells, record, skipped, not fmt.expected)
            if not fmt.expected:
                check_one_column(record, cells, self.name, self.delimiter)
        if fmt.header:
            self.header = name_columns(cells, self.name)
            matched = matched_columns(self.header, fmt.known)
            for column, name in matched.items():
                observer.note(f"{self.name}: column {ascii(column)} is read as {ascii(name)}")
            self.header = [matched.get(column, column) for column in self.header]
        else:
            self.header = _names(cells, fmt)
            self.records.put_back(record)

    def _take_header(self, fmt: CsvFormat, observer: Observer) -> tuple[list[str], bytes]:
        """Return the first record, by the delimiter that gives the expected columns if one does."""
        place = "the header" if fmt.header else "row 1"
        first = self.records.take(place)
        if first is None:
            rows = "a header and rows" if fmt.header else "rows"
            raise DataError(f"{self.name}: is empty; expected {rows}")
        if _fits(first[0], fmt):
            return first
        other = self._by(fmt, first[1])
        if other is None:
            return first
        observer.warning(
            f"{self.name}: the delimiter is {other!r}, not {self.delimiter!r} as the model expects"
        )
        self.records.put_back(first[1], other)
        self.delimiter = other
        return self.records.take(place) or first

    def _by(self, fmt: CsvFormat, record: bytes) -> str | None:
        """Return a delimiter by which a record is a header with the columns expected, if any."""
        if not fmt.expected:
            return None
        candidates = CANDIDATES if fmt.delimiter == "auto" else (fmt.delimiter, *CANDIDATES)
        for delimiter in candidates:
            cells = next(parse_records(self.text.repair(record), delimiter), ([],))[0]
            if _fits(cells, fmt):
                return delimiter
        return None

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
            "decimal": fmt.decimal,
        }


def _fits(cells: list[str], fmt: CsvFormat) -> bool:
    """Return whether a first record has the expected columns, or others that look like them."""
    names = _names(cells, fmt)
    if len(names) < len(fmt.expected):
        return False
    matched = matched_columns(names, fmt.expected)
    return set(fmt.expected) <= {matched.get(name, name) for name in names}


def _names(cells: list[str], fmt: CsvFormat) -> list[str]:
    """Return what the first record calls the columns, blank names as they are."""
    return cells if fmt.header else [f"c{i}" for i in range(1, len(cells) + 1)]
