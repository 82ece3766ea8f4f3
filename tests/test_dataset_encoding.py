"""Read, decide, encode: any rows with what any others taught, in any process."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nnfit.config.reading import ConfigFile, load_config
from nnfit.dataset.dataset import prepare
from nnfit.dataset.deciding import decide
from nnfit.dataset.encoding import Encoding, Part, fit_encoding
from nnfit.dataset.reading import read_to_learn
from nnfit.errors import ConfigError, DataError
from nnfit.observer import Observer

N = 60
CASES: dict[str, dict[str, Any]] = {
    "classes": {"data": {"target": "c", "include": ["x", "k"], "weight": "w"},
                "class_weight": "balanced", "features": ["*", "sin(x)"]},
    "two classes": {"data": {"target": "two"}, "preprocessing": {"numeric": "quantile"}},
    "quantities": {"data": {"target": ["y", "w"], "exclude": ["two"]}},
}  # fmt: skip


def table() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=N),
            "k": rng.choice(list("pqr"), N),
            "c": rng.choice(["a", "b", "d"], N),
            "two": rng.choice(["no", "yes"], N),
            "y": rng.normal(100.0, 20.0, N),
            "w": rng.uniform(0.5, 2.0, N),
        }
    )
    frame.loc[[3, 40], "x"] = np.nan
    frame.loc[5, ["c", "two", "y"]] = None
    return frame


def config(case: str) -> ConfigFile:
    keys = CASES[case]
    return load_config(
        {"preset": "none", **keys, "data": {"path": "-", "validation": 0.25, **keys["data"]}}
    )


def again(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def arrays(part: Part) -> list[Any]:
    return [part.X, part.Y, part.weights, part.truth, part.numbers]


def assert_same(one: Part, other: Part) -> None:
    for a, b in zip(arrays(one), arrays(other), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("case", CASES)
def test_everything_a_worker_needs_pickles(case: str) -> None:
    file, observer = config(case), Observer()
    rows = read_to_learn(file, table(), observer)
    decisions = decide(file, rows, observer)
    assert again(decisions) == decisions
    encoding = fit_encoding(file, decisions, rows, observer)
    dataset = prepare(file, table(), np.random.default_rng(0), observer)
    for name, part in dataset.parts.items():
        assert_same(again(part), part)
        assert_same(again(dataset).parts[name], part)
    # as a worker does it, with nothing but what came through a pickle
    file, decisions, rows, observer = again((file, decisions, rows, observer))
    there = fit_encoding(file, decisions, rows, observer)
    assert there.encoder.to_meta() == again(encoding).encoder.to_meta()
    assert_same(there.encode(rows, "train"), again(encoding).encode(rows, "train"))


@pytest.mark.parametrize("case", CASES)
def test_any_places_are_encoded_with_what_any_others_taught(case: str) -> None:
    file, observer = config(case), Observer()
    rows = read_to_learn(file, table(), observer)
    decisions = decide(file, rows, observer)
    folds = np.array_split(np.random.default_rng(1).permutation(len(rows)), 3)
    seen = []
    for fold in folds:
        held_out = np.sort(fold)
        rest = np.setdiff1d(np.arange(len(rows)), fold)
        encoding = fit_encoding(file, decisions, rows.take(rest), observer)
        part = encoding.encode(rows.take(held_out), "validation")
        assert part.numbers.tolist() == rows.numbers[held_out].tolist()
        everything = encoding.encode(rows)
        assert everything.weights is None
        np.testing.assert_array_equal(part.X, everything.X[held_out])
        np.testing.assert_array_equal(part.Y, everything.Y[held_out])
        np.testing.assert_array_equal(part.truth, everything.truth[held_out])
        if encoding.scaler is not None:  # it was the rest that taught
            np.testing.assert_allclose(everything.Y[rest].mean(axis=0), 0.0, atol=1e-12)
        seen += part.numbers.tolist()
    assert sorted(seen) == rows.numbers.tolist() and 6 not in seen  # row 6 has no target


def test_the_parts_are_what_the_steps_make() -> None:
    file = config("classes")
    dataset = prepare(file, table(), np.random.default_rng(0), Observer())
    rows = read_to_learn(file, table(), Observer())
    train = np.flatnonzero(np.isin(rows.numbers, dataset.parts["train"].numbers))
    encoding = fit_encoding(file, decide(file, rows, Observer()), rows.take(train), Observer())
    for name, part in dataset.parts.items():
        places = np.flatnonzero(np.isin(rows.numbers, part.numbers))
        assert_same(encoding.encode(rows.take(places), name), part)
    assert dataset.task == "classification"


def test_a_row_weighs_its_own_weight_times_its_classes() -> None:
    file, observer = config("classes"), Observer()
    rows = read_to_learn(file, table(), observer)
    part = fit_encoding(file, decide(file, rows, observer), rows, observer).encode(rows, "train")
    cells = rows.frame["c"]
    expected = rows.frame["w"] * len(rows) / (3 * cells.map(cells.value_counts()))
    assert part.weights is not None
    shares = part.weights / part.weights.sum()
    np.testing.assert_allclose(shares, expected / expected.sum(), rtol=1e-13)


def test_weights_are_asked_for_as_a_part() -> None:
    file = config("classes")
    frame = table().assign(w=0.0)
    rows = read_to_learn(file, frame, Observer())
    encoding: Encoding = fit_encoding(file, decide(file, rows, Observer()), rows, Observer())
    assert encoding.encode(rows).weights is None
    with pytest.raises(DataError) as caught:
        encoding.encode(rows, "test")
    assert str(caught.value) == (
        "data: every test row weighs 0; some must weigh more. "
        "Check data.weight, class_weight and how the rows are split"
    )
    without = dataclasses.replace(rows, frame=rows.frame.drop(columns="w"))
    with pytest.raises(DataError, match="^data: no column 'w', which data.weight names$"):
        encoding.encode(without, "validation")


def test_a_head_that_does_not_fit_is_told_after_the_columns() -> None:
    heard: list[str] = []

    class Heard(Observer):
        def warning(self, text: str) -> None:
            heard.append(text)

    keys = {"data": {"path": "-", "target": "y", "include": ["x", "one"]}, "loss": "cross_entropy"}
    with pytest.raises(ConfigError, match="loss: cross_entropy needs classes, the target 'y'"):
        prepare(load_config(keys), table().assign(one=1), np.random.default_rng(0), Heard())
    assert heard[-1] == "data: column 'one' dropped: one value in all training rows"


# Cells that a reader without the decision would take for numbers or truth values.
CODES = ["007", "7", "1E5", "100000", "+1", "123456789012345678", "123456789012345679", "1.50",
         "True", "-0", " 5", "0x1f"]  # fmt: skip


@pytest.mark.parametrize("part", ["validation", "test"])
@pytest.mark.parametrize("codes", [CODES, CODES[:2], CODES[2:5], CODES[5:7], ["True", "False"]])
def test_a_held_out_csv_is_read_by_what_was_decided(
    codes: list[str], part: str, tmp_path: Path
) -> None:
    rows = [f"{code},{k}" for k, code in enumerate([*codes, *["x-y"] * len(codes)])]
    (tmp_path / "d.csv").write_text("\n".join(["code,y", *rows]) + "\n", encoding="utf-8")
    held = [f"{code},{k}" for k, code in enumerate(codes)]
    (tmp_path / "h.csv").write_text("\n".join(["code,y", *held]) + "\n", encoding="utf-8")
    data = {"path": str(tmp_path / "d.csv"), "target": "y", "validation": 0}
    file = load_config({"preset": "none", "data": {**data, part: str(tmp_path / "h.csv")}})
    dataset = prepare(file, None, np.random.default_rng(0), Observer())
    np.testing.assert_array_equal(dataset.parts[part].X, dataset.parts["train"].X[: len(codes)])
    assert (dataset.parts[part].X.sum(axis=1) > 0.0).all()  # every category is known


def test_labels_of_a_held_out_csv_are_read_as_they_are_spelt(tmp_path: Path) -> None:
    """`1` and `01` are two classes, in a CSV where all labels are numbers too."""
    lines = ["x,y", *(f"{k},{('1', '01', 'b', 'c')[k % 4]}" for k in range(12))]
    (tmp_path / "d.csv").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "h.csv").write_text("x,y\n0,01\n1,1\n", encoding="utf-8")
    data = {"path": str(tmp_path / "d.csv"), "target": "y", "validation": str(tmp_path / "h.csv")}
    dataset = prepare(
        load_config({"preset": "none", "data": data}), None, np.random.default_rng(0), Observer()
    )
    assert dataset.labels is not None
    assert dataset.labels.decode(dataset.parts["validation"].truth).tolist() == ["01", "1"]


def test_unseen_cells_of_a_held_out_csv_are_counted_and_told(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("k,x,y\na,1,1\nb,2,2\na,3,3\n", encoding="utf-8")
    (tmp_path / "h.csv").write_text("k,x,y\nc,1,1\nd,,2\na,3,3\n", encoding="utf-8")
    path = str(tmp_path / "h.csv")
    data = {"path": str(tmp_path / "d.csv"), "target": "y", "validation": path}
    heard: list[str] = []
    observer = Observer()
    observer.warning = heard.append  # type: ignore[method-assign]
    prepare(load_config({"preset": "none", "data": data}), None, np.random.default_rng(0), observer)
    assert heard == [
        f"{path}: column 'k': 2 cells of categories not seen in training, counted as no category",
        f"{path}: column 'x': 1 cell missing, filled with 2; training had none missing there",
    ]


@pytest.mark.parametrize(
    ("header", "named", "shown"),
    [
        (" k , y ", {"target": "y", "categorical": ["k"]}, [("' k '", "'k'"), ("' y '", "'y'")]),
        ("gro\u0308\u00dfe,y", {"target": "y", "include": ["gr\u00f6\u00dfe"]},
         [("'gro\\u0308\\xdfe'", "'gr\\xf6\\xdfe'")]),
        ("\u200bk,y", {"target": "y", "include": ["k"]}, [("'\\u200bk'", "'k'")]),
    ],
)  # fmt: skip
def test_a_column_that_only_looks_like_the_one_named_is_it(
    header: str, named: dict[str, Any], shown: list[tuple[str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "d.csv"
    path.write_text(header + "\n1,2.5\n2,3.5\n3,4.5\n", encoding="utf-8")
    data = {"path": str(path), "validation": 0, **named}
    dataset = prepare(
        load_config({"preset": "none", "data": data}), None, np.random.default_rng(0), Observer()
    )
    said = [f"{path}: column {there} is read as {name}" for there, name in shown]
    assert [note for note in dataset.notes if "is read as" in note] == said


def test_a_feature_finds_the_column_that_looks_like_it(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(" gro\u0308\u00dfe , a b\u00a0,y\n1,2,2.5\n2,4,3.5\n", encoding="utf-8")
    file = {"data": {"path": str(path), "target": "y", "validation": 0}, "preset": "none",
            "features": ["gr\u00f6\u00dfe**2", "`a b`"]}  # fmt: skip
    dataset = prepare(load_config(file), None, np.random.default_rng(0), Observer())
    assert dataset.encoding.encoder.input_names == ["gr\u00f6\u00dfe**2", "a b"]


def test_categories_that_look_alike_are_told_with_counts(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    cells = ["no", "no ", "no", "yes", "Yes", "3.1", "3.10"]
    path.write_text("k,y\n" + "".join(f"{k},{i}\n" for i, k in enumerate(cells)), encoding="utf-8")
    heard: list[str] = []
    observer = Observer()
    observer.warning = heard.append  # type: ignore[method-assign]
    data = {"path": str(path), "target": "y", "validation": 0}
    prepare(load_config({"preset": "none", "data": data}), None, np.random.default_rng(0), observer)
    assert heard == [
        f"{path}: column 'k' spells one category in several ways, which are kept apart: "
        "'no' (2 rows), 'no ' (1 row); 'Yes' (1 row), 'yes' (1 row). Mend the cells if they are one"
    ]


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        ([0.0, 1.0, 1.0, 0.0], "classification"),
        ([0.0, 1.0, None, 0.0], "classification"),
        ([0, 1, 1, 0], "classification"),
        ([1.0, 2.0, 2.5, 1.0], "regression"),
        ([float(k) for k in range(21)], "regression"),
        (["a", "b", None, "a"], "classification"),
        ([True, False, None, True], "classification"),
    ],
)
def test_a_csv_and_the_same_table_as_a_frame_set_the_same_task(
    cells: list[Any], task: str, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"x": range(len(cells)), "y": cells})
    frame.to_csv(tmp_path / "d.csv", index=False)
    data = {"path": str(tmp_path / "d.csv"), "target": "y", "validation": 0}
    made = []
    for table in (None, frame):
        file = load_config({"preset": "none", "data": data})
        made.append(prepare(file, table, np.random.default_rng(0), Observer()))
    assert [dataset.task for dataset in made] == [task, task]
    assert made[0].n_outputs == made[1].n_outputs
    np.testing.assert_array_equal(made[0].parts["train"].Y, made[1].parts["train"].Y)


@pytest.mark.parametrize("class_weight", ["balanced", {"a": 3.0}])
def test_held_out_rows_weigh_by_the_classes_of_the_training_rows(
    class_weight: Any, tmp_path: Path
) -> None:
    """A validation CSV of other frequencies: the loss is still that of the training rows' world."""
    frame = pd.DataFrame({"x": range(20), "y": ["a"] * 4 + ["b"] * 16})
    frame.iloc[[0, 1, 2, 3, 4]].to_csv(tmp_path / "v.csv", index=False)
    data = {"path": "-", "target": "y", "validation": str(tmp_path / "v.csv")}
    file = load_config({"preset": "none", "data": data, "class_weight": class_weight})
    parts = prepare(file, frame, np.random.default_rng(0), Observer()).parts
    rare, common = (2.5, 0.625) if class_weight == "balanced" else (3.0, 1.0)
    assert parts["train"].weights is not None and parts["validation"].weights is not None
    assert parts["train"].weights.tolist() == [rare] * 4 + [common] * 16
    assert parts["validation"].weights.tolist() == [rare] * 4 + [common]
