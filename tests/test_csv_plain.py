"""Large plain files, which pandas opens itself: read, and refused, as the others are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from csv_files import COMMA, Listener, put, whole

from nnfit.csv import plain, reading
from nnfit.csv.reading import read_table
from nnfit.errors import DataError

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
