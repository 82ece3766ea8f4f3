"""What a column is taken for, and every complaint about one."""

from __future__ import annotations

import datetime
import io
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nnfit.config.schema import DataConfig
from nnfit.errors import ConfigError, DataError, require_columns
from nnfit.observer import Observer
from nnfit.table.cells import (
    KnownLabel,
    label,
    merged,
    parse_number,
    parse_truth,
    read_labels,
    spelt_otherwise,
)
from nnfit.table.columns import Column, decide_columns
from nnfit.table.rows import NamedColumn, NamedRows


class Heard(Observer):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


def decide(
    frame: pd.DataFrame,
    heard: Heard | None = None,
    numbering: Any = 1,
    features: list[str] | None = None,
    where: str = "features",
    **keys: Any,
) -> list[Column]:
    data = DataConfig.model_construct(path="d.csv", **{"target": (), **keys})
    named = replace(NamedRows.from_frame(frame, "d.csv"), numbering=numbering)
    return decide_columns(named, data, features, where, heard or Heard())


def column(series: pd.Series[Any]) -> NamedColumn:
    return NamedRows(pd.DataFrame({"c": series}), "d.csv").column("c")


def kind(cells: Any, dtype: Any = None) -> str:
    return decide(pd.DataFrame({"c": pd.Series(cells, dtype=dtype)}))[0].kind


@pytest.mark.parametrize(
    ("cells", "dtype", "expected"),
    [
        ([1, 2], "int8", "numeric"),
        ([1.5, np.nan], "float32", "numeric"),
        ([1, None], "Int64", "numeric"),
        ([1.5, None], "Float64", "numeric"),
        ([1, 2.5, None], object, "numeric"),
        ([1, "2.5", None], object, "numeric"),
        ([Decimal("1.5"), Decimal(2)], object, "numeric"),
        (["1", " -2.5e3 ", ".5", "+1."], "str", "numeric"),
        ([None, None], object, "numeric"),
        ([None, None], "str", "numeric"),
        ([np.nan, np.nan], float, "numeric"),
        ([True, False], bool, "boolean"),
        ([True, None], "boolean", "boolean"),
        ([True, None, False], object, "boolean"),
        (["True", "false", None, "TRUE"], "str", "boolean"),
        (["tRUE", "false"], "str", "categorical"),
        (["yes", "no"], "str", "categorical"),
        (["a", "1"], "str", "categorical"),
        (["a", None], "string", "categorical"),
        (["a", 1, True], object, "categorical"),
        (["1", "2"], "category", "categorical"),
        ([1, 2, None], "category", "categorical"),
    ],
)
def test_kinds(cells: list[Any], dtype: Any, expected: str) -> None:
    assert kind(cells, dtype) == expected


def test_kinds_as_pandas_reads_a_csv() -> None:
    text = "a,b,c,d,e\n1,x,True,1.5,\n2,,,2,\n3,y,False,,\n"
    columns = decide(pd.read_csv(io.StringIO(text)))
    kinds = [column.kind for column in columns]
    assert kinds == ["numeric", "categorical", "boolean", "numeric", "numeric"]
    assert [column.name for column in columns] == list("abcde")


@pytest.mark.parametrize(
    "cell",
    ["1_000", "0x10", "١٢", "nan", "NaN", "", " ", "1,5", "1e", "--1", "1 2", "True", "1d5"],
)
def test_texts_that_are_no_numbers(cell: str) -> None:
    assert parse_number(cell) is None


def test_numbers_of_every_sort() -> None:
    found = [parse_number(cell) for cell in ("1", " +.5e1\t", np.float32(2), Decimal(3), 10**400)]
    assert found == [1.0, 5.0, 2.0, 3.0, float("inf")]
    assert parse_number("1e400") == float("inf") and parse_number("-Infinity") == -float("inf")
    assert [parse_number(cell) for cell in (True, np.True_, None, 1j, [1])] == [None] * 5
    assert parse_number("1" * 200_000 + "x") is None  # in linear time


