"""Reading CSV whole and in blocks, every complaint it makes, and writing rows.

What the columns mean is tested with `columns` and `encoding`.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnfit.csv import plain, reading, records, source
from nnfit.csv.reading import (
    BLOCK_ROWS,
    CsvFormat,
    RowWriter,
    read_blocks,
    read_table,
)
from nnfit.errors import DataError, require_columns
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


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def put(data: bytes | str, name: str = "d.csv") -> str:
    Path(name).write_bytes(data.encode() if isinstance(data, str) else data)
    return name


def whole(path: str, fmt: CsvFormat = COMMA, **options: Any) -> dict[Any, Any]:
    return read_table(path, fmt, **options).to_dict("list")


def cells_of(path: str, fmt: CsvFormat = COMMA, **options: Any) -> list[list[str]]:
    """Return the header and the rows, as carried."""
    with read_blocks(path, fmt, (), carry="all", **options) as blocks:
        rows = [blocks.header]
        for block in blocks:
            assert block.first_row == len(rows)
            assert len(block.frame) == len(block.carried[0])
            rows.extend(list(row) for row in zip(*block.carried, strict=True))
    return rows


def with_appended(path: str, fmt: CsvFormat = COMMA, **options: Any) -> list[list[str]]:
    """Return the rows read again after a cell was appended to their lines, without that cell."""
    rows = []
    with read_blocks(path, fmt, (), carry="all", **options) as blocks:
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
    with pytest.raises(DataError) as block_error, read_blocks(path, fmt, None) as blocks:
        list(blocks)
    assert str(whole_error.value) == str(block_error.value)
    assert "\n" not in str(whole_error.value)
    return str(whole_error.value)


# What is read


def test_a_table_is_read_as_pandas_reads_it() -> None:
    path = put("x,label\n1,a\n2.5,\n,c\n")
    frame = read_table(path, COMMA)
    pd.testing.assert_frame_equal(frame, pd.read_csv(path))


def test_text_columns_are_as_spelt_and_their_missing_cells_nan() -> None:
    path = put("id,label\n007,1.0\n08,NA\n")
    frame = read_table(path, COMMA, text_columns=["id", "label", "no such"])
    assert frame["id"].tolist() == ["007", "08"]
    assert frame["label"].isna().tolist() == [False, True]
    assert frame["label"][0] == "1.0"


def test_missing_values_add_to_those_of_pandas() -> None:
    path = put("x\n1\n?\nNA\n-9\n")
    frame = read_table(path, CsvFormat(missing_values=("?", "-9")))
    assert frame["x"].isna().tolist() == [False, True, True, True]


def test_without_a_header_columns_are_numbered() -> None:
    assert whole(put("1,2\n3,4\n"), CsvFormat(header=False)) == {"c1": [1, 3], "c2": [2, 4]}
    assert cells_of(put("1,2\n3,4\n"), CsvFormat(header=False)) == [
        ["c1", "c2"],
        ["1", "2"],
        ["3", "4"],
    ]


def test_one_row_and_no_line_end() -> None:
    assert whole(put("a,b\n1,2")) == {"a": [1], "b": [2]}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end: str) -> None:
    path = put(end.join(["a,b", "1,x", "", "  ", "2,y", ""]))
    assert whole(path) == {"a": [1, 2], "b": ["x", "y"]}
    assert cells_of(path) == [["a", "b"], ["1", "x"], ["2", "y"]]


def test_lone_returns_among_quotes_keep_those_within_cells() -> None:
    path = put(b'a,b\r1," x\ry"\r\n 2,z\r')
    assert cells_of(path) == [["a", "b"], ["1", " x\ry"], [" 2", "z"]]
    assert whole(path) == {"a": [1, 2], "b": [" x\ry", "z"]}


def test_a_header_with_a_line_break_in_a_quoted_name() -> None:
    path = put('"a\nb","c, d"\n1,2\n')
    assert whole(path) == {"a\nb": [1], "c, d": [2]}


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"], ids=str
)
def test_encodings_with_a_byte_order_mark(encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path = put((mark + "größe,art\n1,Äpfel €\n").encode(encoding))
    listener = Listener()
    assert whole(path, observer=listener) == {"größe": [1], "art": ["Äpfel €"]}
    assert cells_of(path) == [["größe", "art"], ["1", "Äpfel €"]]
    assert listener.warnings == []


def test_bytes_that_are_not_utf8_are_windows_1252_with_one_warning() -> None:
    text = "größe,art\n1,Äpfel\n2,5 €\n3,x\n"
    path = put(text.encode("cp1252") + b"4,\x81\n")
    warning = (
        "d.csv: byte 0xF6 is not UTF-8; such bytes are read as Windows-1252 (Latin-1). "
        "Save the file as UTF-8 if letters look wrong"
    )
    listener = Listener()
    expected = ["Äpfel", "5 €", "x", "\x81"]
    assert whole(path, observer=listener)["art"] == expected
    assert listener.warnings == [warning]
    for size in (1, 5, 1000):
        listener = Listener()
        rows = cells_of(path, observer=listener, block_bytes=size)
        assert [row[1] for row in rows] == ["art", *expected]
        assert listener.warnings == [warning]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_auto_finds_the_delimiter_and_says_so(delimiter: str) -> None:
    path = put(delimiter.join(["a", "b c"]) + "\n" + delimiter.join(["1,5", '"x;y|z"'])) + ""
    if delimiter == ",":
        path = put('a,b c\n15,"x;y|z"\n')
    listener = Listener()
    frame = read_table(path, AUTO, observer=listener)
    assert list(frame.columns) == ["a", "b c"]
    assert frame["b c"].tolist() == ["x;y|z"]
    assert listener.notes == [f"d.csv: the delimiter is {delimiter!r}"]
    with read_blocks(path, AUTO, None) as blocks:
        assert blocks.delimiter == delimiter


def test_auto_prefers_equal_widths_to_many_cells() -> None:
    assert whole(put("a, b, c; d\n1;2\n3;4\n"), AUTO) == {"a, b, c": [1, 3], " d": [2, 4]}
    assert whole(put("x\n1\n"), AUTO) == {"x": [1]}
    assert whole(put('\n\n"a\nb";c\r1;2\r'), AUTO) == {"a\nb": [1], "c": [2]}


def test_auto_with_a_header_of_more_than_it_reads_at_once() -> None:
    names = [f"column {i}" for i in range(10_000)]
    path = put(";".join(names) + "\n" + ";".join("1" * 10_000) + "\n")
    assert read_table(path, AUTO).columns.tolist() == names


def test_a_nameless_column_is_named_by_its_place_with_a_warning() -> None:
    path = put(",a, \n0,5,6\n")
    listener = Listener()
    assert whole(path, observer=listener) == {"column_1": [0], "a": [5], "column_3": [6]}
    assert listener.warnings == [
        "d.csv: the header leaves columns without a name, here called 'column_1', 'column_3'. "
        "A column that numbers the rows belongs in data.exclude"
    ]
    with read_blocks(path, COMMA, None) as blocks:
        assert blocks.header == ["column_1", "a", "column_3"]


def test_ten_thousand_columns() -> None:
    names = [f"f{i}" for i in range(10_000)]
    path = put(",".join(names) + "\n" + ",".join("1" * 10_000) + "\n")
    assert read_table(path, COMMA).shape == (1, 10_000)


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_compressed_files_of_several_members(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compress = COMPRESSORS[suffix]
    data = compress(b"a,b\n1,x\n2") + compress(b",y\n")
    path = put(data, "d.csv" + suffix)
    assert whole(path) == {"a": [1, 2], "b": ["x", "y"]}
    monkeypatch.setattr(source, "_INFLATED_AT_ONCE", 1)
    assert cells_of(path) == [["a", "b"], ["1", "x"], ["2", "y"]]


def test_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(b"\x28\xb5\x2f\xfd....", "d.csv.zst")
    for module in ("compression", "compression.zstd", "zstandard"):
        monkeypatch.setitem(sys.modules, module, None)
    assert complaint(path) == (
        "d.csv.zst: reading zstd data needs the package 'zstandard'. Run: pip install zstandard"
    )


def test_zstd_is_read_where_the_package_is() -> None:
    zstandard = pytest.importorskip("zstandard")
    path = put(zstandard.ZstdCompressor().compress(b"a\n1\n"), "d.csv.zst")
    assert whole(path) == {"a": [1]}


class Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_stdin(compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(compress(b"a,b\n1,2\n")))
    assert whole("-") == {"a": [1], "b": [2]}
    monkeypatch.setattr(sys, "stdin", Stdin(compress(b"a,b\n1,2,3\n")))
    with pytest.raises(DataError) as error:
        read_table("-", COMMA)
    assert str(error.value) == (
        "<stdin>, row 1: got 3 cells; expected 2, as in the header. Quote a cell that holds ','"
    )


def test_stdin_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert complaint("-") == "<stdin>: is closed; expected a CSV"


# Complaints


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "d.csv: is empty; expected a header and rows"),
        ("\n  \n\r\n", "d.csv: is empty; expected a header and rows"),
        (
            "a,b,a,c,b,a\n",
            "d.csv: duplicate column names 'a' (columns 1, 3, 6), 'b' (columns 2, 5); "
            "expected each name once. Rename them",
        ),
        (
            "a;b;c\n1;2;3\n",
            "d.csv: got one column, 'a;b;c'; expected ',' between columns. "
            'Set data.delimiter to ";", or to auto',
        ),
        (
            "a\tb\n1\t2\n",
            "d.csv: got one column, 'a\\tb'; expected ',' between columns. "
            'Set data.delimiter to "\\t", or to auto',
        ),
        (
            "a,b\n1,2\n\n3,4,5\n",
            "d.csv, row 2: got 3 cells; expected 2, as in the header. Quote a cell that holds ','",
        ),
        (
            "a,b\n1,2,\n3,4,\n",
            "d.csv, row 1: got 3 cells; expected 2, as in the header. Remove the ',' at its end",
        ),
        (
            "a,b\r\n1,2,\r\n",
            "d.csv, row 1: got 3 cells; expected 2, as in the header. Remove the ',' at its end",
        ),
        (
            'a,b\n"1",2,\n',
            "d.csv, row 1: got 3 cells; expected 2, as in the header. Remove the ',' at its end",
        ),
        (
            "a,b,c\n1,2,3,9\n4,5\n",  # as many delimiters as there should be
            "d.csv, row 1: got 4 cells; expected 3, as in the header. Quote a cell that holds ','",
        ),
        (
            "a,b,c\n1,2,3\n4\n",
            "d.csv, row 2: got 1 cell; expected 3, as in the header. "
            "Fill in the missing cells, or quote a cell that holds a line break",
        ),
        (
            'a,b,c\n1,"2",3\n4,"5,6"\n',
            "d.csv, row 2: got 2 cells; expected 3, as in the header. "
            "Fill in the missing cells, or quote a cell that holds a line break",
        ),
        (
            "a\n\n1\n2,3\n",
            "d.csv, row 2: got 2 cells; expected 1, as in the header. Quote a cell that holds ','",
        ),
        (
            'a,b\n1,2\n3,"x\n4,5\n',
            "d.csv, row 2: a quote is opened and never closed. "
            "Close it, or double each quote that is part of a cell",
        ),
        (
            'a,"b\n1,2\n',
            "d.csv, the header: a quote is opened and never closed. "
            "Close it, or double each quote that is part of a cell",
        ),
        (
            b"a,b\n1,\x00\n",
            "d.csv: NUL at byte 7 of the text; expected a CSV. The file is binary, or UTF-16 "
            "without a byte order mark: save it as UTF-8",
        ),
        (
            "a,b\n1,2\n".encode("utf-16-le"),
            "d.csv: NUL at byte 2 of the text; expected a CSV. The file is binary, or UTF-16 "
            "without a byte order mark: save it as UTF-8",
        ),
        (
            "a,b\n1,2\n".encode("utf-16")[:-1],
            "d.csv: damaged UTF-16-LE text (truncated data)",
        ),
        (
            b"PK\x03\x04...",
            "d.csv: is a zip archive (an .npz model or an .xlsx sheet, say); expected a CSV",
        ),
    ],
)
def test_complaints(data: bytes | str, message: str) -> None:
    assert complaint(put(data)) == message


def test_ragged_without_a_header() -> None:
    assert complaint(put("1,2\n3\n"), CsvFormat(header=False)) == (
        "d.csv, row 2: got 1 cell; expected 2, as in row 1. "
        "Fill in the missing cells, or quote a cell that holds a line break"
    )
    assert complaint(put(""), CsvFormat(header=False)) == "d.csv: is empty; expected rows"


def test_a_header_alone_is_no_table_but_no_blocks() -> None:
    path = put("a,b\n\n")
    with pytest.raises(DataError) as error:
        read_table(path, COMMA)
    assert str(error.value) == "d.csv: has a header and no rows; expected at least one row"
    assert cells_of(path) == [["a", "b"]]


def test_places_that_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert complaint("folder") == "folder: is a directory; expected a CSV file"
    assert complaint("no.csv") == "no.csv: no such file"
    assert complaint("no\0.csv") == "'no\\x00.csv': not a possible file name"


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    assert complaint("d.csv") == "d.csv: can't be read: permission denied"


def test_damaged_compression() -> None:
    data = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    assert complaint(put(data[:-20], "d.csv.gz")) == (
        "d.csv.gz: ends in the middle of its gzip data"
    )
    assert complaint(put(b"a,b\n1,2\n", "d.csv.xz")) == (
        "d.csv.xz: is not xz data, though its name ends in '.xz'. Rename or compress it"
    )
    assert complaint(put(data[:12] + b"\xff\xff" + data[14:], "e.csv.gz")).startswith(
        "e.csv.gz: damaged gzip data ("
    )


def test_a_record_without_end_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_RECORD", 1 << 20)
    path = put('a,b\n1,2\n3,"' + "x" * (1 << 21) + "\n")
    with (
        pytest.raises(DataError) as error,
        read_blocks(path, COMMA, None, block_bytes=1 << 14) as it,
    ):
        list(it)
    assert str(error.value) == (
        "d.csv, row 2: no end within 1 MiB; expected a line end. "
        "Close the quote it may have left open, or check that the file is a CSV"
    )


def test_a_cell_over_the_csv_modules_own_limit() -> None:
    cell = "x" * 200_000 + "\n"
    path = put(f'a,b\n1,"{cell}"\n')
    assert cells_of(path, block_bytes=1000) == [["a", "b"], ["1", cell]]


@pytest.mark.parametrize("delimiter", ["", ",,", "é", '"', "\n"])
def test_impossible_delimiters(delimiter: str) -> None:
    with pytest.raises(ValueError) as error:
        CsvFormat(delimiter=delimiter)
    assert str(error.value) == (
        f"delimiter is {delimiter!r}; expected one ASCII character other than a quote or a line "
        "end, or 'auto'"
    )


def test_required_columns() -> None:
    header = ["sepal_length", "sepal_width"]
    require_columns("d.csv", header, ["sepal_width"])
    with pytest.raises(DataError) as error:
        require_columns("d.csv", header, ["sepal_lenght"])
    assert str(error.value) == (
        "d.csv: no column 'sepal_lenght'; columns are: sepal_length, sepal_width; "
        "did you mean 'sepal_length'?"
    )
    with pytest.raises(DataError) as error:
        require_columns("d.csv", [f"f{i}" for i in range(22)], ["a", "f1", "b"])
    listed = ", ".join(f"f{i}" for i in range(20))
    assert str(error.value) == (f"d.csv: no columns 'a', 'b'; columns are: {listed}, … (2 more)")


# Blocks


def test_blocks_hold_the_columns_asked_for_and_carry_cells_as_spelt() -> None:
    path = put("a,b,c\n01,x,1.50\n02,y,2\n")
    with read_blocks(path, COMMA, ["c", "a", "z"], ["a"], carry=["c", "b"]) as blocks:
        (block,) = blocks
    assert block.frame.to_dict("list") == {"a": ["01", "02"], "c": [1.5, 2.0]}
    assert block.carried == [["1.50", "2"], ["x", "y"]]
    assert (block.first_row, blocks.header, blocks.name) == (1, ["a", "b", "c"], "d.csv")


def test_no_column_asked_for_still_counts_rows() -> None:
    with read_blocks(put("a\n1\n\n2\n"), COMMA, []) as blocks:
        (block,) = blocks
    assert block.frame.shape == (2, 0)


def test_a_missing_carried_column() -> None:
    with pytest.raises(DataError) as error:
        read_blocks(put("id,b\n"), COMMA, None, carry=["ID"])
    assert str(error.value) == "d.csv: no column 'ID'; columns are: id, b"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("01, x \n02,\n", ["01, x ", "02,"]),
        ("01,x\r\n\r\n \n02,\r\n", ["01,x", "02,"]),
        ("01,x\r02,y", ["01,x", "02,y"]),
        ('"0,1",""""\n\n2,"\r"\n', ['"0,1",""""', '"2","\r"']),  # rewritten for pandas
        ('"1,5",x\n2\'5",y\n', ['"1,5",x', "2'5\",y"]),
        ('01,"x\n\ny"\n02,z\n', None),
        ('01,"x\n"\n\n02,z\n', None),
    ],
)
def test_lines_are_the_rows_as_written(rows: str, expected: list[str] | None) -> None:
    with read_blocks(put("a,b\n" + rows), COMMA, None, carry="all") as blocks:
        found = [block.lines for block in blocks]
    lines = None if None in found else [line for part in found for line in part or ()]
    assert lines == expected


def test_short_rows_come_in_more_blocks() -> None:
    """However short the rows are, a block is work for a moment only."""
    n = 20 * BLOCK_ROWS
    with read_blocks(put("a\n" + "1\n" * n), COMMA, None) as blocks:
        lengths = [len(block.frame) for block in blocks]
    assert sum(lengths) == n
    assert max(lengths[1:]) <= BLOCK_ROWS  # the first is what came with the header


NASTY = 'a,"b ""x"", y",c\r\n1,"p\r\nq",\xe9\n\n  \n"","""",","\r2, r"s ,t\r\n"3"x,,"u"\n'.encode()


