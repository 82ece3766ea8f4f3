"""What stands above a header, or instead of one."""

from __future__ import annotations

import io
import os
import re
import sys
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from csv_files import AUTO, COMMA, Listener, cells_of, complaint, put, whole
from hypothesis import given
from hypothesis import strategies as st

import nnfit
from nnfit.csv.dialect import CsvFormat, looks_like_data
from nnfit.csv.preamble import WithoutComments
from nnfit.csv.reading import read_table
from nnfit.errors import DataError
from nnfit.observer import Observer
from nnfit.run.proposal import propose

if TYPE_CHECKING:
    from conftest import Commands

pytestmark = pytest.mark.usefixtures("folder")

ROWS = "".join(f"{i},{i}.5,u{i % 2}\n" for i in range(12))
SEMICOLONS = ROWS.replace(",", ";").replace(".", ",")
EXPECTED = {"a": list(range(12)), "y": [f"u{i % 2}" for i in range(12)]}


def read(text: str | bytes, fmt: CsvFormat = COMMA, observer: Observer | None = None) -> Any:
    table = whole(put(text), fmt, observer=observer)
    assert cells_of("d.csv", fmt)[0] == list(table)
    return {name: table[name] for name in ("a", "y")}


@pytest.mark.parametrize("line", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n', "\ufeffsep=;\n"])
@pytest.mark.parametrize("fmt", [COMMA, AUTO, CsvFormat(skip_rows=1)])
def test_the_line_sep_is_obeyed(line: str, fmt: CsvFormat) -> None:
    heard = Listener()
    assert read(f"{line}a;b;y\n{SEMICOLONS}", fmt, heard) == EXPECTED
    assert heard.notes == ["d.csv: its first line says that the delimiter is ';'"]
    assert read(f"sep=\t\na\tb\ty\n{ROWS.replace(',', chr(9))}") == EXPECTED


def test_what_only_begins_like_sep() -> None:
    assert whole(put("sep=x,b\n1,2\n")) == {"sep=x": [1], "b": [2]}
    assert whole(put("s,b\n1,2\n")) == {"s": [1], "b": [2]}
    assert whole(put("sepal,b\n1,2\n")) == {"sepal": [1], "b": [2]}


TITLES = [
    ("Sales 2020\n", 1),
    ("Sales 2020\n\n", 2),
    ("Sales, 2020\n\n", 2),
    ("Sales,,\n", 1),
    ("Sales,,\nby me,,\n,,\n", 3),
    ('"Sales\nof 2020"\n', 2),
]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("title", "n"), TITLES)
def test_a_title_is_named_with_the_lines_to_skip(title: str, n: int, newline: str) -> None:
    text = f"{title}a,b,y\n{ROWS}".replace("\n", newline)
    line = complaint(put(text.encode()))
    assert line.startswith("d.csv: the first line, ") and line.endswith(
        f" is a title; expected the header, which seems to be 'a,b,y'. Set data.skip_rows to {n}"
    )
    assert read(text.encode(), CsvFormat(skip_rows=n)) == EXPECTED
    auto = f"{title}a;b;y\n{SEMICOLONS}".replace(",,", ";;")
    assert f"data.skip_rows to {n}" in complaint(put(auto), AUTO)
    assert read(auto, CsvFormat("auto", skip_rows=n)) == EXPECTED
    assert complaint(put(text.encode()), CsvFormat(expected=("z",))).endswith("above the names")


def test_more_lines_to_skip_than_there_are() -> None:
    assert complaint(put("a,b\n1,2\n"), CsvFormat(skip_rows=5)) == (
        "d.csv: ends within the 5 lines that data.skip_rows skips; expected a header and rows "
        "after them"
    )
    assert "is empty" in complaint(put("a,b\n1,2\n"), CsvFormat(skip_rows=2))


@pytest.mark.parametrize("above", ["# one\n", "# one\n# two, three\n", "# a, b, c\n# d, e, f\n"])
def test_comments_above_are_named_and_skipped(above: str) -> None:
    text = f"{above}a,b,y\n{ROWS}"
    assert complaint(put(text)).endswith(
        'is a comment; expected the header. Set data.comment to "#"'
    )
    marked = CsvFormat(comment="#")
    assert read(text, marked) == EXPECTED
    assert read(text.replace("#", "%"), CsvFormat(comment="%")) == EXPECTED
    middle = text.replace("5,5.5", "# 'note\n5,5.5") + "# end"
    assert read(middle.replace("\n", "\r\n").encode(), marked) == EXPECTED
    assert complaint(put(f"a,b,y\n{ROWS}# end\n")).endswith('Set data.comment to "#"')


def test_what_is_no_comment() -> None:
    assert whole(put("#a,b\n1,2\n")) == {"#a": [1], "b": [2]}
    text = 'a,b\n"x\n# y",1\n#z,2\n'
    assert whole(put(text), CsvFormat(comment="#")) == {"a": ["x\n# y"], "b": [1]}


@given(
    st.lists(st.sampled_from(["# c", "1", "", '"#\n#"', "22"]), max_size=8),
    st.sampled_from(["\n", "\r", "\r\n"]),
    st.lists(st.integers(1, 5), min_size=60, max_size=60),
)
def test_comments_go_wherever_the_text_is_cut(
    lines: list[str], newline: str, sizes: list[int]
) -> None:
    class Pieces:
        name = "x"

        def __init__(self, data: bytes) -> None:
            self.data, self.sizes = data, list(sizes)

        def read(self, size: int) -> bytes:
            n = self.sizes.pop() if self.sizes else 100
            piece, self.data = self.data[:n], self.data[n:]
            return piece

        def repair(self, text: bytes) -> bytes:
            return text

    data = "".join(line + newline for line in lines).encode()
    expected = "".join(line + newline for line in lines if line != "# c").encode()
    text = WithoutComments(Pieces(data), b"", "#")
    assert b"".join(iter(lambda: text.read(10), b"")) == expected