def test_truth_values() -> None:
    assert [parse_truth(cell) for cell in (True, "TRUE", "true", 1, "1", "1.0")] == [1.0] * 6
    assert [parse_truth(cell) for cell in (np.False_, "False", 0.0, "0")] == [0.0] * 4
    assert [parse_truth(cell) for cell in ("yes", 2, "", None)] == [None] * 4


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1, "1", np.int8(1)], "1"),
        ([1.0, "1.0", np.float32(1), Decimal("1.0")], "1.0"),
        ([0.0, "0.0"], "0.0"),
        ([1.5, "1.5", np.float32(1.5)], "1.5"),
        (["1.50", Decimal("1.50")], "1.50"),
        ([np.float32(0.1), 0.1, "0.1"], "0.1"),
        ([0.00001, "0.00001"], "0.00001"),
        ([1e15, "1000000000000000.0"], "1000000000000000.0"),
        ([10**15, "1000000000000000"], "1000000000000000"),
        ([True, np.True_, "True", "true", "TRUE"], "True"),
        (["007"], "007"),
        (["1e5"], "1e5"),
        (["12345678901234567890123"], "12345678901234567890123"),
        ([" a "], " a "),
    ],
)
def test_labels_have_one_spelling(cells: list[Any], expected: str) -> None:
    assert [label(cell) for cell in cells] == [expected] * len(cells)


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["1", "1.0", "2.0", "2", "2.00"], ["1", "2"]),
        (["-0.0", "0", "+3", "007"], ["0", "+3", "007"]),
        ([1.0, 2.0, np.nan], ["1", "2"]),  # as pandas has integers with gaps
        (["3.1", "3.10", "3.2"], ["3.1", "3.10", "3.2"]),
        (["1.5", "1.50"], ["1.5", "1.50"]),
        (["1", "1.0", "1.1"], ["1", "1.0", "1.1"]),
        (["1", "1.0", "a"], ["1", "1.0", "a"]),
        ([1.0, 2.5], ["1.0", "2.5"]),
    ],
)
def test_1_and_1_0_are_one_only_among_whole_numbers(cells: list[Any], labels: list[str]) -> None:
    series = pd.Series(cells, dtype=object if isinstance(cells[0], str) else float)
    codes, found = merged(*read_labels(column(series)))
    assert found == labels
    assert codes.max() == len(labels) - 1 and (codes >= 0).sum() == series.notna().sum()


@pytest.mark.parametrize(
    ("known", "cells"),
    [
        (
            ["1", "2"],
            [("1", "1"), ("1.0", "1"), ("1.00", "1"), (1.0, "1"), (1, "1"), ("3.0", "3.0")],
        ),
        (["3.1", "3.2"], [("3.10", "3.10"), (3.1, "3.1"), (Decimal("3.10"), "3.1")]),
        (["1.0", "2.5"], [("1", "1"), ("1.0", "1.0"), (1, "1.0"), (1.0, "1.0"), (2.5, "2.5")]),
        (["1", "2.5"], [("1.0", "1.0"), (1.0, "1"), (2, "2"), ("2.50", "2.50")]),
        (["True", "a"], [("true", "True"), (True, "True"), ("1", "1"), (1, "1")]),
        (["true", "false"], [("True", "true"), (np.False_, "false")]),
        (["1", "1.0", "2"], [("1.00", "1.00"), ("2.00", "2"), ("1.0", "1.0")]),
    ],
)
def test_the_known_label_that_a_cell_names(known: list[str], cells: list[tuple[Any, str]]) -> None:
    spell = KnownLabel(known)
    assert [(cell, spell(cell)) for cell, _ in cells] == cells


ALIKE = [
    (["no", "no "], "'no' (2 rows), 'no ' (1 row)"),
    (["Yes", "yes", "YES"], "'YES' (1 row), 'Yes' (2 rows), 'yes' (1 row)"),
    (
        ["gr\u00f6\u00dfe", "gro\u0308\u00dfe"],
        "'gro\\u0308\\xdfe' (1 row), 'gr\\xf6\\xdfe' (2 rows)",
    ),
    (["a b", "a\u00a0b"], "'a b' (2 rows), 'a\\xa0b' (1 row)"),
    (["a", "\u200ba"], "'a' (2 rows), '\\u200ba' (1 row)"),
    (["1", "1.0"], "'1' (2 rows), '1.0' (1 row)"),
    (["3.1", "3.10"], ""),
    (["a", "b", "ab"], ""),
]


