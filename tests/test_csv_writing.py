"""Rows out, as CSV, TSV and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
import os
from typing import Any

import numpy as np
import pytest
from csv_files import TABLE
from hypothesis import given, settings
from hypothesis import strategies as st

from nnfit.csv.writing import RowWriter

pytestmark = pytest.mark.usefixtures("folder")


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