def test_a_block_may_end_at_every_byte() -> None:
    path = put(NASTY)
    expected = [
        ["a", 'b "x", y', "c"],
        ["1", "p\r\nq", "\xe9"],
        ["", '"', ","],
        ["2", ' r"s ', "t"],
        ["3x", "", "u"],
    ]
    for size in range(1, len(NASTY) + 2):
        assert cells_of(path, block_bytes=size) == expected
    frame = read_table(path, COMMA, text_columns=expected[0])
    assert frame.fillna("").to_numpy().tolist() == expected[1:]


CELL = st.text(st.sampled_from('ab1 ,;\t|"\n\ré€\u2028\x0b'), max_size=5)
TABLE = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=6)
)


@given(
    rows=TABLE,
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    size=st.integers(1, 40),
)
@settings(max_examples=150, deadline=None)
def test_any_table_is_read_as_it_was_written(
    rows: list[list[str]], delimiter: str, end: str, quoting: Literal[0, 1], size: int
) -> None:
    text = io.StringIO(newline="")
    # The csv module quotes a line end in a cell only if it is one of its own.
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n", quoting=quoting)
    names = [f"f{i}" for i in range(len(rows[0]))]
    lines = []
    for row in [names, *rows]:
        text.seek(0)
        text.truncate()
        writer.writerow(row)
        lines.append(text.getvalue()[:-2] + end)
    path = put("".join(lines).encode())
    # A line of blanks is skipped, as pandas does.
    rows = [
        row
        for row, line in zip(rows, lines[1:], strict=True)
        if line.replace(delimiter, "x").strip(" \t\r\n")
    ]
    fmt = CsvFormat(delimiter=delimiter)
    assert cells_of(path, fmt, block_bytes=size) == [names, *rows]
    assert with_appended(path, fmt, block_bytes=size) == rows
    if rows:
        frame = read_table(path, fmt, text_columns=names)
        assert frame.fillna("").to_numpy().tolist() == rows


