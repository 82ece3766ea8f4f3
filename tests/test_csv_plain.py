"""Large plain files, which pandas opens itself: read, and refused, as the others are."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from csv_files import COMMA, Listener, put, whole
from pandas.io.parsers import readers

from nnfit.csv import memory, plain, reading
from nnfit.csv.dialect import CsvFormat
from nnfit.csv.reading import BlockReader, read_table
from nnfit.csv.words import WORDS
from nnfit.errors import DataError

HAS_THREADS = plain.PARALLEL_PANDAS

pytestmark = pytest.mark.usefixtures("folder")


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
    monkeypatch.setattr(plain, "_SCAN_BYTES", 64)
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


# Both ways and a third judge


@pytest.fixture
def shares(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let pandas cut a file of a few rows for two threads."""
    for name, value in {"READ_MIN_BYTES": 100, "MIN_CHUNK_ROWS": 4, "CHUNK_BYTES": 40}.items():
        monkeypatch.setattr(readers, f"_PARALLEL_{name}", value, raising=False)
    with pd.option_context("mode.max_threads", 2) if HAS_THREADS else nullcontext():
        yield


@pytest.mark.parametrize(
    ("number", "trusted"),
    [
        ("99999999999999999999", False),
        ("9223372036854775808", False),
        ("0.0001234567890123456", True),
    ],
)
def test_a_long_integer_is_seen_wherever_it_is(
    number: str, trusted: bool, parallel: list[bool]
) -> None:
    for place in range(70):
        path = put(f"{'a' * place},b\n" + "12,x\n" * 30 + f"{number},x\n,y\n")
        assert (len(read_table(path, COMMA)), parallel.pop()) == (32, trusted)


