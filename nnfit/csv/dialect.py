"""How a CSV is written: its delimiter and the names of its columns.

It looks at the first records only; `nnfit.csv.records` checks all the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import islice, pairwise, takewhile
from typing import Any

from nnfit.csv.parsing import MAX_RECORD, parse_records
from nnfit.csv.text import Text
from nnfit.csv.words import WORDS
from nnfit.errors import DataError, listed, shorten

CANDIDATES = (",", ";", "\t", "|")
_HEAD_BYTES = 1 << 16
_SNIFFED_RECORDS = 100
_TITLES = 10  # lines that may be above a header
_NUMBER = re.compile(r"\s*[-+]?[0-9]+([.,][0-9]+)?([eE][-+]?[0-9]+)?\s*")
_FRACTION = re.compile(r"\s*[-+]?[0-9][0-9. ]*,[0-9]+\s*")
MAX_COLUMNS = 100_000
MAX_NAME = 1000  # characters; every category of a column repeats its name


@dataclass(frozen=True)
class CsvFormat:
    r"""How a CSV is written; the keys of the same names under `data` in the config.

    Parameters
    ----------
    delimiter : str
        One ASCII character, or "auto" to find out which of `,` `;` tab `|` it is.
    header : bool
        The first record names the columns; otherwise they are c1, c2, ….
    missing_values : tuple of str, or mapping of str to such tuples
        Cells to read as missing beside the empty ones and `WORDS`; a mapping has them by column.
    words : collection of str, or None
        Columns in which `WORDS` are text as any other; None for all columns of text.
    known : tuple of str
        Names that the config or the model has for columns: one of the header that only looks the
        same, such as ` b` or a name of decomposed letters, is called so.
    decimal : str
        "." or ",": what stands before a number's fraction.
    skip_rows : int
        Lines to skip above the header.
    comment : str or None
        A character: lines that begin with it are skipped.
    expected : tuple of str
        The columns that a model needs. A file that has them by another delimiter is read by that
        one; what is wrong is to be cured in the file, not in a config.

    Raises
    ------
    ValueError
        If `delimiter` is neither.
    """

    delimiter: str = ","
    header: bool = True
    missing_values: Sequence[str] | Mapping[str, Sequence[str]] = ()
    words: Collection[str] | None = ()
    _: KW_ONLY
    known: tuple[str, ...] = ()
    decimal: str = "."
    skip_rows: int = 0
    comment: str | None = None
    expected: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.delimiter == "auto":
            return
        if len(self.delimiter) != 1 or not self.delimiter.isascii() or self.delimiter in '"\r\n\0':
            raise ValueError(
                f"delimiter is {self.delimiter!r}; expected one ASCII character other than a "
                "quote or a line end, or 'auto'"
            )

    def gaps(self, columns: Sequence[str], kept: Collection[str]) -> dict[str, Any]:
        """Return the arguments of `read_csv` that say which cells of `columns` are missing.

        Those in `kept` keep the words.
        """
        tokens = self.missing_values
        by_column = tokens if isinstance(tokens, Mapping) else {}
        everywhere = () if by_column is tokens else list(tokens)
        if not any(column in kept or column in by_column for column in columns):
            return {"na_values": list(everywhere)}  # which costs less, where columns are many
        own = {}
        for column in columns:
            words = () if column in kept else WORDS
            own[column] = ["", *everywhere, *by_column.get(column, ()), *words]
        return {"na_values": own, "keep_default_na": False}


def read_head(text: Text, head: bytes) -> tuple[bytes, bool]:
    """Return the first record and what else has arrived of the first 64 KiB, and whether it ends.

    A slow producer's head is as short as that: its rows must not wait for more. `head` is what
    has been read before.
    """
    while len(head) < MAX_RECORD:
        line, end, _ = head.replace(b"\r", b"\n").lstrip(b"\n").partition(b"\n")
        # Which quotes open a cell depends on the delimiter still to be found; pairs are closed.
        if end and (line.count(b'"') % 2 == 0 or len(head) >= _HEAD_BYTES):
            break
        more = text.read(max(len(head), _HEAD_BYTES))
        if not more:
            return head, True
        head += more
    return head, False


def sniff_delimiter(head: bytes, final: bool) -> str:
    """Return the candidate that cuts the first records into equally many cells, and most of them.

    Where none does, the one with most cells in the first record; where there is none, a comma.
    `csv.Sniffer` gives up on a single column, and takes the apostrophes of a text for quotes.
    """
    best = (False, False, False, 1, ",")
    for delimiter in CANDIDATES:
        records = parse_records(head, delimiter, final=final, encoding="latin-1")
        first = [cells for cells, _, _ in islice(records, _SNIFFED_RECORDS)]
        widths = [len(cells) for cells in first]
        n_above = _titles_above(widths)
        if first and (n_above or widths[0] > 1):
            # 1,5;2,5 has as many commas in each row, and so may `price, net;n` have above it
            body = first[n_above + 1 :] or first
            commas = [cell for cells in body for cell in cells if "," in cell]
            fractions = bool(commas) and all(map(_FRACTION.fullmatch, commas))
            alike = len(set(widths)) == 1
            found = (alike, n_above > 0, fractions, widths[n_above], delimiter)
            best = max(best, found, key=lambda x: x[:4])
    return best[4]


def _titles_above(widths: Sequence[int]) -> int:
    """Return how many records are above those of one width, 0 where these are not most of all."""
    width = widths[-1] if widths else 1
    n_above = len(widths) - len(list(takewhile(width.__eq__, reversed(widths))))
    return n_above if width > 1 and n_above < min(_TITLES, len(widths) / 2) else 0


def check_width(cells: Sequence[str], name: str) -> None:
    """Raise DataError if the first record has more cells than any table has columns."""
    if len(cells) > MAX_COLUMNS:
        raise DataError(
            f"{name}: got {len(cells)} columns; expected at most {MAX_COLUMNS}. "
            "Check that the file is a CSV with a row in each line"
        )


def name_columns(cells: Sequence[str], name: str) -> list[str]:
    """Return the header's names; a blank one becomes `column_N`, N its place from 1.

    pandas would rename the second `a` to `a.1` and say nothing.

    Raises
    ------
    DataError
        If a name is there twice, or too long to be one.
    """
    for i, cell in enumerate(cells, start=1):
        if len(cell) > MAX_NAME:
            raise DataError(
                f"{name}: the name of column {i} has {len(cell)} characters; expected at most "
                f"{MAX_NAME}. Check that the first line is a header, or set data.header: false"
            )
    names = [cell if cell.strip() else f"column_{i}" for i, cell in enumerate(cells, start=1)]
    places: dict[str, list[str]] = {}
    for i, column in enumerate(names, start=1):
        places.setdefault(column, []).append(str(i))
    twice = [
        f"{column!r} (columns {listed(found, whole=True)})"
        for column, found in places.items()
        if len(found) > 1
    ]
    if twice:
        what = "duplicate column name" if len(twice) == 1 else "duplicate column names"
        raise DataError(
            f"{name}: {what} {listed(twice, whole=True)}; expected each name once. Rename them"
            + (", or set data.header: false" if looks_like_data(cells) else "")
        )
    return names


def looks_like_data(header: Sequence[str]) -> bool:
    """Return whether a header holds numbers that are no names: neither years, nor steps of 1."""
    numbers = [float(cell.replace(",", ".")) for cell in header if _NUMBER.fullmatch(cell)]
    fractions = any(number % 1 for number in numbers)
    if not numbers or (len(numbers) * 2 < len(header) and not fractions):
        return False
    if len(numbers) < 3:
        return True
    steps = [b - a for a, b in pairwise(numbers)]
    return not (min(steps) > 0 and max(steps) - min(steps) <= 0.01 * max(steps))


def check_one_column(record: bytes, cells: Sequence[str], name: str, delimiter: str) -> None:
    """Raise DataError if the only column's name looks like several, cut by another delimiter."""
    other = next((c for c in CANDIDATES if c != delimiter and c in cells[0]), None)
    if len(cells) > 1 or other is None or record.lstrip().startswith(b'"'):
        return
    raise DataError(
        f"{name}: got one column, {shorten(cells[0])!r}; expected {delimiter!r} between columns. "
        f"Set data.delimiter to {json.dumps(other)}, or to auto"
    )
