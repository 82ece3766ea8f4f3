"""CSV in, as DataFrames whole or in blocks: pandas parses what the rooms below have checked.

It decides nothing about what columns mean; that is `nnfit.table.columns`.
"""

from __future__ import annotations

import select
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any, Literal, cast

import pandas as pd
from pandas import DataFrame

from nnfit.csv.dialect import CsvFormat
from nnfit.csv.opening import OpenCsv
from nnfit.csv.plain import read_plain
from nnfit.csv.records import Piece, blanks, parse_records
from nnfit.csv.writing import RowWriter
from nnfit.errors import DataError, require_columns
from nnfit.observer import Observer

__all__ = [
    "Block",
    "BlockReader",
    "CsvFormat",
    "RowWriter",
    "read_blocks",
    "read_table",
]

BLOCK_BYTES = 1 << 22
BLOCK_ROWS = 1 << 14  # at most about so many, however short: what is worked on at once


class Block:
    """Some rows of a CSV, parsed where and when they are looked at: in any thread, that is.

    Attributes
    ----------
    frame : DataFrame
        The columns asked for, those there are, in the file's order.
    first_row : int
        The data row, from 1, of the block's first row.
    """

    def __init__(self, reader: BlockReader, piece: Piece, first_row: int) -> None:
        self._reader = reader
        self._piece = piece
        self.first_row = first_row

    @cached_property
    def frame(self) -> DataFrame:
        return self._reader.parse(self._piece)

    @property
    def carried(self) -> list[list[str]]:
        """The carried columns' cells, one list per column, exactly as spelt."""
        return self._reader.cells(self._piece)

    @property
    def lines(self) -> list[str] | None:
        """The rows as they are written, without line ends; None where one has several lines."""
        return self._reader.lines(self._piece)


class _Stream:
    """What pandas reads from: not quite a file, so that pandas takes the bytes as they are."""

    def __init__(self, texts: Iterator[bytes]) -> None:
        self._texts = texts
        # A blank line, which pandas skips: else it would eat a U+FEFF that starts the first cell.
        self._text = memoryview(b"\n")

    def read(self, size: int = -1) -> bytes:
        if not self._text:
            self._text = memoryview(next(self._texts, b""))
        size = len(self._text) if size < 0 else size
        text, self._text = self._text[:size], self._text[size:]
        return bytes(text)

    def __iter__(self) -> Iterator[bytes]:  # what makes it a file to pandas
        return self._texts


def _parse(texts: Iterator[bytes], **parsing: Any) -> DataFrame:
    # low_memory would let a column's type differ from one stretch of rows to the next.
    frame: DataFrame = pd.read_csv(
        cast(Any, _Stream(texts)), header=None, low_memory=False, engine="c", **parsing
    )
    return frame


def read_table(
    path: str,
    fmt: CsvFormat,
    text_columns: Collection[str] = (),
    observer: Observer | None = None,
) -> DataFrame:
    """Return a whole CSV as a DataFrame with one row per record, numbered from 0.

    Parameters
    ----------
    path : str
        A file, plain or compressed (gzip, bzip2, xz, zstd), a FIFO, or "-" for stdin.
    fmt : CsvFormat
        How it is written.
    text_columns : collection of str
        Columns to read as text, exactly as spelt; missing cells are NaN all the same. Names
        that are no column are ignored. Other columns are what pandas takes them for.
    observer : Observer, optional
        Hears of progress, and of what was decided or looks wrong.

    Returns
    -------
    DataFrame
        Text columns are of dtype `str` under pandas 3 and `object` under pandas 2; missing
        cells are NaN under both. A boolean column with gaps is `object`, and so is one of
        integers beyond 64 bits.

    Raises
    ------
    DataError
        If it can't be read, is no CSV, has no rows, or rows that differ in width.
    """
    observer = observer or Observer()
    opened = OpenCsv(path, fmt, observer)
    with opened.source:
        if opened.nameless:
            called = ", ".join(repr(opened.header[i]) for i in opened.nameless[:20])
            observer.warning(
                f"{opened.name}: the header leaves columns without a name, here called {called}. "
                "A column that numbers the rows belongs in data.exclude"
            )
        parsing = opened.parsing(fmt, set(text_columns))
        frame = read_plain(opened, fmt, parsing)
        if frame is None:
            n_columns = len(opened.header)
            pieces = opened.records.pieces(n_columns, BLOCK_BYTES)
            frame = _parse((piece.text for piece in pieces if piece.n_rows), **parsing)
    if len(frame) == 0:
        raise DataError(f"{opened.name}: has a header and no rows; expected at least one row")
    return frame