def test_no_row_of_a_pipe_waits_for_lines_that_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A header alone has come: what comes next may be long in coming."""
    from nnfit.csv.opening import OpenCsv

    for text in (b"s,b\n", b"a,b\n", b"Title\n"):
        reader, writer = os.pipe()
        os.write(writer, text)
        timer = threading.Timer(20, os.close, [writer])
        timer.start()
        with open(reader, "rb") as stream:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
            assert OpenCsv("-", COMMA, Observer()).header == text.decode().strip().split(",")
            assert timer.is_alive()
            timer.cancel()
            os.close(writer)


@pytest.mark.parametrize("text", ['"a,b,y"\n"1,2,u"\n"2,3,v"\n', '"a;""b"";y"\n"1;2;u"\n"2;3;v"\n'])
def test_rows_that_are_quoted_whole(text: str) -> None:
    for fmt in (COMMA, AUTO):
        line = complaint(put(text), fmt)
        assert "each row is one quoted cell, the first " in line
        assert line.endswith("Remove the quotes around the rows")
    names = '"Last, First"\n"Doe, John"\n"Poe, Jane"\n'
    assert whole(put(names)) == {"Last, First": ["Doe, John", "Poe, Jane"]}


def archive(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, "application/vnd.oasis.opendocument.spreadsheet")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (archive("[Content_Types].xml"), "is an Office file (an .xlsx workbook, say); "),
        (archive("mimetype"), "is an OpenDocument file (an .ods sheet, say); "),
        (archive("W1.npy"), "is a zip archive (an .npz model or an .xlsx sheet, say); "),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is an old Office file (an .xls workbook, say); "),
        (b"PAR1\x15\x04\x15", "is a Parquet file; "),
        (b"SQLite format 3\0", "is an SQLite database; "),
        (b"%PDF-1.7", "is a PDF; "),
        (b"<!DOCTYPE html>\n<p>", "is HTML; "),
        (b'<?xml version="1.0"?>\n', "is XML; "),
        (b'[{"a": 1, "b": 2}]\n', "is JSON; "),
        (b'{\n "a": 1}\n', "is JSON; "),
    ],
)
def test_what_is_no_csv(data: bytes, what: str) -> None:
    line = complaint(put(data))
    assert line.startswith(f"d.csv: {what}expected a CSV") and "\n" not in line


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("5.1,3.5,1.4,0.2,setosa", True),
        ("6,148,72,35,0,33.6,0.627,50,1", True),
        ("1,u", True),
        ("a,b,3", False),
        ("2019,2020,2021,y", False),
        ("0,1,2,3,label", False),
        ("400.5,401.0,401.5,402.0", False),
        ("a,b", False),
    ],
)
def test_a_header_that_looks_like_data(header: str, expected: bool) -> None:
    assert looks_like_data(header.split(",")) == expected
    heard = Listener()
    read_table(put(f"{header}\n{header}\n"), COMMA, observer=heard)
    assert [text.split(":")[1] for text in heard.warnings] == [
        " the header looks like a row of data"
    ] * expected
    with pytest.raises(DataError, match=r"Rename them, or set data.header: false$"):
        read_table(put("1.5,1.5,x\n1,2,3\n"), COMMA)


@pytest.mark.parametrize(
    ("above", "keys"),
    [
        ("sep=;\n", {}),
        ("Sales\n\n", {"skip_rows": "2"}),
        ("# one\n# two\n", {"comment": '"#"'}),
        ("sep=;\nSales\n", {"skip_rows": "2"}),
        ("# one\nSales\n", {"comment": '"#"', "skip_rows": "2"}),
    ],
)
def test_init_finds_it_and_the_model_keeps_it(
    cli: Commands, above: str, keys: dict[str, str]
) -> None:
    put(f"{above}a;b;y\n{SEMICOLONS}")
    text = propose("d.csv", "d.csv", ["y"], ["training.epochs=2"], Observer())
    found = dict(re.findall(r'^  (skip_rows|comment): ("#"|\S+)', text, re.MULTILINE))
    assert found == {"skip_rows": "0", "comment": "null", **keys}
    Path("c.yaml").write_text(text)
    nnfit.train("c.yaml").save("m.npz")
    expected = cli("predict", "m.npz", "d.csv", "-q")
    assert (expected.code, expected.out.count("\n"), expected.err) == (0, 13, "")
    # and no line of a file that has nothing above its header
    for text in (f"a;b;y\n{SEMICOLONS}", "a;b;y\n0;0,5;u0\n"):
        result = cli("predict", "m.npz", "-q", stdin=text)
        assert result.code == 0 and expected.out.startswith(result.out)
        assert result.out.count("\n") == text.count("\n")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_header_below_a_title_is_shown_in_its_letters(encoding: str) -> None:
    path = put("Übersicht;;\nGröße;Straße;y\n1;2;3\n4;5;6\n".encode(encoding))
    said = complaint(path, CsvFormat(delimiter=";"))
    assert "'Übersicht;;'" in said and "'Größe;Straße;y'" in said
