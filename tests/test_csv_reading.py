"""Reading CSV whole and in blocks, and every complaint about its text.

What the columns mean is tested with `columns` and `encoding`.
"""

from __future__ import annotations

import csv
import io
import math
from typing import Literal

import pandas as pd
import pytest
from csv_files import (
    AUTO,
    COMMA,
    TABLE,
    Listener,
    cells_of,
    complaint,
    put,
    whole,
    with_appended,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from nnfit.csv import records
from nnfit.csv.dialect import CsvFormat
from nnfit.csv.numbers import has_long_run
from nnfit.csv.reading import BLOCK_ROWS, BlockReader, read_table
from nnfit.errors import DataError, require_columns

pytestmark = pytest.mark.usefixtures("folder")

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


BEYOND = 99999999999999999999


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["99999999999999999999", "", "NA", "red"], ["99999999999999999999", None, None, "red"]),
        (["9223372036854775808", "", "-1"], [2**63, None, -1]),
        (["-9223372036854775809", "007", "NA"], [-(2**63) - 1, 7, None]),
        (["", "99999999999999999999", "1.5"], [None, 1e20, 1.5]),
        (["1", "99999999999999999999", "", "inf"], [1.0, 1e20, None, math.inf]),
        (["99999999999999999999", "1_000", "007"], ["99999999999999999999", "1_000", "007"]),
        (["99999999999999999999", "?", "1"], [BEYOND, None, 1]),
        (["99999999999999999999", "", "True"], ["99999999999999999999", None, "True"]),
        (["99999999999999999999", " ", ""], ["99999999999999999999", " ", None]),
        (["1" * 5000, "", "2"], [math.inf, None, 2.0]),
    ],
)
def test_beside_integers_beyond_64_bits_cells_are_what_they_are(
    cells: list[str], expected: list[object]
) -> None:
    path = put("x,y\n" + "".join(f"{cell},1\n" for cell in cells))
    fmt = CsvFormat(missing_values=("?",))
    frame = read_table(path, fmt)
    with BlockReader(path, fmt, ["x"]) as blocks:
        (block,) = blocks
    pd.testing.assert_series_equal(frame["x"], block.frame["x"])
    found = [None if pd.isna(cell) else cell for cell in frame["x"]]
    assert [(type(cell), cell) for cell in found] == [(type(cell), cell) for cell in expected]


def test_integers_beyond_64_bits_beside_decimal_commas() -> None:
    path = put("x;y;self\n99999999999999999999;1.5;\n1,5;99999999999999999999;1\n")
    columns = read_table(path, CsvFormat(";", decimal=","))
    assert columns["x"].tolist() == [1e20, 1.5]
    assert columns["y"].tolist() == ["1.5", "99999999999999999999"]


def test_a_run_of_19_digits_is_found_wherever_it_is() -> None:
    for length in (17, 18, 19, 20, 25):
        for before in (",", "-", ";", ":", "0.", ".1"):
            for place in range(20):
                text = f"{' ' * place}{before}{'9' * length}\n{' ' * 64}0.{'1' * 30}\n"
                digits = 0 if "." in before else length
                assert has_long_run(text.encode()) == (digits >= 19), text


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
    mark = {"utf-16": "UTF-16", "utf-16-be": "UTF-16", "utf-32": "UTF-32"}.get(encoding)
    assert listener.warnings == [
        f"d.csv: is {mark}, as its first bytes say, and read as that. Other programs may expect "
        "UTF-8"
    ] * (mark is not None)


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
    with BlockReader(path, AUTO, None) as blocks:
        assert blocks.delimiter == delimiter


def test_auto_prefers_equal_widths_to_many_cells() -> None:
    assert whole(put("a, b, c; d\n1;2\n3;4\n"), AUTO) == {"a, b, c": [1, 3], " d": [2, 4]}
    assert whole(put("x\n1\n"), AUTO) == {"x": [1]}
    assert whole(put("price, net;n\n1,5;2\n3,5;4\n"), AUTO) == {
        "price, net": ["1,5", "3,5"], "n": [2, 4],
    }  # fmt: skip
    columns = read_table(put("1,5;2,5;3,5\n4,5;5,5;6,5\n"), CsvFormat("auto", header=False))
    assert columns.to_numpy().tolist() == [["1,5", "2,5", "3,5"], ["4,5", "5,5", "6,5"]]
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
    with BlockReader(path, COMMA, None) as blocks:
        assert blocks.header == ["column_1", "a", "column_3"]