@given(st.lists(st.sampled_from([b"a", b"1", b",", b'"', b"\n", b"\r", b" "]), max_size=24))
@settings(max_examples=300, deadline=None)
def test_pandas_and_the_csv_module_agree_on_any_bytes(parts: list[bytes]) -> None:
    path = put(b"x,y\n" + b"".join(parts))
    try:
        frame = read_table(path, COMMA, text_columns=["x", "y"])
    except DataError as error:
        with pytest.raises(DataError) as again:
            list(cells_of(path, block_bytes=3))
            raise error  # a header alone is no error for blocks
        assert str(again.value) == str(error)
    else:
        rows = frame.fillna("").to_numpy().tolist()
        assert rows == cells_of(path, block_bytes=3)[1:]
        assert rows == with_appended(path, block_bytes=3)


needs_fifo = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")


def through_a_pipe(pieces: Iterator[bytes]) -> str:
    """Return the path of a pipe's end, fed from a thread."""
    os.mkfifo("pipe")

    def feed() -> None:
        with open("pipe", "wb", buffering=0) as pipe:
            for piece in pieces:
                pipe.write(piece)

    threading.Thread(target=feed, daemon=True).start()
    return "pipe"


@needs_fifo
def test_rows_come_out_while_a_slow_producer_still_writes() -> None:
    go_on = threading.Event()
    answered = []

    def produce() -> Iterator[bytes]:
        yield b"a,b\n"
        for row in (b'1,"x"\n2,', b"y\n", b"3,z\n4"):
            yield row
            answered.append(go_on.wait(timeout=5))
            go_on.clear()
        yield b",end\n"

    rows = []
    with read_blocks(through_a_pipe(produce()), COMMA, None) as blocks:
        for block in blocks:
            rows.append(block.frame.to_numpy().tolist())
            go_on.set()
    assert rows == [[[1, "x"]], [[2, "y"]], [[3, "z"]], [[4, "end"]]]
    assert answered == [True, True, True]