@pytest.mark.parametrize(("labels", "told"), ALIKE)
def test_labels_that_look_alike(labels: list[str], told: str) -> None:
    assert spelt_otherwise(labels, np.array([2, *[1] * (len(labels) - 1)])) == told


def test_labels_do_not_confuse_one_with_true() -> None:
    codes, labels = read_labels(column(pd.Series([1, True, "1", None], dtype=object)))
    assert codes.tolist() == [0, 1, 0, -1] and labels == ["1", "True"]


def test_a_declared_category_that_never_occurs_is_no_label() -> None:
    series = pd.Series(pd.Categorical(["b", None, "c"], categories=["a", "b", "c"]))
    codes, labels = read_labels(column(series))
    assert codes.tolist() == [0, -1, 1] and labels == ["b", "c"]


def test_which_columns() -> None:
    frame = pd.DataFrame({name: [1, 2] for name in "edcba"})
    names = [column.name for column in decide(frame, target=["d"], weight="c", exclude=["a"])]
    assert names == ["e", "b"]
    assert [column.name for column in decide(frame, include=["a", "c"])] == ["c", "a"]
    assert decide(frame, include=["a"], categorical=["a"]) == [Column("a", "categorical")]


def test_features_leave_other_columns_unread() -> None:
    frame = pd.DataFrame({"a": [1, 2], "bad": ["1", "?"], "b": [1, 2], "y": [1, 2]})
    columns = decide(frame, target=["y"], features=["b", "sin(3*a)"])
    assert [column.name for column in columns] == ["a", "b"]
    with pytest.raises(ConfigError) as caught:
        decide(frame, target=["y"], features=["b", "y**2"], where="c.yaml:2:1: features")
    assert str(caught.value) == (
        "c.yaml:2:1: features: 'y**2': 'y' at character 1 is the target; a target is never an input"
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"exclude": ["id"]},
            "d.csv: data.exclude names 'id', but there is no such column; columns are: age, sex",
        ),
        (
            {"include": ["agee"]},
            "d.csv: data.include names 'agee', but there is no such column; "
            "columns are: age, sex; did you mean 'age'?",
        ),
        (
            {"categorical": ["x", "y"]},
            "d.csv: data.categorical names 'x', 'y', but there are no such columns; "
            "columns are: age, sex",
        ),
        (
            {"target": ["Sex"]},
            "d.csv: data.target names 'Sex', but there is no such column; "
            "columns are: age, sex; did you mean 'sex'?",
        ),
        (
            {"weight": "w"},
            "d.csv: data.weight names 'w', but there is no such column; columns are: age, sex",
        ),
        (
            {"target": ["age"], "exclude": ["sex"]},
            "d.csv: no usable feature column; columns are: age, sex. "
            "Check data.include and data.exclude",
        ),
    ],
)
def test_names_that_do_not_fit(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        decide(pd.DataFrame({"age": [1, 2], "sex": ["m", "f"]}), **keys)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (
            pd.Series(["1", "2", None, "?", "-"]),
            None,
        ),
        (
            pd.Series(["1", "2", None, "?"]),
            "d.csv, row 13, column 'c': cannot read '?' as a number; 2 of 3 cells are numbers. "
            "Add '?' to data.missing_values, mend the cell, or list the column under "
            "data.categorical",
        ),
        (
            pd.Series(["1", "2", "3", "x" * 100]),
            f"d.csv, row 13, column 'c': cannot read '{'x' * 56}... as a number; 3 of 4 cells are "
            f"numbers. Add '{'x' * 56}... to data.missing_values, mend the cell, or list the "
            "column under data.categorical",
        ),
        (
            pd.Series([1.0, np.nan, -np.inf]),
            "d.csv, row 12, column 'c': got -inf; expected a finite number. "
            "Mend the cell, or leave it empty",
        ),
        (
            pd.Series(["1", "1e400"]),
            "d.csv, row 11, column 'c': got '1e400'; expected a finite number. "
            "Mend the cell, or leave it empty",
        ),
        (
            pd.Series(pd.to_datetime(["2020-01-01"])).astype("datetime64[ns]"),
            "d.csv: column 'c' holds datetime64[ns] values; expected numbers, text or truth "
            "values. Convert the column, or add it to data.exclude",
        ),
        (
            pd.Series([datetime.date(2020, 1, 1)], dtype=object),
            "d.csv: column 'c' holds date values; expected numbers, text or truth values. "
            "Convert the column, or add it to data.exclude",
        ),
        (
            pd.Series([1j]),
            "d.csv: column 'c' holds complex128 values; expected numbers, text or truth values. "
            "Convert the column, or add it to data.exclude",
        ),
        (
            pd.Series(["a", [1]], dtype=object),
            "d.csv, row 11, column 'c': got [1] (list); expected text, a number or a truth value",
        ),
    ],
)
def test_cells_that_cannot_be_read(series: pd.Series[Any], message: str | None) -> None:
    frame = pd.DataFrame({"c": series})
    if message is None:  # half of the cells: no more a column of numbers
        assert decide(frame, numbering=10) == [Column("c", "categorical")]
        return
    with pytest.raises(DataError) as caught:
        decide(frame, numbering=10)
    assert str(caught.value) == message


