"""The cells of records, as the csv module parses them, and where each record ends.

It is slow and judges everything; `nnfit.csv.records` looks at most records another way.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

MAX_RECORD = 1 << 24  # bytes; a longer record is an unclosed quote or not a CSV

# The csv module refuses cells over 128 KiB unless told otherwise, and knows only one limit.
csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD))


def blanks(delimiter: str) -> bytes:
    """Return the bytes that make a blank line, which pandas skips.

    Of one column it is a row all the same, with a gap: such a line is rewritten as `""`.
    """
    return b" \t\r\n".replace(delimiter.encode(), b"")


def parse_records(
    text: bytes,
    delimiter: str,
    *,
    final: bool = True,
    encoding: str = "utf-8",
    skip_blank: bool = True,
) -> Iterator[tuple[list[str], int, bool]]:
    """Yield the cells of each record, the offset of its end, and whether its quotes are closed.

    The csv module says the cells alone; lines are handed to it one by one to learn the others.

    Parameters
    ----------
    text : bytes
        Starts where a record starts.
    delimiter : str
        One ASCII character.
    final : bool
        Nothing follows `text`. Otherwise a last record that may go on is left out.
    encoding : str
        "latin-1" counts cells in text that may not be UTF-8.
    skip_blank : bool
        A blank line is no record; otherwise one with an empty cell.
    """
    lines = text.splitlines(keepends=True)
    if lines and not final and not lines[-1].endswith(b"\n"):
        lines.pop()  # more of it may follow, or the "\n" that belongs to its "\r"
    blank = blanks(delimiter)
    end = 0
    starting = True
    exhausted = False

    def feed() -> Iterator[str]:
        nonlocal end, starting, exhausted
        for line in lines:
            end += len(line)
            if starting and not line.strip(blank):
                if skip_blank:
                    continue
                line = b'""\n'
            starting = False
            yield line.decode(encoding)
        exhausted = True

    reader = csv.reader(feed(), delimiter=delimiter)
    for cells in reader:
        # The reader asks for a line after the last one only within an open quote.
        if exhausted and not final:
            return
        yield cells, end, not exhausted
        starting = True