@needs_fifo
def test_compressed_rows_come_out_while_their_producer_still_writes() -> None:
    go_on = threading.Event()
    answered = []

    def produce() -> Iterator[bytes]:
        deflate = zlib.compressobj(wbits=31)
        yield deflate.compress(b"a,b\n1,x\n") + deflate.flush(zlib.Z_SYNC_FLUSH)
        answered.append(go_on.wait(timeout=5))
        yield deflate.compress(b"2,y\n") + deflate.flush()

    rows = []
    with read_blocks(through_a_pipe(produce()), COMMA, None) as blocks:
        for block in blocks:
            rows.append(block.frame.to_numpy().tolist())
            go_on.set()
    assert rows == [[[1, "x"]], [[2, "y"]]]
    assert answered == [True]


@needs_fifo
def test_ready_tells_whether_reading_on_would_wait() -> None:
    go_on = threading.Event()

    def produce() -> Iterator[bytes]:
        yield b"a,b\n1,2\n3"
        go_on.wait(timeout=5)
        yield b",4\n"

    ready = []
    with read_blocks(through_a_pipe(produce()), COMMA, None) as blocks:
        for block in blocks.arrivals():
            ready.append((None if block is None else len(block.frame), blocks.ready()))
            go_on.set()
    assert ready[0] == (1, False)
    assert [n for n, _ in ready if n is not None] == [1, 1]
    with read_blocks(put("a\n1\n"), COMMA, None) as blocks:
        assert blocks.ready()


