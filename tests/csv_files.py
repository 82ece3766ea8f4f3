"""What the tests of the csv room share: files put down, tables read back, complaints heard.

No test stands here.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from nnfit.csv.dialect import CsvFormat
from nnfit.csv.reading import BlockReader, read_table
from nnfit.errors import DataError
from nnfit.observer import Observer

COMMA = CsvFormat()
AUTO = CsvFormat(delimiter="auto")


class Listener(Observer):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.read: list[tuple[str, int, int | None]] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def reading(self, name: str, done: int, total: int | None) -> None:
        self.read.append((name, done, total))


def put(data: bytes | str, name: str = "d.csv") -> str:
    Path(name).write_bytes(data.encode() if isinstance(data, str) else data)
    return name


def whole(path: str, fmt: CsvFormat = COMMA, **options: Any) -> dict[Any, Any]:
    return read_table(path, fmt, **options).to_dict("list")


def cells_of(path: str, fmt: CsvFormat = COMMA, **options: Any) -> list[list[str]]:
    """Return the header and the rows, as carried."""
    with BlockReader(path, fmt, (), carry="all", **options) as blocks:
        rows = [blocks.header]
        for block in blocks:
            assert block.first_row == len(rows)
            assert len(block.frame) == len(block.carried[0])
            rows.extend(list(row) for row in zip(*block.carried, strict=True))
    return rows


def with_appended(path: str, fmt: CsvFormat = COMMA, **options: Any) -> list[list[str]]:
    """Return the rows read again after a cell was appended to their lines, without that cell."""
    rows = []
    with BlockReader(path, fmt, (), carry="all", **options) as blocks:
        for block in blocks:
            lines = block.lines
            if lines is None:  # some cell has a line break; the cells are appended to instead
                assert any("\n" in cell for column in block.carried for cell in column)
                rows.extend(list(row) for row in zip(*block.carried, strict=True))
                continue
            text = "".join(f"{line}{fmt.delimiter}end\n" for line in lines)
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=fmt.delimiter):
                assert row.pop() == "end"
                rows.append(row)
    return rows


def complaint(path: str, fmt: CsvFormat = COMMA) -> str:
    """Return the one line that both readers raise."""
    with pytest.raises(DataError) as whole_error:
        read_table(path, fmt)
    with pytest.raises(DataError) as block_error, BlockReader(path, fmt, None) as blocks:
        list(blocks)
    assert str(whole_error.value) == str(block_error.value)
    assert "\n" not in str(whole_error.value)
    return str(whole_error.value)


CELL = st.text(st.sampled_from('ab1 ,;\t|"\n\ré€\u2028\x0b'), max_size=5)
TABLE = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=6)
)
