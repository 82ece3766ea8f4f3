"""Folds, groups and time from a config and a table: what each member holds out, and what is bad."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import nnfit
from nnfit.config.reading import load_config
from nnfit.dataset.dataset import Dataset, prepare
from nnfit.errors import DataError
from nnfit.observer import Observer
from nnfit.training.streams import stream

if TYPE_CHECKING:
    from conftest import Commands

N = 120


def table() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    return pd.DataFrame(
        {
            "x": rng.normal(size=N),
            "patient": rng.integers(0, 30, N),
            "day": pd.date_range("2024-01-01", periods=N).strftime("%Y-%m-%d")[rng.permutation(N)],
            "kind": rng.choice(["a", "b", "c"], N, p=[0.6, 0.3, 0.1]),
            "w": rng.uniform(0.5, 2.0, N),
        }
    )


def config(members: int = 5, seed: int = 0, **data: Any) -> dict[str, Any]:
    named = {"path": "d.csv", "target": "kind", "validation": "folds", "exclude": ["day"]}
    return {"data": {**named, **data}, "model": {"members": members}, "seed": seed}


def prepared(tree: dict[str, Any], frame: pd.DataFrame | None = None) -> Dataset:
    file = load_config(tree)
    frame = table() if frame is None else frame
    return prepare(file, frame, stream(file.config.seed, "split"), Observer())


def folds_of(dataset: Dataset) -> np.ndarray:
    assert dataset.folds is not None
    assert dataset.folds.shape == (len(dataset.parts["train"]),)
    return dataset.folds


@pytest.mark.parametrize("test", [0.0, 0.25])
def test_every_training_row_is_held_out_by_one_member(test: float) -> None:
    dataset = prepared(config(test=test))
    assert set(dataset.parts) == {"train"} | ({"test"} if test else set())
    folds, train = folds_of(dataset), dataset.parts["train"]
    assert len(train) == N - int(test * N)
    counts = np.array([np.bincount(train.truth[folds == fold]) for fold in range(5)])
    assert np.all(np.ptp(counts, axis=0) <= 1)
    np.testing.assert_array_equal(folds, folds_of(prepared(config(test=test))))
    assert (folds != folds_of(prepared(config(test=test, seed=1)))).any()


def test_the_test_rows_are_those_of_a_fraction() -> None:
    """The test set is drawn first: it does not hang on what the rest becomes."""
    numbers = [
        prepared(config(test=0.25, validation=validation)).parts["test"].numbers
        for validation in ("folds", 0)
    ]
    np.testing.assert_array_equal(*numbers)


def test_a_test_table_of_its_own(folder: Path) -> None:
    table()[:20].to_csv("t.csv", index=False)
    dataset = prepared(config(test="t.csv"))
    assert len(folds_of(dataset)) == N and len(dataset.parts["test"]) == 20


def test_all_training_rows_teach_the_encoding() -> None:
    folds, whole = prepared(config()), prepared(config(validation=0))
    assert folds.encoding.encoder.to_meta() == whole.encoding.encoder.to_meta()
    np.testing.assert_array_equal(folds.parts["train"].X, whole.parts["train"].X)


@pytest.mark.parametrize("validation", ["folds", 0.2])
def test_groups_are_whole_and_no_input(validation: Any) -> None:
    frame = table()
    dataset = prepared(config(groups="patient", validation=validation, test=0.2), frame)
    assert "patient" not in [column.name for column in dataset.columns]
    groups = {
        name: frame["patient"].to_numpy()[part.numbers - 1] for name, part in dataset.parts.items()
    }
    sides = [set(found) for found in groups.values()]
    if dataset.folds is not None:
        sides = [set(groups["train"][dataset.folds == fold]) for fold in range(5)]
        sides.append(set(groups["test"]))
    assert sum(map(len, sides)) == len(set.union(*sides)) == frame["patient"].nunique()
    assert 0.15 * N <= len(dataset.parts["test"]) <= 0.25 * N


@pytest.mark.parametrize("validation", ["folds", 0.2])
def test_time_holds_out_the_latest(validation: Any) -> None:
    frame = table()
    dataset = prepared(config(time="day", exclude=[], validation=validation, test=0.25), frame)
    days = {name: frame["day"].to_numpy()[p.numbers - 1] for name, p in dataset.parts.items()}
    spans = [days[name] for name in ("train", "validation", "test") if name in days]
    if dataset.folds is not None:
        spans = [days["train"][dataset.folds == fold] for fold in range(5)] + [days["test"]]
        assert {len(span) for span in spans[:5]} == {18}
    assert all(max(a) < min(b) for a, b in zip(spans, spans[1:], strict=False))
    assert len(days["test"]) == 30 and [column.name for column in dataset.columns] == [
        "x", "patient", "w"
    ]  # fmt: skip


def test_a_csv_and_a_frame_have_the_same_folds(folder: Path) -> None:
    table().to_csv("d.csv", index=False)
    file = load_config(config(groups="patient"))
    from_csv = prepare(file, None, stream(0, "split"), Observer())
    np.testing.assert_array_equal(folds_of(from_csv), folds_of(prepared(config(groups="patient"))))


def test_weights_of_rows_and_classes() -> None:
    """As without folds: one table of weights, aligned with the rows and the folds."""
    tree = config(weight="w", include=["x"])
    folds = prepared({**tree, "class_weight": "balanced"})
    tree["data"]["validation"] = 0
    whole = prepared({**tree, "class_weight": "balanced"})
    np.testing.assert_array_equal(folds.parts["train"].weights, whole.parts["train"].weights)
    frame = table()
    frame.loc[folds_of(folds) == 3, "w"] = 0.0
    with pytest.raises(DataError) as caught:
        prepared(config(weight="w", include=["x"]), frame)
    assert caught.value.messages == (
        "data: every fold-4 row weighs 0; some must weigh more. Check data.weight, class_weight "
        "and how the rows are split",
    )


def test_a_feature_is_no_group() -> None:
    with pytest.raises(nnfit.NnfitError) as caught:
        prepared({**config(groups="patient"), "features": ["x", "patient"]})
    assert "'patient'" in str(caught.value) and "is data.groups" in str(caught.value)


TABLE = "x,g,t,y\n" + "".join(
    f"{i}.5,{'pqr'[i % 3]},2024-01-{i + 1:02},{'ab'[i % 2]}\n" for i in range(20)
)
FIVE = ("model.members=5", "data.validation=folds")
LOWER = "Set model.members lower, or data.validation: 0.2"
EACH = "expected one or more for each of 5 folds"
BAD: list[tuple[str, tuple[str, ...], str]] = [
    (TABLE, ("data.validation=folds",), "--set data.validation=folds: got 'folds' with "
     "model.members 1; each member holds out one fold. Set model.members to 2 or more, such as 5"),
    (TABLE, ("model.members=0",), "--set model.members=0: got 0; expected an integer from 1 to "
     "1000"),
    (TABLE, ("data.groups=y",), "--set data.groups=y: names the target 'y'"),
    (TABLE, ("data.groups=g", "data.time=t"), "--set data.time=t: spans of time cut through "
     "groups; expected one of data.time and data.groups"),
    (TABLE, ("model.members=21", "data.validation=folds"), "d.csv: got 20 rows to train on; "
     f"expected one or more for each of 21 folds. {LOWER}"),
    (TABLE.replace("4.5,q,2024-01-05,a", "4.5,q,2024-01-05,c"), FIVE,
     f"d.csv: class 'c' has 1 row to train on; {EACH}. {LOWER}"),
    (TABLE, (*FIVE, "data.groups=g"), f"d.csv: got 3 groups to train on; {EACH}. {LOWER}"),
    (TABLE, ("data.groups=gg",), "d.csv: data.groups names 'gg', but there is no such column; "
     "columns are: x, g, t, y; did you mean 'g'?"),
    (TABLE, ("data.time=when",), "d.csv: data.time names 'when', but there is no such column; "
     "columns are: x, g, t, y"),
    (TABLE.replace("3.5,p,", "3.5,,"), ("data.groups=g",), "d.csv, row 4, column 'g': got a "
     "missing cell; expected a group in every row. Mend the cell, or choose another data.groups"),
    (TABLE.replace("2024-01-07", ""), ("data.time=t",), "d.csv, row 7, column 't': got a missing "
     "cell; expected a number or an ISO date, such as 2024-03-31, in every row. Mend the cell, or "
     "choose another data.time"),
    (TABLE.replace("2024-01-07", "later"), ("data.time=t",), "d.csv, row 7, column 't': got "
     "'later'; expected a number or an ISO date, such as 2024-03-31, in every row. Mend the cell, "
     "or choose another data.time"),
    (TABLE.replace(",q,", ",p,").replace(",r,", ",p,"), ("data.groups=g",), "d.csv: 1 group is "
     "too few for validation rows beside those of training. Set data.validation: 0 and "
     "data.test: 0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "overrides", "line"), BAD)
def test_bad_input(
    cli: Commands, folder: Path, text: str, overrides: tuple[str, ...], line: str
) -> None:
    Path("d.csv").write_text(text)
    Path("c.yaml").write_text("preset: none\ndata: {path: d.csv, target: y}\n")
    result = cli("train", "c.yaml", "-q", *(word for key in overrides for word in ("--set", key)))
    said = [line for line in result.err.splitlines() if not line.startswith("nnfit: warning")]
    assert (result.code, result.out, said) == (2, "", [f"nnfit: error: {line}"])
    assert not Path("c.npz").exists()


@pytest.mark.parametrize("keys", [{"groups": "patient"}, {"time": "day", "exclude": []}])
def test_split_finds_the_rows_again(cli: Commands, folder: Path, keys: dict[str, Any]) -> None:
    frame = table()
    frame["patient"] = frame["patient"].map("{:03}".format)  # names, not numbers
    frame.to_csv("d.csv", index=False)
    tree = {**config(members=1, validation=0.2, test=0.2, **keys), "training": {"epochs": 2}}
    model = nnfit.train(tree)
    model.save("m.npz")
    for part in ("train", "validation", "test"):
        found = json.loads(cli("evaluate", "m.npz", "--split", part, "--json", "-q").out)
        assert found["rows"] == model.training["rows"][part]
        assert found["metrics"]["accuracy"] == model.metrics[part]["accuracy"]  # type: ignore[index]
    column = "patient" if "groups" in keys else "day"
    others = frame.drop(columns=[column, "kind"]).to_csv(index=False)
    assert cli("predict", "m.npz", "-", stdin=others).code == 0  # which needs no such column
    frame[column] = frame[column].to_numpy()[::-1]
    frame.to_csv("d.csv", index=False)
    result = cli("evaluate", "m.npz", "--split", "test")
    assert result.code == 2 and result.err.splitlines()[-1] == (
        f"nnfit: error: d.csv: column '{column}' is not the one that m.npz was trained with, by "
        "which its rows were split; expected the same cells. Name that CSV, or leave out --split"
    )
    frame.drop(columns=column).to_csv("d.csv", index=False)
    result = cli("evaluate", "m.npz", "--split", "test")
    key = next(iter(keys))
    assert result.code == 2 and f"data.{key} names '{column}', but there is no such" in result.err


def test_split_of_a_model_of_folds(cli: Commands, folder: Path) -> None:
    """Its test rows are found as those of a fraction; no part is the validation rows'."""
    table().to_csv("d.csv", index=False)
    model = nnfit.train({**config(members=1, validation=0, test=0.25), "training": {"epochs": 1}})
    data = {**model.config["data"], "validation": "folds"}
    dataclasses.replace(model, config={**model.config, "data": data}).save("m.npz")
    for part in ("train", "test"):
        found = json.loads(cli("evaluate", "m.npz", "--split", part, "--json", "-q").out)
        assert found["metrics"]["accuracy"] == model.metrics[part]["accuracy"]  # type: ignore[index]
    result = cli("evaluate", "m.npz", "--split", "validation")
    assert (result.code, result.err) == (
        2,
        "nnfit: error: m.npz: has no validation rows; each of its members held out a fold of the "
        "training rows (data.validation: folds). Use --split train, or leave it out\n",
    )