@needs_fifo
def test_a_fast_producer_fills_blocks() -> None:
    line = b"1.25,2.5,abc\n"

    def produce() -> Iterator[bytes]:
        yield b"a,b,c\n"
        for _ in range(100):
            yield line * 1000

    with read_blocks(through_a_pipe(produce()), COMMA, None, block_bytes=1 << 20) as blocks:
        lengths = [len(block.frame) for block in blocks]
    assert sum(lengths) == 100_000
    # Without gathering there is a block for each 64 KiB a pipe holds: 20 and more.
    assert len(lengths) < 15


@needs_fifo
def test_a_fifo_is_read_once_by_read_table() -> None:
    path = through_a_pipe(iter([b"a,b\n1,", b"2\n"]))
    assert whole(path) == {"a": [1], "b": [2]}


# Large plain files, which pandas opens itself


@pytest.fixture
def parallel(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Count a file of any size as large; the list tells for each whether pandas was trusted."""
    trusted: list[bool] = []
    read_plain = plain.read_plain

    def spy(*arguments: Any) -> pd.DataFrame | None:
        frame = read_plain(*arguments)
        trusted.append(frame is not None)
        return frame

    monkeypatch.setattr(plain, "PARALLEL_BYTES", 1)
    monkeypatch.setattr(plain, "PARALLEL_PANDAS", True)
    monkeypatch.setattr(plain, "_SCAN_BYTES", 16)
    monkeypatch.setattr(reading, "read_plain", spy)
    return trusted


@pytest.mark.parametrize(
    ("data", "trusted"),
    [
        (b"a,b\n1,x\n2,y\n", True),
        (b"a,b\r\n1,x\r\n2,y\r\n3,z\r\n4,w", True),
        (b"\na,b\n\n1,x\n  \n", True),
        ("a,b\n1,é\n".encode(), True),
        (b'a,b\n1,"x, ""y"\n', True),
        (b'"a\n,",b\n1,"x\ny"\n', True),
        (b'a,b\n1,"x"\n2,\n', False),  # a gap at the end, or no cell?
        (b"a,b\n1,\xe9\n", False),
        (b"\xef\xbb\xbfa,b\n1,x\n", False),
        (b"a,b\r1,x\r2,y\r", False),
        (b"a,b\n1,x\n2,yyyyyyy\r3,z\n", False),
        (b"a,b\n1,x\n2,yyyyyy\r3,zz\n4,zz\n5,z\n", False),
    ],
)
def test_plain_files_are_read_as_others(
    data: bytes, trusted: bool, parallel: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(data)
    frame = read_table(path, COMMA)
    assert parallel == [trusted]
    monkeypatch.setattr(plain, "PARALLEL_PANDAS", False)
    pd.testing.assert_frame_equal(frame, read_table(path, COMMA))
    assert parallel == [trusted, False]


@pytest.mark.parametrize(
    "data",
    [
        b"a,b,c\n1,2,3,9\n4,5\n6,7,8\n",  # as many delimiters as there should be
        b"a,b,c\n1,2,3\n4,5,6,9\n4,5\n",
        b"a,b,c\n1,2,3\n4,5\n",
        b"a,b\n1,2,\n3,4,\n",
        b'a,b\n"1",2\n3\n',
        b'a,b\n"1",2,\n',
        b'a,b\n1,"2\n',
        b"a,b\n1,2\n3,\x00\n",
        b"a,b\n",
    ],
)
def test_plain_files_raise_as_others(
    data: bytes, parallel: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(data)
    with pytest.raises(DataError) as error:
        read_table(path, COMMA)
    monkeypatch.setattr(plain, "PARALLEL_PANDAS", False)
    with pytest.raises(DataError) as other:
        read_table(path, COMMA)
    assert str(error.value) == str(other.value)


def test_a_column_of_a_large_file_has_one_type(parallel: list[bool]) -> None:
    rows = [f"{i},007,{i}.25" for i in range(300_000)]
    rows[-2] = "5,x7,"
    frame = read_table(put("a,b,c\n" + "\n".join(rows) + "\n"), COMMA)
    assert frame["b"][0] == "007"
    assert frame["c"].dtype == np.float64


def test_a_large_file_whose_name_means_something_to_pandas(parallel: list[bool]) -> None:
    assert whole(put("a,b\n1,2\n", "d.zip")) == {"a": [1], "b": [2]}
    Path("~").mkdir()
    assert whole(put("a,b\n1,2\n", "~/d.csv")) == {"a": [1], "b": [2]}
    assert parallel == [True, True]


def test_a_large_file_tells_progress(parallel: list[bool]) -> None:
    data = "a,b\n" + "1,2\n" * 400_000
    listener = Listener()
    read_table(put(data), COMMA, observer=listener)
    done = [done for _, done, _ in listener.read]
    assert parallel == [True]
    assert done == sorted(set(done))
    assert (len(done), done[-1]) == (4, len(data))


# Progress


def test_progress_is_told_in_bytes_and_ends_at_the_total() -> None:
    data = b"a,b\n" + b"1,2\n" * 400_000
    for path in (put(data), put(gzip.compress(data, 1), "d.csv.gz")):
        listener = Listener()
        read_table(path, COMMA, observer=listener)
        size = os.path.getsize(path)
        assert {(name, total) for name, _, total in listener.read} == {(path, size)}
        done = [done for _, done, _ in listener.read]
        assert done == sorted(set(done))
        assert done[-1] == size
        assert len(done) <= 1 + size / (1 << 18)


def test_stdin_has_no_known_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"a\n1\n"))
    listener = Listener()
    read_table("-", COMMA, observer=listener)
    assert listener.read == [("<stdin>", 4, None)]


# Rows out


def written(format: Any, header: list[str], *blocks: list[Any]) -> str:
    stream = io.StringIO(newline="")
    writer = RowWriter(stream, format, header)
    for block in blocks:
        writer.write(writer.rows(block))
    return stream.getvalue()


def test_csv_and_tsv_out() -> None:
    columns = [["a,b", 'q"', "x\ny", "c\rd", ""], [0.1, 1e-300, 2.0, 3, -0.0]]
    assert written("csv", ["la,bel", "p"], columns) == (
        '"la,bel",p\n"a,b",0.1\n"q""",1e-300\n"x\ny",2.0\n"c\rd",3\n,-0.0\n'
    )
    assert written("tsv", ["la,bel", "p"], [["a\tb", "c,d"], ["1", "2"]]) == (
        'la,bel\tp\n"a\tb"\t1\nc,d\t2\n'
    )


