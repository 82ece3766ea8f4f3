"""The columns that say how rows are held out: groups and time, however they are written."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nnfit.errors import DataError
from nnfit.table.arrangement import Arrangement
from nnfit.table.rows import NamedRows
from nnfit.table.spelling import PLAIN


def arrangement(key: str, cells: Any) -> Arrangement:
    rows = NamedRows(pd.DataFrame({"c": cells}), "t.csv")
    return Arrangement.of(rows, {key: "c", "weight": "w"}, PLAIN)


DAYS = ["2024-03-01", "2023-12-31", "2024-01-05", "2023-12-31"]
RANKS = [3, 0, 2, 1]  # rows of one time keep their order


@pytest.mark.parametrize(
    ("cells", "groups"),
    [
        (["b", "a", "b", "c"], [0, 1, 0, 2]),
        ([7, 1, 7, 2], [0, 1, 0, 2]),
        (["1", "1.0", "2", "01"], [0, 0, 1, 2]),  # all whole numbers: 01 is spelt otherwise
        (["3.1", "3.10", "x", "x"], [0, 1, 2, 2]),
        ([True, False, True, True], [0, 1, 0, 0]),
        (pd.Categorical(["u", "v", "u", "v"], categories=["v", "u"]), [0, 1, 0, 1]),
        (pd.to_datetime(DAYS), [0, 1, 2, 1]),
    ],
)
def test_groups_are_equal_cells(cells: Any, groups: list[int]) -> None:
    found = arrangement("groups", cells)
    assert found.groups is not None and found.ranks is None
    same = found.groups[:, None] == found.groups
    np.testing.assert_array_equal(same, np.equal.outer(groups, groups))


@pytest.mark.parametrize(
    "cells",
    [
        DAYS,
        [f"{day}T08:30:00+02:00" for day in DAYS],
        pd.to_datetime(DAYS),
        pd.to_datetime(DAYS).tz_localize("Europe/Zurich"),
        [datetime.date.fromisoformat(day) for day in DAYS],
        [20.5, -1, 3, -1],
        ["20.5", "-1", "3", "-1"],
        ["1.234,5", "-7,5", "0,25", "-7,5"],
        ["10", "8", "9", "8"],  # numbers, no texts
        pd.array([10, 8, 9, 8], dtype="Int64"),
    ],
)
def test_time_is_numbers_or_dates(cells: Any) -> None:
    found = arrangement("time", cells)
    assert found.ranks is not None and found.ranks.tolist() == RANKS and found.groups is None


def test_fingerprints() -> None:
    first, again, other = (
        arrangement("groups", cells).fingerprint
        for cells in (list("aab"), list("xxy"), list("abb"))
    )
    assert first == again != other and Arrangement().fingerprint is None
    assert arrangement("time", [1, 2, 3]).fingerprint == arrangement("time", [4, 5, 6]).fingerprint
    assert arrangement("time", [1, 2, 3]).fingerprint != arrangement("time", [1, 3, 2]).fingerprint


WHEN = (
    "expected a number or an ISO date, such as 2024-03-31, in every row. Mend the cell, or choose "
)
WRONG: list[tuple[str, Any, str]] = [
    ("groups", ["a", None, "b"], "row 2, column 'c': got a missing cell; expected a group in every "
     "row. Mend the cell, or choose another data.groups"),
    ("time", [1.0, 2.0, np.nan], f"row 3, column 'c': got a missing cell; {WHEN}another data.time"),
    ("time", ["2024-01-01", "soon", ""], f"row 2, column 'c': got 'soon'; {WHEN}another data.time"),
    ("time", ["31.12.2024", "1.1.2025", "2025-01-01"],
     f"row 1, column 'c': got '31.12.2024'; {WHEN}another data.time"),
    ("time", [True, False, True], f"row 1, column 'c': got True; {WHEN}another data.time"),
    ("time", [1.0, np.inf, 2.0], "row 2, column 'c': got inf; expected a finite number. Mend the "
     "cell, or leave it empty"),
    ("time", pd.period_range("2024-01", periods=3, freq="M"),
     f"row 1, column 'c': got Period('2024-01', 'M'); {WHEN}another data.time"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "cells", "text"), WRONG)
def test_refused(key: str, cells: Any, text: str) -> None:
    with pytest.raises(DataError) as caught:
        arrangement(key, cells)
    assert caught.value.messages == (f"t.csv, {text}",)


def test_no_such_column() -> None:
    rows = NamedRows(pd.DataFrame({"city": ["a", "b"], "x": [1, 2]}), "t.csv")
    with pytest.raises(DataError) as caught:
        Arrangement.of(rows, {"groups": "cty"}, PLAIN)
    assert caught.value.messages == (
        "t.csv: data.groups names 'cty', but there is no such column; columns are: city, x; did "
        "you mean 'city'?",
    )
