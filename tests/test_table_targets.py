"""The task, class labels, target scales and weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from nnfit.errors import ConfigError, DataError
from nnfit.observer import Observer
from nnfit.table.labels import LabelEncoder
from nnfit.table.rows import NamedColumn, NamedRows
from nnfit.table.targets import (
    TargetScaler,
    drop_rows_without_target,
    rows_with_target,
    target_values,
)
from nnfit.table.task import decide_task
from nnfit.table.weights import class_weights, require_weight, row_weights


class Heard(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warning(self, text: str) -> None:
        self.warnings.append(text)


MANY = list(range(21))


def named(cells: dict[str, Any], name: str = "d.csv", numbering: Any = 1) -> NamedRows:
    return NamedRows(pd.DataFrame(cells), name, numbering)


def column(cells: Any, numbering: int = 1) -> NamedColumn:
    return named({"w": cells}, numbering=numbering).column("w")


@pytest.mark.parametrize(
    ("cells", "dtype", "note"),
    [
        (["a", "b", None], "str", "classification (target 'y' is text, 2 classes)"),
        (["1", "a", "b"], "str", "classification (target 'y' is text, 3 classes)"),
        (["true", "FALSE"], "str", "classification (target 'y' is boolean)"),
        ([True, False], bool, "classification (target 'y' is boolean)"),
        ([True, None], object, "classification (target 'y' is boolean)"),
        (["1", "2", None], "str", "classification (target 'y' holds integers, 2 distinct values)"),
        ([1, 2, 1], int, "classification (target 'y' holds integers, 2 distinct values)"),
        ([1, None], "Int64", "classification (target 'y' holds integers, 1 distinct values)"),
        (MANY[:20], int, "classification (target 'y' holds integers, 20 distinct values)"),
        (MANY, int, "regression (target 'y' holds integers, 21 distinct values)"),
        (
            [str(i) for i in MANY],
            "str",
            "regression (target 'y' holds integers, 21 distinct values)",
        ),
        (
            [1.0, 2.0, np.nan],
            float,
            "classification (target 'y' holds integers, 2 distinct values)",
        ),
        ([2**53, 2**53 + 1], int, "classification (target 'y' holds integers, 2 distinct values)"),
        (
            [10**30 + i for i in MANY],
            object,
            "regression (target 'y' holds integers, 21 distinct values)",
        ),
        (["1", "+1", "01"], "str", "classification (target 'y' holds integers, 1 distinct values)"),
        ([0.0, 1.0], float, "classification (target 'y' holds integers, 2 distinct values)"),
        (["0.0", "1.0"], "str", "classification (target 'y' holds integers, 2 distinct values)"),
        (
            [float(i) for i in MANY],
            float,
            "regression (target 'y' holds integers, 21 distinct values)",
        ),
        (
            [f"{i}.0" for i in MANY],
            "str",
            "regression (target 'y' holds integers, 21 distinct values)",
        ),
        ([1.0, 2.5], float, "regression (target 'y' holds decimal numbers)"),
        (["1.0", "2.5"], "str", "regression (target 'y' holds decimal numbers)"),
        ([1.5, np.nan], float, "regression (target 'y' holds decimal numbers)"),
        (["1.0", "2"], "str", "classification (target 'y' holds integers, 2 distinct values)"),
        (["1e3", "2"], "str", "classification (target 'y' holds integers, 2 distinct values)"),
        ([1, 2], "category", "classification (target 'y' is categories, 2 classes)"),
    ],
)
def test_the_task_is_found(cells: list[Any], dtype: Any, note: str) -> None:
    heard = Heard()
    task = decide_task(named({"y": pd.Series(cells, dtype=dtype)}), ["y"], "auto", heard)
    assert heard.notes == [f"task: {note}"] and note.startswith(task)


def test_the_task_as_told() -> None:
    heard = Heard()
    rows = named({"y": ["1", "2", "?"], "z": [1, 2, 3], "u": [1.5, 2.5, 3.5]})
    assert decide_task(rows, ["y"], "classification", heard) == "classification"
    assert decide_task(rows, ["z"], "regression", heard) == "regression"
    assert heard.notes == []
    assert decide_task(rows, ["z", "u"], "auto", heard) == "regression"
    assert heard.notes == ["task: regression (several targets: 'z', 'u')"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            ["1", "2", "?"],
            "d.csv, row 6, column 'y': cannot read '?' as a number; 2 of 3 cells are numbers. Add "
            "'?' to data.missing_values, mend the cell, or set data.task: classification",
        ),
        (
            pd.to_datetime(["2020-01-01", "2020-01-02", None]).astype("datetime64[ns]"),
            "d.csv: column 'y' holds datetime64[ns] values; expected numbers, text or truth "
            "values. Convert the column, or add it to data.exclude",
        ),
    ],
)
def test_targets_that_set_no_task(cells: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        decide_task(named({"y": cells}, numbering=4), ["y"], "auto", Heard())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["red", "blue", "red"], "got 'red'; one of several targets is a number, for text is "
         "classes. Predict it by a model of its own"),
        (["True", "False", "True"], "got 'True'; one of several targets is a number, for text is "
         "classes. Predict it by a model of its own"),
        (["1", "x", "3"], "cannot read 'x' as a number; 2 of 3 cells are numbers. Add 'x' to "
         "data.missing_values, mend the cell, or leave it out of the targets"),
    ],
)  # fmt: skip
def test_text_is_none_of_several_targets(cells: list[str], message: str) -> None:
    row = cells.index("x") + 1 if "x" in cells else 1
    with pytest.raises(DataError) as caught:
        decide_task(named({"z": ["1", "2", "3"], "y": cells}), ["z", "y"], "auto", Heard())
    assert str(caught.value) == f"d.csv, row {row}, column 'y': {message}"
    rows = named({"z": [1, 2, 3], "y": [True, False, True]})  # a column of a DataFrame
    assert decide_task(rows, ["z", "y"], "auto", Heard()) == "regression"


def test_rows_without_a_target_go() -> None:
    heard = Heard()
    cells = {"y": ["a", None, "b"], "z": [1.0, 2.0, np.nan], "x": [1, 2, 3]}
    kept = drop_rows_without_target(named(cells), ["y"], heard)
    assert kept.frame["x"].tolist() == [1, 3] and kept.numbers.tolist() == [1, 3]
    rows = named(cells, numbering=np.array([5, 7, 9]))
    kept = drop_rows_without_target(rows, ["y", "z"], heard)
    assert kept.frame["x"].tolist() == [1] and kept.numbers.tolist() == [5]
    rows = named(cells, numbering=4)
    kept = drop_rows_without_target(rows, ["x"], heard)
    assert kept is rows and kept.numbers.tolist() == [4, 5, 6]
    assert heard.warnings == [
        "d.csv: 1 row of 3 dropped: no value in target column 'y'",
        "d.csv: 2 rows of 3 dropped: no value in target columns 'y', 'z'",
    ]
    with pytest.raises(DataError) as caught:
        drop_rows_without_target(named({"y": [np.nan]}), ["y"], heard)
    assert str(caught.value) == "d.csv: target column 'y': no row has a value"


def test_a_target_that_is_no_column() -> None:
    with pytest.raises(DataError) as caught:
        drop_rows_without_target(named({"price": [1]}), ["prise"], Heard())
    assert str(caught.value) == (
        "d.csv: data.target names 'prise', but there is no such column; columns are: price; "
        "did you mean 'price'?"
    )


def test_integers_with_gaps_are_integers_again() -> None:
    kept = drop_rows_without_target(named({"y": [1.0, np.nan, 2.0]}), ["y"], Heard())
    assert kept.frame["y"].tolist() == [1, 2] and kept.frame["y"].dtype == np.int64
    kept = drop_rows_without_target(named({"y": [1.5, np.nan]}), ["y"], Heard())
    assert kept.frame["y"].dtype == np.float64


def test_rows_with_target_may_be_none() -> None:
    kept = rows_with_target(named({"y": [np.nan]}, numbering=3), ["y"])
    assert len(kept) == len(kept.numbers) == 0
    with pytest.raises(DataError) as caught:
        rows_with_target(named({"Y": [1]}), ["y"])
    assert str(caught.value) == (
        "d.csv: no column 'y', which the model needs; columns are: Y; did you mean 'Y'?"
    )


def labels(cells: Any, heard: Heard | None = None, dtype: Any = None) -> LabelEncoder:
    rows = named({"y": pd.Series(cells, dtype=dtype)})
    return LabelEncoder.fit(rows.column("y"), heard or Heard())


@pytest.mark.parametrize(
    ("cells", "classes", "native"),
    [
        (["10", "9", "-1"], ("-1", "9", "10"), np.dtype("int64")),
        (["10", "9", "a"], ("10", "9", "a"), np.dtype(object)),
        (["007", "7.5"], ("007", "7.5"), np.dtype(object)),
        (["1.0", "0.5"], ("0.5", "1.0"), np.dtype("float64")),
        (["1.50", "0.5"], ("0.5", "1.50"), np.dtype(object)),
        (["1e400", "2e400"], ("1e400", "2e400"), np.dtype(object)),
        ([str(2**63), "1"], ("1", str(2**63)), np.dtype(object)),
        ([10, 9], ("9", "10"), np.dtype("int64")),
        ([1.0, 0.0], ("0.0", "1.0"), np.dtype("float64")),
        ([True, False], ("False", "True"), np.dtype(bool)),
        (["True", "False"], ("False", "True"), np.dtype(bool)),
        (["true", "false"], ("false", "true"), np.dtype(object)),
        (["b", " b", "a"], (" b", "a", "b"), np.dtype(object)),
    ],
)
def test_classes(cells: list[Any], classes: tuple[str, ...], native: np.dtype[Any]) -> None:
    encoder = labels(cells)
    assert encoder.classes == classes
    codes = encoder.read(named({"y": cells}))
    assert encoder.decode(codes).tolist() == [str(cell) for cell in cells]
    assert encoder.decode(codes).dtype == object
    found = encoder.native(codes)
    assert found.dtype == native
    assert [str(cell) for cell in found.tolist()] == [str(cell) for cell in cells]


def test_one_label_in_several_spellings() -> None:
    heard = Heard()
    encoder = labels(["1", "1.0", "2", "true", "True"], heard)
    assert encoder.classes == ("1", "1.0", "2", "True", "true")
    assert heard.warnings == [
        "d.csv: target 'y' spells one label in several ways, which are kept apart: "
        "'True' (1 row), 'true' (1 row). Mend the cells if they are one"
    ]
    heard = Heard()
    encoder = labels(["1", "1.0", "2", "1"], heard)
    assert heard.warnings == [
        "d.csv: target 'y' spells one label in several ways, which are kept apart: "
        "'1' (2 rows), '1.0' (1 row). Mend the cells if they are one"
    ]
    assert encoder.read(named({"y": ["1.0", "2.00", "1"]})).tolist() == [1, 2, 0]
    with pytest.raises(DataError, match="unknown class '1.00'"):  # it could be either
        encoder.read(named({"y": ["1.00"]}))


@pytest.mark.parametrize(
    ("cells", "codes"),
    [
        ([0, 1], [0, 1]),
        ([1.0, 0.0], [1, 0]),
        (["0.0", "1"], [0, 1]),
        (pd.Categorical(["1", "0"]), [1, 0]),
        (pd.Series([1, 0], dtype="Int64"), [1, 0]),
    ],
)
def test_labels_are_known_by_value(cells: Any, codes: list[int]) -> None:
    assert labels(["0", "1"]).read(named({"y": cells})).tolist() == codes
    truth = labels(["false", "true"]).read(named({"y": [True, False]}))
    assert truth.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            ["cat", "dgo"],
            "n.csv, row 8, column 'y': unknown class 'dgo'; classes are: cat, dog; "
            "did you mean 'dog'?",
        ),
        (["cat", None], "n.csv, row 8, column 'y': missing class; classes are: cat, dog"),
    ],
)
def test_labels_that_are_not_known(cells: list[Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        labels(["cat", "dog"]).read(named({"y": cells}, "n.csv", 7))
    assert str(caught.value) == message


def test_one_class_is_none() -> None:
    with pytest.raises(DataError) as caught:
        labels(["a", "a"])
    assert str(caught.value) == "d.csv: target 'y' has one class, 'a'; expected two or more"


# Under pandas 2 a NUL ends a text for factorize; no CSV that is read has one.
_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5)


@given(st.lists(_TEXTS, min_size=2, max_size=12, unique=True))
def test_labels_survive(cells: list[str]) -> None:
    rows = named({"y": pd.Series(cells, dtype=object)})
    encoder = LabelEncoder.fit(rows.column("y"), Heard())
    again = LabelEncoder.from_meta(json.loads(json.dumps(asdict(encoder))))
    assert again == encoder
    assert again.decode(again.read(rows)).tolist() == cells
    assert [str(cell) for cell in again.native(again.read(rows))] == cells


def test_target_scales_as_in_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(50, 2)) * [1.0, 1e-3] + [1e6, 0.0]
    scaler = TargetScaler.fit(Y, ["a", "b"], "standardize", "d.csv", Heard())
    np.testing.assert_allclose(
        scaler.encode(Y), StandardScaler().fit_transform(Y), rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(scaler.decode(scaler.encode(Y)), Y, rtol=1e-12)
    assert TargetScaler.from_meta(json.loads(json.dumps(scaler.to_meta()))) == scaler
    plain = TargetScaler.fit(Y, ["a", "b"], "none", "d.csv", Heard())
    np.testing.assert_array_equal(plain.encode(Y), Y)
    assert plain.means == (0.0, 0.0) and plain.scales == (1.0, 1.0)


def test_predictions_are_cut_to_the_range_of_each_target() -> None:
    Y, heard = np.array([[1.0, -0.5], [5118.0, 0.25], [45400.0, 0.0]]), Heard()
    scaler = TargetScaler.fit(Y, ["price", "b"], "standardize", "d.csv", heard, clamp=True)
    assert scaler.range_of == {"price": (1.0, 45400.0), "b": (-0.5, 0.25)}
    assert heard.notes == [
        "predictions are cut to the training range of price (1 to 45400), b (-0.5 to 0.25)"
    ]
    beyond = np.array([[-7.0, 0.3], [45401.0, -np.inf], [9.5, 0.1]])
    assert scaler.cut(beyond).tolist() == [[1.0, 0.25], [45400.0, -0.5], [9.5, 0.1]]
    assert TargetScaler.from_meta(json.loads(json.dumps(scaler.to_meta()))) == scaler
    plain = TargetScaler.fit(Y, ["price", "b"], "standardize", "d.csv", heard)
    assert "ranges" not in plain.to_meta() and plain.range_of == {} and len(heard.notes) == 1
    assert plain.cut(beyond) is beyond


def test_a_constant_target() -> None:
    heard = Heard()
    scaler = TargetScaler.fit(np.full((3, 1), 7.0), ["y"], "standardize", "d.csv", heard)
    assert (scaler.means, scaler.scales) == ((7.0,), (1.0,))
    assert heard.warnings == ["d.csv: target column 'y': one value in all training rows"]


def test_targets_too_large_to_scale() -> None:
    with pytest.raises(DataError) as caught:
        TargetScaler.fit(np.array([[1.7e308], [1.6e308]]), ["y"], "standardize", "d.csv", Heard())
    assert str(caught.value) == "d.csv: target 'y': its values are too large to be scaled"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            ["1", "x"],
            "d.csv, row 3, column 'y': cannot read 'x' as a number, which a regression needs. "
            "Mend the cell, or set data.task",
        ),
        (
            [1.0, np.inf],
            "d.csv, row 3, column 'y': got inf; expected a finite number. "
            "Mend the cell, or leave it empty",
        ),
    ],
)
def test_targets_that_are_no_numbers(cells: list[Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        target_values(named({"z": [1, 2], "y": cells}, numbering=2), ["z", "y"])
    assert str(caught.value) == message


def test_target_values() -> None:
    rows = named({"a": ["1", "2.5"], "b": [3, 4], "c": [True, False]})
    found = target_values(rows, ["b", "a", "c"])
    assert found.tolist() == [[3.0, 1.0, 1.0], [4.0, 2.5, 0.0]]
    scaler = TargetScaler(("b", "a"), (0.0, 0.0), (1.0, 1.0))
    assert scaler.read(rows).tolist() == [[3.0, 1.0], [4.0, 2.5]]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            [1.0, np.nan],
            "d.csv, row 5, column 'w': got a missing cell; a weight must be a finite number >= 0",
        ),
        ([1, -2], "d.csv, row 5, column 'w': got -2; a weight must be a finite number >= 0"),
        (
            ["1", "x"],
            "d.csv, row 5, column 'w': got 'x'; a weight must be a finite number >= 0",
        ),
        (
            [1.0, np.inf],
            "d.csv, row 5, column 'w': got inf; a weight must be a finite number >= 0",
        ),
    ],
)
def test_weights_that_are_none(cells: list[Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        row_weights(column(cells, 4))
    assert str(caught.value) == message


def test_weights() -> None:
    assert row_weights(column(["0", "2.5"])).tolist() == [0.0, 2.5]


@pytest.mark.parametrize(
    ("part", "word"), [("train", "training"), ("validation", "validation"), ("test", "test")]
)
def test_a_part_without_weight(part: str, word: str) -> None:
    with pytest.raises(DataError) as caught:
        require_weight(np.zeros(2), part, "d.csv")
    assert str(caught.value) == (
        f"d.csv: every {word} row weighs 0; some must weigh more. "
        "Check data.weight, class_weight and how the rows are split"
    )


def test_class_weights() -> None:
    codes = np.array([0, 0, 0, 2, 2, 1])
    balanced = class_weights(codes, ["a", "b", "c"], "balanced", "c.yaml: class_weight")
    np.testing.assert_allclose(
        balanced[codes], compute_sample_weight("balanced", codes), rtol=1e-15
    )
    absent = class_weights(np.array([0, 2]), ["a", "b", "c"], "balanced", "x")
    assert absent[[0, 2]].tolist() == [1.0, 1.0]
    told = class_weights(codes, ["a", "1", "c"], {"1": 3.0, "a": 0.0}, "x")
    assert told.tolist() == [0.0, 3.0, 1.0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"yess": 2.0},
            "c.yaml:9:1: class_weight: unknown class 'yess'; classes are: no, yes; "
            "did you mean 'yes'?",
        ),
        (
            {"no": 0.0, "yes": 0.0},
            "c.yaml:9:1: class_weight: every row weighs 0; some class needs a weight > 0",
        ),
    ],
)
def test_class_weights_that_do_not_fit(spec: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        class_weights(np.array([0, 1]), ["no", "yes"], spec, "c.yaml:9:1: class_weight")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ([], "labels must be an object with classes, target"),
        ({"target": 1, "classes": ["a", "b"]}, "labels.target must be text"),
        ({"target": "y", "classes": ["a"]}, "labels.classes must be a list of 2 to 2000 texts"),
        (
            {"target": "y", "classes": ["a", "a"]},
            "labels.classes must be a list of different texts",
        ),
    ],
)
def test_label_meta_is_checked(meta: Any, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        LabelEncoder.from_meta(meta)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"more": 1}, "target_scaler must be an object with means, scales, targets"),
        ({"targets": [1]}, "target_scaler.targets must be a list of different texts"),
        ({"means": 1.0}, "target_scaler.means must be a list"),
        ({"means": [1.0, 2.0]}, "target_scaler must have as many means and scales as targets"),
        ({"scales": [float("inf")]}, "target_scaler.scales must be a finite number"),
        ({"scales": [0.0]}, "target_scaler.scales must be > 0"),
        ({"ranges": [[0.0, 1.0]] * 2}, "target_scaler.ranges must be as many as targets"),
        ({"ranges": [[1.0, 0.0]]}, "target_scaler.ranges must be two numbers, the smaller first"),
        ({"ranges": [[1.0]]}, "target_scaler.ranges must be two numbers, the smaller first"),
        ({"ranges": [[1.0, None]]}, "target_scaler.ranges must be a finite number"),
        ({"ranges": 1}, "target_scaler.ranges must be a list"),
        (
            {"targets": [], "means": [], "scales": []},
            "target_scaler must have as many means and scales as targets",
        ),
    ],
)
def test_scaler_meta_is_checked(change: dict[str, Any], reason: str) -> None:
    meta = {"targets": ["y"], "means": [0.0], "scales": [1.0]} | change
    with pytest.raises(ValueError) as caught:
        TargetScaler.from_meta(meta)
    assert str(caught.value) == reason
