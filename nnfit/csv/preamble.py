"""What stands above the header of a CSV, or instead of one: obeyed, skipped, or named.

Excel's `sep=;`, title lines, comments, and tables that are no CSV. It parses no rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from nnfit.csv.dialect import CANDIDATES
from nnfit.csv.foreign import refuse_markup
from nnfit.csv.parsing import MAX_RECORD
from nnfit.csv.records import RecordReader
from nnfit.csv.text import Text
from nnfit.errors import DataError, shorten

_SEPARATOR = re.compile(rb'"?sep=([\x01-\x09\x0b\x0c\x0e-\x21\x23-\x7f])"?', re.IGNORECASE)
_LINE = re.compile(rb"([^\r\n]*+)(?:\r\n|\n|\r(?!\Z))")
_COMMENT = "#"
_AT_ONCE = 1 << 16
_LOOKED_AT = 50  # records after the first


class PreambleError(DataError):
    """There are lines above the header; the keys of `data` that skip them are in `keys`."""

    def __init__(self, message: str, keys: dict[str, Any]) -> None:
        super().__init__(message)
        self.keys = keys


class WithoutComments:
    """A text without the lines that begin with `mark`, but for those within quotes."""

    def __init__(self, text: Text, head: bytes, mark: str) -> None:
        self.name, self.repair = text.name, text.repair
        self._text = text
        self._head = head
        self._mark = mark.encode()
        self._starting = True  # a line
        self._quoted = False
        self._dropping = False
        self._cut = False  # a dropped line ended in "\r", whose "\n" may come

    def read(self, size: int) -> bytes:
        """Return some bytes of text, as soon as there are any; b"" at the end."""
        while True:
            data, self._head = self._head or self._text.read(size), b""
            kept = b"".join([x for x in data.splitlines(keepends=True) if self._is_kept(x)])
            if kept or not data:
                return kept

    def _is_kept(self, line: bytes) -> bool:
        """Take the next line, or the next part of one."""
        if self._starting:
            rest = self._cut and line == b"\n"
            self._dropping = rest or (not self._quoted and line.startswith(self._mark))
        if not self._dropping:
            self._quoted ^= line.count(b'"') % 2 == 1
        self._starting = line.endswith((b"\n", b"\r"))
        self._cut = self._dropping and line.endswith(b"\r")
        return not self._dropping


def read_preamble(
    text: Text, skip_rows: int, is_header: Callable[[bytes], object]
) -> tuple[bytes, str | None, int]:
    """Return what was read beyond the skipped lines, the delimiter of a line `sep=;`, their number.

    Such a line is the first, and one of those to skip where there are any. No line is skipped that
    `is_header`, and more are where one follows among the first that have arrived.

    Raises
    ------
    DataError
        If there are no more lines than those to skip.
    """
    head, separator = text.read(_AT_ONCE), None
    while head and b"sep=".startswith(start := head.lstrip(b'"').lower()[:4]) and len(start) < 4:
        if not (more := text.read(_AT_ONCE)):
            break
        head += more
    skipped = 0
    if head.lstrip(b'"')[:4].lower() == b"sep=":
        line, head = _first_line(text, head)
        if found := _SEPARATOR.fullmatch(line.rstrip(b"\r\n")):
            separator, head, skipped = found[1].decode(), head[len(line) :], 1
    while skipped < skip_rows:
        line, head = _first_line(text, head)
        if is_header(line):
            break
        head, skipped = head[len(line) :], skipped + 1
        if not line:
            raise DataError(
                f"{text.name}: ends within the {skip_rows} lines that data.skip_rows skips; "
                "expected a header and rows after them"
            )
    lines = head.splitlines(keepends=True)
    lines = (lines if lines and _LINE.match(lines[-1]) else lines[:-1])[:_LOOKED_AT]
    above = next((n for n, line in enumerate(lines) if is_header(line)), 0)
    return head[sum(map(len, lines[:above])) :], separator, skipped + above


def _first_line(text: Text, head: bytes) -> tuple[bytes, bytes]:
    """Return the first line with its end, and the whole head, read on as far as that takes."""
    while True:
        if found := _LINE.match(head):
            return found[0], head
        more = text.read(max(len(head), _AT_ONCE)) if len(head) <= MAX_RECORD else b""
        if not more:
            return head, head
        head += more


def refuse_preamble(
    records: RecordReader, cells: Sequence[str], record: bytes, skipped: int, cures: bool
) -> None:
    """Raise DataError if the first record is no header, as the next ones show that have arrived.

    `skipped` lines were left out before it. With `cures` the config can skip others, else who
    reads the message has the file alone.

    Raises
    ------
    PreambleError
        If lines above the header are to be skipped.
    DataError
        If it is no CSV at all.
    """
    name = records.name
    refuse_markup(name, cells)
    first = _shown(record)
    following = records.peek(_LOOKED_AT)
    widths = Counter(len(other) for other, _ in following)
    width = widths.most_common(1)[0][0] if widths else 0
    _refuse_quoted_rows(name, cells, record, [other for other, _ in following])
    if first.startswith(_COMMENT):
        more = any(other and other[0].startswith(_COMMENT) for other, _ in following)
        if more or (following and len(cells) != width):
            cure = f'Set data.comment to "{_COMMENT}"' if cures else "Remove such lines"
            raise PreambleError(
                f"{name}: the first line, {first!r}, is a comment; expected the header. {cure}",
                {"comment": _COMMENT},
            )
    filled = [cell for cell in cells if cell.strip()]
    if len(cells) >= width and not (len(filled) == 1 and len(cells) > 2):
        return
    above = record
    for other, line in following:
        if len(other) == width and _are_names(other):
            n_above = skipped + len((above + line).splitlines()) - len(line.lstrip().splitlines())
            cure = f"Set data.skip_rows to {n_above}" if cures else "Remove what is above the names"
            header = _shown(line)
            raise PreambleError(
                f"{name}: the first line, {first!r}, is a title; expected the header, which seems "
                f"to be {header!r}. {cure}",
                {"skip_rows": n_above},
            )
        above += line


def _shown(line: bytes) -> str:
    """Return a line as a message shows it, by the encoding that its rows would be read in."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("cp1252", "replace")
    return shorten(text.strip())


def _are_names(cells: Sequence[str]) -> bool:
    """Return whether cells may be the names of columns: no numbers, no gaps, each once."""
    texts = all(any(c.isalpha() for c in cell) for cell in cells)
    return texts and len(set(cells)) == len(cells) > 1


def _refuse_quoted_rows(
    name: str, cells: Sequence[str], record: bytes, following: Sequence[Sequence[str]]
) -> None:
    """Raise DataError if each row is one quoted cell that holds a whole row."""
    if len(cells) > 1 or not record.lstrip().startswith(b'"') or not following:
        return
    for delimiter in CANDIDATES:
        counts = {len(other) == 1 and other[0].count(delimiter) for other in [cells, *following]}
        if counts == {cells[0].count(delimiter)} != {0} and f"{delimiter} " not in cells[0]:
            raise DataError(
                f"{name}: each row is one quoted cell, the first {shorten(cells[0])!r}; expected "
                f"cells between {delimiter!r}. Remove the quotes around the rows"
            )