def test_ten_thousand_columns() -> None:
    names = [f"f{i}" for i in range(10_000)]
    path = put(",".join(names) + "\n" + ",".join("1" * 10_000) + "\n")
    assert read_table(path, COMMA).shape == (1, 10_000)


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
            "d.csv, row 3: got 2 cells; expected 1, as in the header. Quote a cell that holds ','",
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


def test_a_record_without_end_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_RECORD", 1 << 20)
    path = put('a,b\n1,2\n3,"' + "x" * (1 << 21) + "\n")
    with (
        pytest.raises(DataError) as error,
        BlockReader(path, COMMA, None, block_bytes=1 << 14) as it,
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
    with BlockReader(path, COMMA, ["c", "a", "z"], ["a"], carry=["c", "b"]) as blocks:
        (block,) = blocks
    assert block.frame.to_dict("list") == {"a": ["01", "02"], "c": [1.5, 2.0]}
    assert block.carried == [["1.50", "2"], ["x", "y"]]
    assert (block.first_row, blocks.header, blocks.name) == (1, ["a", "b", "c"], "d.csv")


def test_carried_cells_are_neither_numbers_nor_gaps() -> None:
    """Whatever pandas takes a cell for elsewhere, a carried one stays text, as often as asked."""
    path = put('a,b\n"NA", 1\n"x ""y""",\n?,1e5\n')
    fmt = CsvFormat(missing_values=("?",))
    with BlockReader(path, fmt, ["a"], carry=["b", "a", "b"]) as blocks:
        (block,) = blocks
    assert block.frame["a"].isna().tolist() == [True, False, True]
    assert block.carried == [[" 1", "", "1e5"], ["NA", 'x "y"', "?"], [" 1", "", "1e5"]]


def test_no_column_asked_for_still_counts_rows() -> None:
    with BlockReader(put("a,b\n1,2\n\n2,3\n"), COMMA, []) as blocks:
        (block,) = blocks
    assert block.frame.shape == (2, 0)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("block_bytes", [1, 3, 1 << 20])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(
    "lines",
    [
        ["1", "", "3"],
        ["", "1"],
        ["1", "", ""],
        ["1", " ", "\t", '" "', '""', "5"],
        ['"a b"', "", '"x,""y"', " "],
        ["", ""],
    ],
)
def test_a_blank_line_of_one_column_is_a_row_with_a_gap(
    lines: list[str], last: bool, block_bytes: int, end: str
) -> None:
    if not last and not lines[-1]:
        lines = [*lines, "6"]  # what is not even ended is no line
    path = put("x" + end + end.join(lines) + end * last)
    cells = ["" if line.strip(' \t"') == "" else next(csv.reader([line]))[0] for line in lines]
    assert cells_of(path, block_bytes=block_bytes) == [["x"], *([cell] for cell in cells)]
    assert with_appended(path, block_bytes=block_bytes) == [[cell] for cell in cells]
    frame = read_table(path, COMMA, text_columns=["x"])
    assert frame["x"].isna().tolist() == [not cell for cell in cells]
    headless = CsvFormat(header=False)
    if any(cells):
        assert len(read_table(put(end.join(lines) + end * last), headless)) == len(lines)


def test_a_missing_carried_column() -> None:
    with pytest.raises(DataError) as error:
        BlockReader(put("id,b\n"), COMMA, None, carry=["ID"])
    assert str(error.value) == "d.csv: no column 'ID'; columns are: id, b; did you mean 'id'?"


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
    with BlockReader(put("a,b\n" + rows), COMMA, None, carry="all") as blocks:
        found = [block.lines for block in blocks]
    lines = None if None in found else [line for part in found for line in part or ()]
    assert lines == expected


def test_short_rows_come_in_more_blocks() -> None:
    """However short the rows are, a block is work for a moment only."""
    n = 20 * BLOCK_ROWS
    with BlockReader(put("a\n" + "1\n" * n), COMMA, None) as blocks:
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
    if len(names) == 1:  # a line of blanks is a row with a gap
        rows = [[cell if cell.strip(" \t") else ""] for (cell,) in rows]
    else:  # it is skipped, as pandas does
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