class BlockReader:
    """The rows of a CSV in blocks, as they arrive; made by `read_blocks`.

    A context manager and an iterable of `Block`, to be gone through once. A CSV with a header
    alone has no blocks.

    Attributes
    ----------
    name : str
        The file, as shown to the user.
    header : list of str
        All columns, in the file's order.
    delimiter : str
        What separates the cells; found out if `fmt.delimiter` is "auto".
    """

    def __init__(
        self,
        path: str,
        fmt: CsvFormat,
        columns: Collection[str] | None,
        text_columns: Collection[str],
        carry: Sequence[str] | Literal["all"],
        observer: Observer,
        block_bytes: int,
    ) -> None:
        self._opened = OpenCsv(path, fmt, observer)
        self.name = self._opened.name
        self.header = self._opened.header
        self.delimiter = self._opened.delimiter
        carried = self.header if carry == "all" else carry
        try:
            require_columns(self.name, self.header, carried)
        except DataError:
            self._opened.source.close()
            raise
        self._carried = [self.header.index(column) for column in carried]
        wanted = set(self.header if columns is None else columns)
        self._columns = [column for column in self.header if column in wanted]
        self._parsing = self._opened.parsing(fmt, set(text_columns))
        # Without any column to read, one still tells how many rows there are.
        self._parsing["usecols"] = self._columns or self.header[:1]
        self._pieces = self._opened.records.pieces(len(self.header), block_bytes, BLOCK_ROWS)

    def arrivals(self) -> Iterator[Block | None]:
        """Yield each block, and None where what has arrived ends no row and reading goes on."""
        first_row = 1
        for piece in self._pieces:
            yield Block(self, piece, first_row) if piece.n_rows else None
            first_row += piece.n_rows

    def ready(self) -> bool:
        """Return whether it is sure that reading on will not wait for a producer."""
        source = self._opened.source
        pipe = source._pipe
        if pipe is None:
            return source.size is not None  # a file, and no terminal
        return bool(select.select([pipe], [], [], 0.0)[0])

    def parse(self, piece: Piece) -> DataFrame:
        """Return the columns asked for of a piece of the CSV."""
        frame = _parse(iter((piece.text,)), **self._parsing)
        if not self._columns:
            frame = frame[[]]
        assert len(frame) == piece.n_rows, (len(frame), piece.n_rows)
        return frame

    def cells(self, piece: Piece) -> list[list[str]]:
        """Return the cells of the carried columns, one list per column."""
        if not self._carried:
            return []
        lines = None if b'"' in piece.text else self.lines(piece)
        if lines is None:
            rows = [cells for cells, _, _ in parse_records(piece.text, self.delimiter)]
        else:
            needed = 1 + max(self._carried)
            rows = [line.split(self.delimiter, needed) for line in lines]
        return [[cells[i] for cells in rows] for i in self._carried]

    def lines(self, piece: Piece) -> list[str] | None:
        """Return the records as they are written, or None where a cell holds a line break."""
        blank = blanks(self.delimiter).decode()
        lines = piece.text.decode().replace("\r\n", "\n").split("\n")
        lines = [line for line in lines if line.strip(blank)]
        # Each line of a record that has several holds more than blanks where it opens or closes
        # its quotes: there are as many lines as records only if each has one.
        return lines if len(lines) == piece.n_rows else None

    def __iter__(self) -> Iterator[Block]:
        return (block for block in self.arrivals() if block is not None)

    def __enter__(self) -> BlockReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.source.close()


def read_blocks(
    path: str,
    fmt: CsvFormat,
    columns: Collection[str] | None,
    text_columns: Collection[str] = (),
    carry: Sequence[str] | Literal["all"] = (),
    observer: Observer | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> BlockReader:
    """Open a CSV to be read in blocks: whatever has arrived, so that no row waits for others.

    Parameters
    ----------
    path, fmt, text_columns, observer
        As for `read_table`. What pandas takes a column for may differ from block to block.
    columns : collection of str, or None
        The columns to read; None for all. Names that are no column are ignored.
    carry : sequence of str, or "all"
        Columns whose cells are wanted exactly as spelt, beside.
    block_bytes : int
        A block of a regular file has about this size, or less where rows are short.

    Raises
    ------
    DataError
        As for `read_table`, here or from a later block, and if a carried column is missing.
        A CSV without rows is no error.
    """
    return BlockReader(path, fmt, columns, text_columns, carry, observer or Observer(), block_bytes)
