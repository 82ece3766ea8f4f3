"""Columns at first sight: what they look like, and why some are better left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from nnfit.table.rows import NamedRows
from nnfit.table.survey import copies_of_target, look_at, reason_to_leave_out

N = 120
RNG = np.random.default_rng(5)
WORDS = ["red", "green", "blue", "cyan", "grey"]


def reason(cells: Any, name: str = "x") -> str | None:
    column = NamedRows(pd.DataFrame({name: cells}), "d.csv").column(name)
    return reason_to_leave_out(column, look_at(column))


DATES = pd.date_range("2020-01-30", periods=N)
CASES: list[tuple[str, Any, str | None]] = [
    ("", range(N), "row number"),
    ("", range(7, N + 7), "row number"),
    ("", range(N, 0, -1), "row number"),
    ("", RNG.permutation(N), "row number"),
    ("customer_id", RNG.permutation(N) * 7 + 1000, "id"),
    ("CustomerID", RNG.permutation(N) * 7 + 1000, "id"),
    ("order no", RNG.permutation(N) * 7 + 1000, "id"),
    ("population", RNG.permutation(N) * 7 + 1000, None),
    ("id", RNG.normal(size=N), None),
    ("id", [1, 2, 3, 4] * 30, None),
    ("", RNG.normal(size=N), None),
    ("", [f"A{i * 7919 % 1009}" for i in range(N)], "id"),
    ("", [f"{i:032x}" for i in range(N)], "id"),
    ("", [f"{i}@b.org" for i in range(N)], "id"),
    ("", [f"A{i}" for i in range(12)], "id"),
    ("", [f"A{i}" for i in range(9)], None),
    ("", DATES.strftime("%Y-%m-%d"), "date"),
    ("", DATES.strftime("%d.%m.%Y"), "date"),
    ("", DATES.strftime("%m/%d/%y"), "date"),
    ("", DATES.strftime("%d %b %Y"), "date"),
    ("", DATES.strftime("%Y-%m-%dT%H:%M:%S"), "date"),
    ("", DATES.strftime("%Y-%m-%d %H:%M"), "date"),
    ("", [f"{i // 60:02d}:{i % 60:02d}" for i in range(N)], "date"),
    ("", ["2020-01", "2020-02", "2020-03"] * 40, None),
    ("", [f"the {WORDS[i % 5]} house no. {i}" for i in range(N)], "free text"),
    ("", [f"{i % 40} kg" for i in range(N)], "numbers that are not read"),
    ("", [f"<{i % 9}" for i in range(N)], "numbers that are not read"),
    ("", ["36 months", "60 months"] * 60, None),
    ("", WORDS * 24, None),
    ("", [*WORDS, None] * 20, None),
    ("", [None] * N, "empty"),
    ("", ["a"] * N, "one value"),
    ("", [1.5] * N, "one value"),
    ("", ["a", None] * 60, None),
    ("", [True, False] * 60, None),
    ("", ["True", "False", None] * 40, None),
]


@pytest.mark.parametrize(("name", "cells", "expected"), CASES, ids=lambda case: str(case)[:20])
def test_why_a_column_is_left_out(name: str, cells: Any, expected: str | None) -> None:
    assert reason(list(cells), name or "x") == expected


@pytest.mark.parametrize(
    ("cells", "kind", "n_distinct", "n_gaps", "example"),
    [
        ([1.5, None, 2.5, 1.5], "number", 2, 1, "1.5"),
        (["1", "2", "02", None], "number", 3, 1, "1"),
        (["True", "FALSE", "true"], "true/false", 2, 0, "True"),
        ([True, False], "true/false", 2, 0, "True"),
        ([0, 1], "number", 2, 0, "0"),
        ([None, "a", "b"], "text", 2, 1, "a"),
        ([None, None], "number", 0, 2, ""),
        (pd.to_datetime(["2020-01-01", None]), "other", 1, 1, "2020-01-01 00:00:00"),
    ],
    ids=str,
)
def test_a_column_at_first_sight(
    cells: Any, kind: str, n_distinct: int, n_gaps: int, example: str
) -> None:
    sight = look_at(NamedRows(pd.DataFrame({"x": cells}), "d.csv").column("x"))
    found = (sight.kind, sight.n_distinct, sight.n_gaps, sight.example)
    assert found == (kind, n_distinct, n_gaps, example)


Y = np.array(["no", "yes", "yes", "no", "no"])[np.arange(3000) % 5]
COPIES: list[tuple[Any, bool]] = [
    (Y == "yes", True),
    ((Y == "yes") * 1, True),
    ((Y == "yes") * 1.0, True),
    (np.where(Y == "yes", "1", "0"), True),
    (np.where(Y == "yes", "alive", "dead"), True),
    (np.where(np.arange(3000) % 3, np.where(Y == "yes", 7.5, -1.0), np.nan), True),
    (np.where(np.arange(3000) % 3 == 0, np.where(Y == "yes", 7.5, -1.0), np.nan), False),
    (np.where(np.arange(3000) == 2999, "dead", np.where(Y == "yes", "alive", "dead")), True),
    (np.where(np.arange(3000) == 2999, "alive", np.where(Y == "yes", "alive", "dead")), False),
    (np.where(np.arange(3000) % 7, np.where(Y == "yes", "alive", "dead"), "lost"), False),
    (np.arange(3000), False),
    (np.where(Y == "yes", 1.0, np.nan), False),
    ([DATES[0]] * 3000, False),
]


@pytest.mark.parametrize("number", range(len(COPIES)))
def test_the_target_in_other_words(number: int) -> None:
    cells, expected = COPIES[number]
    rows = NamedRows(pd.DataFrame({"x": cells, "y": Y}), "d.csv")
    assert copies_of_target(rows, ["x"], ["y"], True) == (["x"] if expected else [])
    few = rows.between(0, 9)
    assert copies_of_target(few, ["x"], ["y"], True) == []


def test_numbers_that_are_classes_have_copies_too() -> None:
    y = np.arange(60) % 3 + 1
    names = np.array(["First", "Second", "Third"])[y - 1]
    rows = NamedRows(pd.DataFrame({"class": names, "pclass": y, "z": y // 2}), "d.csv")
    assert copies_of_target(rows, ["class", "z"], ["pclass"], True) == ["class"]
    unlike = NamedRows(pd.DataFrame({"x": range(60), "y": range(60)}), "d.csv")
    assert copies_of_target(unlike, ["x"], ["y"], True) == []  # every value once: any two pair off


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda y: y, True),
        (lambda y: y.astype(str), True),
        (lambda y: np.where(np.arange(len(y)) % 3, y, np.nan), True),
        (lambda y: np.where(np.arange(len(y)) % 3 == 0, y, np.nan), False),
        (lambda y: 2 * y, False),  # a law, for all that can be known
        (lambda y: np.where(np.arange(len(y)) == len(y) - 1, 0.0, y), False),
        (lambda y: np.where(y > 0, "up", "down"), False),
    ],
)
def test_a_quantity_that_is_there_twice(change: Any, expected: bool) -> None:
    y = RNG.normal(size=2500)
    rows = NamedRows(pd.DataFrame({"x": change(y), "z": -y, "y": y}), "d.csv")
    assert copies_of_target(rows, ["x"], ["z", "y"], False) == (["x"] if expected else [])