def test_jsonl_out() -> None:
    text = written(
        "jsonl", ["label", "p"], [["é\n", "1"], np.array([0.1, 2.5])], [["x"], [float("nan")]]
    )
    assert [json.loads(line) for line in text.splitlines()] == [
        {"label": "é\n", "p": 0.1},
        {"label": "1", "p": 2.5},
        {"label": "x", "p": None},
    ]
    assert text.startswith('{"label": "é\\n", "p": 0.1}\n')


@given(rows=TABLE, format=st.sampled_from(["csv", "tsv"]))
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_back(rows: list[list[str]], format: str) -> None:
    header = [f"f{i}" for i in range(len(rows[0]))]
    text = written(format, header, [list(column) for column in zip(*rows, strict=True)])
    delimiter = "," if format == "csv" else "\t"
    assert list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) == [header, *rows]


def test_a_lone_empty_cell_is_a_row() -> None:
    assert written("csv", ["a"], [["", "x"]], [[]]) == 'a\n""\nx\n'


def test_lines_are_written_as_they_are() -> None:
    writer = RowWriter(stream := io.StringIO(newline=""), "csv", ["a", "b", "p", "q"])
    writer.write(writer.rows([["x,y", "z"], [0.5, 2.0]], ['01,"1,5"', " 2 ,"]))
    assert stream.getvalue() == 'a,b,p,q\n01,"1,5","x,y",0.5\n 2 ,,z,2.0\n'


def test_columns_that_do_not_fit_the_header() -> None:
    with pytest.raises(ValueError) as error:
        written("csv", ["a", "b"], [[1]])
    assert str(error.value) == "got 1 columns; the header names 2"


def test_a_closed_pipe_is_the_callers_matter() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        writer = RowWriter(stream, "csv", ["a"])
        os.close(reading)
        with pytest.raises(BrokenPipeError):
            writer.write(writer.rows([["1"]]))
        # What could not be written would be tried again on closing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
