"""Read, decide, encode: any rows with what any others taught, in any process."""

from __future__ import annotations

import dataclasses
import pickle
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
    return load_config({**keys, "data": {"path": "-", "validation": 0.25, **keys["data"]}})


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