FOLDED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("kind", {"exclude": ["day"]}, {}),
    ("kind", {"groups": "patient", "exclude": ["day"], "test": 0.2}, {"seed": 3}),
    ("kind", {"time": "day", "weight": "w"}, {"class_weight": "balanced"}),
    ("x", {"exclude": ["day"], "test": 0.25}, {"preprocessing": {"clamp": True}}),
    (["x", "w"], {"time": "day", "test": "t.csv"}, {"seed": 1}),
]


@pytest.mark.parametrize(("target", "data", "more"), FOLDED)
def test_the_validation_rows_of_folds_are_scored_again(
    cli: Commands, folder: Path, target: Any, data: dict[str, Any], more: dict[str, Any]
) -> None:
    """As in the model: each row by the member that held it out, and by no other."""
    table().to_csv("d.csv", index=False)
    table()[::5].to_csv("t.csv", index=False)
    tree = {
        **config(members=3, **{**data, "target": target}), "training": {"epochs": 2}, **more
    }  # fmt: skip
    tree["optimizer"] = {"learning_rate": 0.1}
    if "exclude" not in data:
        del tree["data"]["exclude"]
    model = nnfit.train(tree)
    model.save("m.npz")
    found = json.loads(cli("evaluate", "m.npz", "--split", "validation", "--json", "-q").out)
    assert found["rows"] == model.training["rows"]["train"]
    for name, expected in flat(model.metrics["validation"]).items():
        assert flat(found["metrics"])[name] == pytest.approx(expected, rel=1e-5), name
    assert found["metrics"] != model.metrics["train"]


