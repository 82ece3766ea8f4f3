"""Text in pieces of whole records, each record with as many cells as there are columns.

It finds where records end and counts their cells; what the cells mean is pandas' to say. pandas
fills a row that is too short with gaps and says nothing, counts lines where it means rows, and
keeps whoever asks for a chunk of n rows waiting until there are n.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from nnfit.csv.parsing import MAX_RECORD, blanks, parse_records
from nnfit.csv.text import Text
from nnfit.errors import DataError

_PEEKED = 1 << 16
_RETRY_BYTES = 1 << 16  # an unfinished record longer than this is looked at ever more rarely

_BLANK_CELL = re.compile(rb'(?:^|[\r\n])[ \t"]*[\r\n]')

IntArray = NDArray[np.intp]
ByteArray = NDArray[np.uint8]


@dataclass(frozen=True)
class Piece:
    """Whole records as UTF-8 that pandas reads as they are meant, without lone carriage returns."""

    text: bytes
    n_rows: int


class RecordReader:
    """The records of a text, checked.

    Most are checked by counting delimiters between line ends: the csv module, which judges what
    quotes make irregular, takes nine times as long, and more than pandas for the numbers.

    Parameters
    ----------
    text : Text
        Where the bytes come from.
    head : bytes
        What has been read from `text` already.
    delimiter : str
        One ASCII character.
    header : bool
        The first record is no row; it is to be taken out.
    cures : bool
        Who reads the messages has a config to change.

    Raises
    ------
    DataError
        If a record has too many or too few cells, or never ends.
    """

    def __init__(
        self, text: Text, head: bytes, delimiter: str, header: bool, cures: bool = True
    ) -> None:
        self.name = text.name
        self._text = text
        self._buffer = head
        self._delimiter = delimiter
        self._ended = False
        self._next_row = 1
        self._cures = cures
        self._model = "the header" if header else "row 1"  # what sets the number of columns

    def take(self, place: str) -> tuple[list[str], bytes] | None:
        """Return the next record's cells and its bytes, taken out; None if there is no record."""
        while True:
            records = parse_records(
                self._buffer, self._delimiter, final=self._ended, encoding="latin-1"
            )
            for _, end, closed in records:
                if not closed:
                    raise self._unclosed(place)
                record, self._buffer = self._buffer[:end], self._buffer[end:]
                record = self._text.repair(record)
                cells = next(parse_records(record, self._delimiter))[0]
                return cells, record
            if self._ended:
                return None
            if len(self._buffer) > MAX_RECORD:
                raise self._endless(place)
            self._more(max(len(self._buffer), 1 << 16))

    def peek(self, most: int) -> list[tuple[list[str], bytes]]:
        """Return the next records that have arrived, their cells as Latin-1 and their bytes."""
        text, start = self._buffer[:_PEEKED], 0
        final = self._ended and len(self._buffer) <= _PEEKED
        records = parse_records(text, self._delimiter, final=final, encoding="latin-1")
        found = []
        for cells, end, _ in islice(records, most):
            found.append((cells, text[start:end]))
            start = end
        return found

    def put_back(self, record: bytes, delimiter: str | None = None) -> None:
        """Put the bytes of a record taken out back, to be cut by another `delimiter` if any."""
        self._buffer = record + self._buffer
        self._delimiter = delimiter or self._delimiter

    def pieces(self, n_columns: int, size: int, most_rows: int | None = None) -> Iterator[Piece]:
        """Yield the remaining records in pieces of about `size` bytes, as they arrive.

        An unfinished record waits for its end; everything before it is yielded. A piece without
        rows tells that what has arrived ends no record, and that reading goes on.

        Parameters
        ----------
        n_columns : int
            The cells of every record.
        size : int
            Bytes.
        most_rows : int, optional
            A piece has at most so many.
        """
        at_once = size
        wait_for = 0
        if not self._buffer:
            self._more(at_once)
        while self._buffer:
            piece, full = Piece(b"", 0), False
            if self._ended or len(self._buffer) >= wait_for:
                piece, used, full = self._cut(n_columns, most_rows or len(self._buffer))
                self._buffer = self._buffer[used:]
                self._next_row += piece.n_rows
                wait_for = 0
                length = len(self._buffer)
                if not used and length > _RETRY_BYTES:
                    wait_for = length + length // 2  # else the work grows as its square
            if piece.n_rows and most_rows is not None:
                at_once = min(size, most_rows * len(piece.text) // piece.n_rows)
            yield piece
            if full and self._buffer:
                continue
            if self._ended:
                return
            if len(self._buffer) > MAX_RECORD:
                raise self._endless(f"row {self._next_row}")
            self._more(at_once)

    def _more(self, size: int) -> None:
        if not self._ended:
            data = self._text.read(size)
            self._ended = not data
            self._buffer += data

    def _cut(self, n_columns: int, most_rows: int) -> tuple[Piece, int, bool]:
        """Return the whole records at the start of the buffer, and how many bytes they take.

        The last says that there are `most_rows`, and maybe more.
        """
        text = self._buffer
        if not self._ended and text.endswith(b"\r"):
            text = text[:-1]  # its "\n" may come next
        quoted = b'"' in text
        lone_returns = b"\r" in text and text.count(b"\r") != text.count(b"\r\n")
        if quoted and lone_returns:
            return self._cut_by_cell(n_columns, most_rows, rewrite=True)
        if lone_returns:  # of the same length, so that places in it are places in the buffer
            text = re.sub(rb"\r(?!\n)", b"\n", text)
        if self._ended and not text.endswith(b"\n"):
            text += b"\n"
        if n_columns == 1 and _BLANK_CELL.search(text):
            return self._cut_by_cell(n_columns, most_rows, rewrite=True)
        codes = np.frombuffer(text, dtype=np.uint8)
        ends = np.flatnonzero(codes == ord("\n"))
        delimiters = np.flatnonzero(codes == ord(self._delimiter))
        if quoted:
            quotes = np.flatnonzero(codes == ord('"'))
            if not self._are_regular(quotes, codes):
                return self._cut_by_cell(n_columns, most_rows, rewrite=False)
            # An odd number of quotes before a place: it is within a cell.
            ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
            delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
        if not len(ends):
            return Piece(b"", 0), 0, False
        full, ends = len(ends) >= most_rows, ends[:most_rows]
        n_rows = self._count_rows(text, ends, delimiters, n_columns)
        used = int(ends[-1]) + 1
        return Piece(self._text.repair(text[:used]), n_rows), min(used, len(self._buffer)), full

    def _are_regular(self, quotes: IntArray, codes: ByteArray) -> bool:
        """Tell whether every other quote opens a cell, and those between close one or are doubled.

        Then counting quotes tells what is within a cell; otherwise only a look at each cell does.
        """
        if self._ended and len(quotes) % 2:
            return False
        outside = np.zeros(256, dtype=bool)
        outside[[ord(self._delimiter), ord("\n"), ord("\r"), ord('"')]] = True
        opening, closing = quotes[::2], quotes[1::2]
        before = codes[np.maximum(opening - 1, 0)]
        after = codes[np.minimum(closing + 1, len(codes) - 1)]
        # The first quote has no quote before it, and one at the very end none after it, but
        # themselves; a quote beside one outside a cell can only be the other half of a pair.
        return bool(outside[before].all() and outside[after].all())

    def _count_rows(self, text: bytes, ends: IntArray, delimiters: IntArray, n_columns: int) -> int:
        """Return the number of records, given where they end and where their delimiters are."""
        blank = blanks(self._delimiter)
        n_cells = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
        n_blank = 0
        for line in np.flatnonzero(n_cells != n_columns):
            start = ends[line - 1] + 1 if line else 0
            cells = text[start : ends[line]]
            if not cells.strip(blank):
                n_blank += 1
            elif n_cells[line] != n_columns:
                row = self._next_row + int(line) - n_blank
                raise self._ragged(row, int(n_cells[line]), n_columns, cells)
        return len(ends) - n_blank

    def _cut_by_cell(
        self, n_columns: int, most_rows: int, rewrite: bool
    ) -> tuple[Piece, int, bool]:
        """Do as `_cut` for any text; `rewrite` it for pandas, with one kind of line end."""
        text, used, n_rows, one, full = self._buffer, 0, 0, n_columns == 1, False
        rewritten = io.StringIO(newline="")
        writer = csv.writer(
            rewritten,
            delimiter=self._delimiter,
            quoting=csv.QUOTE_MINIMAL if one else csv.QUOTE_ALL,
            lineterminator="\r\n" if one else "\n",  # what is minimal is to quote both
        )
        records = parse_records(
            text, self._delimiter, final=self._ended, encoding="latin-1", skip_blank=not one
        )
        for cells, end, closed in records:
            if one and not "".join(cells).strip(" \t"):
                cells = [""]
            row = self._next_row + n_rows
            if not closed:
                raise self._unclosed(f"row {row}")
            if len(cells) != n_columns:
                raise self._ragged(row, len(cells), n_columns, text[used:end])
            if rewrite:
                writer.writerow(cells)
            used = end
            n_rows += 1
            if full := n_rows == most_rows:
                break
        if self._ended and not full:
            used = len(text)
        text = rewritten.getvalue().encode("latin-1") if rewrite else text[:used]
        if n_rows and not text.endswith(b"\n"):
            text += b"\n"
        return Piece(self._text.repair(text), n_rows), used, full

    def _ragged(self, row: int, got: int, expected: int, record: bytes) -> DataError:
        trailing = record.rstrip(b"\r\n").endswith(self._delimiter.encode())
        if record.startswith(b"#"):
            cure = 'Set data.comment to "#"' if self._cures else "Remove the comment"
        elif got == expected + 1 and trailing:
            cure = f"Remove the {self._delimiter!r} at its end"
        elif got > expected:
            cure = f"Quote a cell that holds {self._delimiter!r}"
        else:
            cure = "Fill in the missing cells, or quote a cell that holds a line break"
        cells = "1 cell" if got == 1 else f"{got} cells"
        return DataError(
            f"{self.name}, row {row}: got {cells}; expected {expected}, as in {self._model}. {cure}"
        )

    def _unclosed(self, place: str) -> DataError:
        return DataError(
            f"{self.name}, {place}: a quote is opened and never closed. "
            "Close it, or double each quote that is part of a cell"
        )

    def _endless(self, place: str) -> DataError:
        return DataError(
            f"{self.name}, {place}: no end within {MAX_RECORD >> 20} MiB; expected a line end. "
            "Close the quote it may have left open, or check that the file is a CSV"
        )