def test_rows_have_the_numbers_of_the_file() -> None:
    frame = pd.DataFrame({"c": ["1", "2", "?"]})
    with pytest.raises(DataError) as caught:
        decide(frame, numbering=np.array([4, 8, 15]))
    assert str(caught.value).startswith("d.csv, row 15, column 'c': cannot read '?' as a number")


def test_the_categorical_key_wins() -> None:
    frame = pd.DataFrame({"c": ["1", "2", "?"], "d": [1.0, np.nan, 2.0]})
    columns = decide(frame, categorical=["c", "d"])
    assert [column.kind for column in columns] == ["categorical", "categorical"]


def test_ids_and_free_text_are_warned_of() -> None:
    ids = [f"id{i}" for i in range(60)]
    frame = pd.DataFrame({"id": ids, "note": ids[::-1], "c": ["a", "b"] * 30, "n": range(60)})
    heard = Heard()
    assert len(decide(frame, heard)) == 4
    decide(frame, heard, exclude=["note"])
    decide(frame.iloc[:50], heard)
    decide(frame, heard, categorical=["id", "note"])
    assert heard.warnings == [
        "d.csv: text columns 'id', 'note' have their own value in more than half of the rows. "
        "Add them to data.exclude if these are ids, dates or free text",
        "d.csv: text column 'id' has its own value in more than half of the rows. "
        "Add it to data.exclude if this is an id, a date or free text",
    ]


def test_column_names_become_text() -> None:
    assert decide(pd.DataFrame({0: [1], "b": [2]}), target=["b"]) == [Column("0", "numeric")]
    with pytest.raises(DataError) as caught:
        NamedRows.from_frame(pd.DataFrame([[1, 2, 3]], columns=["a", 1, "1"]), "data")
    assert str(caught.value) == (
        "data: column '1' is there 2 times; expected every name once. Rename or drop the others"
    )


def test_missing_columns() -> None:
    why = ", which the model needs"
    require_columns("d.csv", ["b", "a"], ["a"], why=why)
    with pytest.raises(DataError) as caught:
        require_columns("d.csv", ["petal_widht", "x"], ["petal_width"], why=why)
    assert str(caught.value) == (
        "d.csv: no column 'petal_width', which the model needs; columns are: petal_widht, x; "
        "did you mean 'petal_widht'?"
    )
    with pytest.raises(DataError) as caught:
        require_columns("d.csv", [f"c{i}" for i in range(22)], ["a", "b"], why=why)
    assert str(caught.value) == (
        "d.csv: no columns 'a', 'b', which the model needs; columns are: "
        + ", ".join(f"c{i}" for i in range(20))
        + " and 2 more"
    )