@pytest.mark.parametrize(
    ("first", "last"),
    [("False,1\n,1\n", "1.5x,1\n,1\n"), ("True,1\n", "1,1\n"), ("1,1\n,1\n", "0x1f,1\n,1\n")],
)
def test_a_column_is_one_for_all_threads(
    first: str, last: str, parallel: list[bool], shares: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in (5, 10, 30):  # by where the shares end
        path = put("a,b\n" + first * n + last * n)
        monkeypatch.setattr(plain, "PARALLEL_BYTES", 1)
        large = read_table(path, COMMA)
        monkeypatch.setattr(plain, "PARALLEL_BYTES", 1 << 20)
        pd.testing.assert_frame_equal(large, read_table(path, COMMA))


CELLS = (
    "", "", "NA", "nan", " ", "1", "-1", "+1", " 7", "007", "1.5", "1,5", "1e5", "0x1f", "1_000",
    "True", "False", "inf", "red", "9223372036854775807", "9223372036854775808",
    "-9223372036854775809", "18446744073709551616", "99999999999999999999",
    "0.00012345678901234567", "12345678901234567",
)  # fmt: skip
NUMBER = re.compile(r" *[-+]?([0-9]+[.]?[0-9]*(e[0-9]+)?|inf)")


def random_csv(chance: random.Random, delimiter: str) -> bytes:
    """Return a table of few kinds of cells in each column, and sometimes a row that is no row."""
    n_columns, n_rows = chance.randint(2, 3), chance.randint(1, 40)
    short = [cell for cell in CELLS if len(cell) < 10]
    pool = chance.choice([short, CELLS])
    kinds = [chance.sample(pool, chance.randint(1, 4)) for _ in range(n_columns)]
    if pool is CELLS:
        kinds[0] = ["99999999999999999999", chance.choice(["", "NA", "1_000"]), *kinds[0]]
    is_quoted, is_ragged = chance.random() < 0.4, chance.random() < 0.2
    lines = [delimiter.join("abc"[:n_columns])]
    for row in range(n_rows):
        # What is rare comes late, in a share of its own.
        cells = [chance.choice(kind[:2] if row % 8 < 7 else kind) for kind in kinds]
        if is_ragged and chance.random() < 0.1:
            cells = cells[:-1] if chance.random() < 0.5 else [*cells, chance.choice(CELLS)]
        lines.append(
            delimiter.join(
                f'"{cell}"' if delimiter in cell or (is_quoted and chance.random() < 0.3) else cell
                for cell in cells
            )
        )
    return "\n".join([*lines, ""]).encode()


def judged(data: bytes, fmt: CsvFormat) -> list[list[object]] | None:
    """Return what the columns hold by the csv module and plain words; None for a ragged table."""
    lines = [line for line in data.decode().split("\n") if line.strip(" ")]
    rows = list(csv.reader(lines, delimiter=fmt.delimiter))
    if len(set(map(len, rows))) > 1:
        return None
    return [column_of(list(cells), fmt) for cells in zip(*rows[1:], strict=True)]


def column_of(cells: list[str], fmt: CsvFormat) -> list[object]:
    texts = [cell for cell in cells if cell and cell not in WORDS]
    if all(cell in ("True", "False") for cell in texts):
        return [cell == "True" if cell in texts else None for cell in cells]
    if fmt.decimal == ",":
        points = [cell.replace(".", "_").replace(",", ".") for cell in cells]
    else:
        points = cells
    if all(NUMBER.fullmatch(points[cells.index(cell)]) for cell in texts):
        return [
            float(point) if cell in texts else None
            for cell, point in zip(cells, points, strict=True)
        ]
    return [cell if cell and (fmt.words is None or cell in texts) else None for cell in cells]


def held(frame: pd.DataFrame) -> list[list[object]]:
    """Return what the columns of a frame hold, numbers as floats, gaps as None."""
    return [
        [
            None
            if pd.isna(cell)
            else cell
            if isinstance(cell, str)
            else bool(cell)
            if isinstance(cell, bool | np.bool_)
            else float(cell)
            for cell in frame[name]
        ]
        for name in frame
    ]


def attempt(path: str, fmt: CsvFormat) -> pd.DataFrame | str:
    try:
        return read_table(path, fmt)
    except DataError as error:
        return str(error)


@pytest.mark.parametrize(
    "n_tables", [80, pytest.param(4_000, marks=pytest.mark.slow)], ids=["dose", "whole"]
)
def test_large_files_streams_and_the_csv_module_agree(
    n_tables: int, parallel: list[bool], shares: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_refused = 0
    for seed in range(n_tables):
        chance = random.Random(seed)
        delimiter, decimal = chance.choice([",.", ";.", ";,"])
        words = chance.choice([None, ()])  # as training reads, and as a model does
        fmt = CsvFormat(delimiter, decimal=decimal, words=words)
        data = random_csv(chance, fmt.delimiter)
        path = put(data)
        monkeypatch.setattr(plain, "PARALLEL_BYTES", 1)
        large = attempt(path, fmt)
        monkeypatch.setattr(plain, "PARALLEL_BYTES", len(data) + 1)
        stream = attempt(path, fmt)
        truth = judged(data, fmt)
        n_refused += truth is None
        if isinstance(large, str) or isinstance(stream, str):
            assert (large, truth) == (stream, None), data
            continue
        pd.testing.assert_frame_equal(large, stream, check_exact=True, obj=repr(data))
        assert truth is not None, data
        assert_alike(held(large), truth, data)
        with BlockReader(path, fmt, None, block_bytes=1 << 20) as blocks:
            (block,) = blocks
        if words is not None:
            pd.testing.assert_frame_equal(block.frame, stream)
    assert 0 < n_refused < n_tables / 2
    assert sum(parallel) > n_tables / 8


def assert_alike(found: list[list[object]], truth: list[list[object]], data: bytes) -> None:
    """Hold cells to be of the same types and texts, and numbers to be the same but for rounding."""
    for column, expected in zip(found, truth, strict=True):
        assert list(map(type, column)) == list(map(type, expected)), (data, column)
        for cell, wanted in zip(column, expected, strict=True):
            if isinstance(wanted, float):
                assert cell == pytest.approx(wanted, rel=1e-15), data
            else:
                assert cell == wanted, data


def test_the_memory_of_a_read_goes_back_where_the_system_can_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []

    class Library:
        @staticmethod
        def mallopt(option: int, value: int) -> int:
            asked.append((option, value))
            return 1

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library)
    with pytest.raises(KeyError), memory.returned():
        assert asked == [(-3, 2**17)]
        raise KeyError
    assert asked == [(-3, 2**17), (-3, 2**25)]
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())  # as on macOS
    with memory.returned():
        pass
    assert len(asked) == 2