def flat(metrics: Any, name: str = "") -> dict[str, Any]:
    """Return the numbers in metrics, each under the way to it."""
    if not isinstance(metrics, dict | list):
        return {name: metrics}
    items = metrics.items() if isinstance(metrics, dict) else enumerate(metrics)
    return {k: v for key, inner in items for k, v in flat(inner, f"{name}.{key}").items()}


@pytest.mark.parametrize("kind", ["boundary", "features"])
def test_what_shows_rows_themselves_has_no_validation_rows_of_folds(
    cli: Commands, folder: Path, kind: str
) -> None:
    pytest.importorskip("matplotlib")
    table().to_csv("d.csv", index=False)
    nnfit.train({**config(members=3), "training": {"epochs": 1}}).save("m.npz")
    axes = ("--x", "x", "--y", "w") if kind == "boundary" else ("--x", "x")
    result = cli("plot", kind, "m.npz", *axes, "-o", "p.svg", "--split", "validation", "-q")
    assert result.code == 2 and result.err.splitlines()[-1] == (
        "nnfit: error: m.npz: has no validation rows; each of its members held out a fold of the "
        "training rows (data.validation: folds). Use --split train, or leave it out"
    )


def test_the_folds_of_another_table_are_not_drawn(cli: Commands, folder: Path) -> None:
    frame = table()
    frame.to_csv("d.csv", index=False)
    model = nnfit.train({**config(members=3), "training": {"epochs": 1}})
    model.save("m.npz")
    frame[::-1].to_csv("e.csv", index=False)
    result = cli("evaluate", "m.npz", "e.csv", "--split", "validation")
    assert result.code == 2 and "e.csv: is not the data that m.npz was trained on" in result.err


def test_folds_that_the_rows_do_not_give(cli: Commands, folder: Path) -> None:
    table().to_csv("d.csv", index=False)
    tree = config(members=30, validation=0)  # of its rarest class there are fewer rows
    tree["model"]["hidden_sizes"] = [1]
    model = nnfit.train({**tree, "training": {"epochs": 1}})
    data = {**model.config["data"], "validation": "folds"}
    dataclasses.replace(model, config={**model.config, "data": data}).save("m.npz")
    result = cli("evaluate", "m.npz", "--split", "validation", "-q")
    rare = int((table()["kind"] == "c").sum())
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"nnfit: error: d.csv: the model's config does not fit its rows: class 'c' has {rare} rows "
        "to train on; expected one or more for each of 30 folds\n"
    )
