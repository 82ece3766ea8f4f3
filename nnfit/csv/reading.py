"""CSV in, as DataFrames whole or in blocks: pandas parses what the rooms below have checked.

It decides nothing about what columns mean; that is `nnfit.table.columns`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

import pandas as pd
from pandas import DataFrame

from nnfit.csv.dialect import CsvFormat, looks_like_data
from nnfit.csv.numbers import doubtful, has_long_run, settled
from nnfit.csv.opening import OpenCsv
from nnfit.csv.parsing import blanks
from nnfit.csv.plain import read_columns, read_plain
from nnfit.csv.records import Piece
from nnfit.csv.words import Texts, holding, may_hold_words, put_back, text_with_gaps
from nnfit.errors import DataError, listed, require_columns
from nnfit.observer import Observer

BLOCK_BYTES = 1 << 22
BLOCK_ROWS = 1 << 14  # at most so many, however short: what is worked on at once


@dataclass(frozen=True)
class Block:
    """Some rows of a CSV, parsed where and when they are looked at: in any thread, that is.

    `first_row` is the data row, from 1, of the block's first row.
    """

    first_row: int
    _piece: Piece
    _reader: BlockReader

    @cached_property
    def frame(self) -> DataFrame:
        """The columns asked for, those there are, in the file's order."""
        return self._parsed(self._reader.columns, self._reader.parsing)

    @property
    def carried(self) -> list[list[str]]:
        """The carried columns' cells, one list per column, exactly as spelt."""
        carried = self._reader.carried
        frame = self._parsed(carried, {**self._reader.parsing, "dtype": str, "na_filter": False})
        return [frame[column].tolist() for column in carried]

    def _parsed(self, columns: Sequence[str], parsing: Mapping[str, Any]) -> DataFrame:
        if not columns:  # there are rows all the same
            return DataFrame(index=range(self._piece.n_rows), columns=[])
        parsing, texts = {**parsing, "usecols": columns}, (self._piece.text,)
        frame = _decided(_parse(iter(texts), **parsing), texts, parsing)
        assert len(frame) == self._piece.n_rows, (len(frame), self._piece.n_rows)
        return frame

    @property
    def lines(self) -> list[str] | None:
        """The rows as they are written, without line ends; None where one has several lines.

        pandas and the csv module return cells, from which no line can be written as it was.
        """
        blank = blanks(self._reader.delimiter).decode()
        lines = self._piece.text.decode().replace("\r\n", "\n").split("\n")
        lines = [line for line in lines if line.strip(blank)]
        # Each line of a record that has several holds more than blanks where it opens or closes
        # its quotes: there are as many lines as records only if each has one.
        return lines if len(lines) == self._piece.n_rows else None


class _Stream:
    """What pandas reads from: not quite a file, so that pandas takes the bytes as they are.

    A file of bytes it wraps so as to read text, and encodes that again for its parser.
    """

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


def _decided(frame: DataFrame, texts: Sequence[bytes], parsing: Mapping[str, Any]) -> DataFrame:
    """Return what pandas made of whole texts, with what it makes of long integers put right."""
    if parsing["dtype"] is str or not any(map(has_long_run, texts)):
        return frame
    if columns := doubtful(frame, parsing["dtype"] or ()):
        spelt = _parse(iter(texts), **{**parsing, "dtype": str, "usecols": columns})
        for column, cells in settled(spelt, parsing["decimal"]).items():
            frame[column] = cells
    return frame


def read_table(
    path: str, fmt: CsvFormat, text_columns: Collection[str] = (), observer: Observer | None = None
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
        integers alone, beyond 64 bits: those of Python. Beside other numbers they are floats.

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
        if fmt.header and looks_like_data(opened.header):
            observer.warning(
                f"{opened.name}: the header looks like a row of data: {listed(opened.header)}. If "
                "it is one, set data.header to false, which names the columns c1, c2, …"
            )
        parsing = opened.parsing(fmt, set(text_columns))
        held: Texts = []
        plain = frame = read_plain(opened, fmt, parsing)
        if frame is None:
            pieces = opened.records.pieces(len(opened.header), BLOCK_BYTES)
            frame = _parse(holding(pieces, held), **parsing)
            frame = _decided(frame, [text for _, text in held], parsing)
        if fmt.words is None and (columns := text_with_gaps(frame)):
            spelt = {**parsing, "dtype": str, "usecols": columns}
            spelt |= fmt.gaps(opened.header, columns)
            if plain is not None:
                again = iter([(0, read_columns(opened, fmt, spelt))])
            else:
                again = (
                    (first, _parse(iter((text,)), **spelt))
                    for first, text in held
                    if may_hold_words(text)
                )
            frame = put_back(frame, columns, again)
    if len(frame) == 0:
        raise DataError(f"{opened.name}: has a header and no rows; expected at least one row")
    return frame


class BlockReader:
    """The rows of a CSV in blocks: whatever has arrived, so that no row waits for others.

    A context manager and an iterable of `Block`, to be gone through once. A CSV with a header
    alone has no blocks.

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

    Attributes
    ----------
    name : str
        The file, as shown to the user.
    header : list of str
        All columns, in the file's order.
    delimiter : str
        What separates the cells; found out if `fmt.delimiter` is "auto".
    most_rows : int
        A block has at most so many; fewer may be asked for, before the first.

    Raises
    ------
    DataError
        As for `read_table`, here or from a later block, and if a carried column is missing.
        A CSV without rows is no error.
    """

    def __init__(
        self,
        path: str,
        fmt: CsvFormat,
        columns: Collection[str] | None,
        text_columns: Collection[str] = (),
        carry: Sequence[str] | Literal["all"] = (),
        observer: Observer | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        opened = OpenCsv(path, fmt, observer or Observer())
        self._source = opened.source
        self.name, self.header, self.delimiter = opened.name, opened.header, opened.delimiter
        self.carried = self.header if carry == "all" else carry
        try:
            require_columns(self.name, self.header, self.carried)
        except DataError:
            self._source.close()
            raise
        wanted = set(self.header if columns is None else columns)
        self.columns = [column for column in self.header if column in wanted]
        self.parsing = opened.parsing(fmt, set(text_columns), self.columns)
        self._records, self._block_bytes = opened.records, block_bytes
        self.most_rows = BLOCK_ROWS

    def arrivals(self) -> Iterator[Block | None]:
        """Yield each block, and None where what has arrived ends no row and reading goes on."""
        first_row = 1
        pieces = self._records.pieces(len(self.header), self._block_bytes, self.most_rows)
        for piece in pieces:
            yield Block(first_row, piece, self) if piece.n_rows else None
            first_row += piece.n_rows

    def ready(self) -> bool:
        """Return whether it is sure that reading on will not wait for a producer."""
        return self._source.ready()

    def __iter__(self) -> Iterator[Block]:
        return (block for block in self.arrivals() if block is not None)

    def __enter__(self) -> BlockReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._source.close()
