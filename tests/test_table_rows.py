"""Rows that know their table and their numbers in it, and the words that name columns."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nnfit.errors import DataError, listed, name_of, quoted, require_columns
from nnfit.table.cells import read_labels
from nnfit.table.rows import NamedRows


def rows(numbering: Any = 1) -> NamedRows:
    return NamedRows(
        pd.DataFrame({"a": [1.5, 2.0, np.nan, 4.0], "b": list("wxyz")}), "d.csv", numbering
    )


def test_a_column_of_labels_is_looked_through_once_and_a_part_of_it_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []
    factorize = pd.factorize

    def counted(values: Any) -> Any:
        looked.append(len(values))
        return factorize(values)

    monkeypatch.setattr(pd, "factorize", counted)
    whole = rows()
    for _ in range(2):
        codes, labels = read_labels(whole.column("b"))
        assert (codes.tolist(), labels) == ([0, 1, 2, 3], list("wxyz"))
    codes, labels = read_labels(whole.between(2, 4).column("b"))
    assert (codes.tolist(), labels) == ([0, 1], ["y", "z"])
    assert looked == [4, 2]


@pytest.mark.parametrize("numbering", [7, np.array([7, 9, 12, 20])])
def test_numbers_follow_the_rows(numbering: Any) -> None:
    numbers = rows(numbering).numbers.tolist()
    assert numbers == ([7, 8, 9, 10] if isinstance(numbering, int) else [7, 9, 12, 20])
    some = rows(numbering).take(np.array([1, 3]))
    assert some.frame["b"].tolist() == ["x", "z"] and len(some) == 2
    assert some.numbers.tolist() == [numbers[1], numbers[3]]
    middle = rows(numbering).between(1, 3)
    assert middle.frame["b"].tolist() == ["x", "y"]
    assert middle.numbers.tolist() == numbers[1:3]
    assert middle.take(np.array([1])).numbers.tolist() == [numbers[2]]
    assert middle.between(1, 99).numbers.tolist() == [numbers[2]]
    assert middle.place(1) == f"d.csv, row {numbers[2]}"
    assert middle.column("b").place(0) == f"d.csv, row {numbers[1]}, column 'b'"


def test_all_rows_are_not_copied_and_blocks_number_none() -> None:
    whole = rows(np.array([2, 3, 5, 7]))
    assert whole.take(np.arange(4)) is whole
    assert rows(100).between(2, 4).numbering == 102


def test_a_cell_as_it_is_shown() -> None:
    assert [rows().column("a").shown(i) for i in (0, 2)] == ["1.5", "nan"]
    long = NamedRows(pd.DataFrame({"c": ["x" * 60]}), "d.csv").column("c").shown(0)
    assert long == f"'{'x' * 56}..." and len(long) == 60


def test_they_pickle() -> None:
    again = pickle.loads(pickle.dumps(rows(np.array([1, 2, 4, 8]))))
    pd.testing.assert_frame_equal(again.frame, rows().frame)
    assert again.name == "d.csv" and again.numbers.tolist() == [1, 2, 4, 8]


def test_lists_of_names() -> None:
    many = [f"n{i}" for i in range(22)]
    first = ", ".join(many[:20])
    assert listed(["a", 2]) == "a, 2" and listed(many) == f"{first} and 2 more"
    assert listed(many, whole=True) == f"{first}, … (2 more)" and listed(many[:20]) == first
    long = "y" * 61
    assert listed([long]) == "y" * 57 + "..." and listed([long], whole=True) == long
    assert quoted(["a"]) == "column 'a'" and quoted(["a", "b"]) == "columns 'a', 'b'"
    assert (name_of("-"), name_of("./-")) == ("<stdin>", "./-")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "d.csv: no column 'ag'; columns are: age, sex; did you mean 'age'?"),
        (
            {"why": ", which the model needs"},
            "d.csv: no column 'ag', which the model needs; columns are: age, sex; "
            "did you mean 'age'?",
        ),
        (
            {"key": "--target"},
            "d.csv: --target names 'ag', but there is no such column; columns are: age, sex; "
            "did you mean 'age'?",
        ),
    ],
)
def test_one_wording_for_a_missing_column(keys: dict[str, str], message: str) -> None:
    require_columns("d.csv", ["age", "sex"], ["sex"], **keys)
    with pytest.raises(DataError) as caught:
        require_columns("d.csv", ["age", "sex"], ["sex", "ag"], **keys)
    assert str(caught.value) == message
