"""One way to score: what training shows is what the summary, `evaluate` and the model file say."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import nnfit
from nnfit.dataset.outcome import Outcome
from nnfit.inside.explanation.explaining import explain
from nnfit.table.labels import LabelEncoder
from nnfit.table.rows import NamedRows
from nnfit.table.targets import TargetScaler

if TYPE_CHECKING:
    from conftest import Commands

CASES: dict[str, dict[str, Any]] = {
    "one sigmoid output": {"data": {"target": "two"}},
    "one output of a residual loss": {"data": {"target": "two"}, "loss": "mse"},
    "softmax": {"data": {"target": "three"}},
    "several outputs of a residual loss": {"data": {"target": "three"}, "loss": "mae"},
    "a quantity": {"data": {"target": "y"}},
    "two quantities": {"data": {"target": ["y", "w"]}},
}


def table() -> pd.DataFrame:
    """Return rows of which a network gets about nine in ten right: no metric is at its end."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-2.0, 2.0, (240, 2))
    noise = rng.normal(0.0, 0.3, 240)
    return pd.DataFrame(
        {
            "x1": x[:, 0],
            "x2": x[:, 1],
            "two": np.where(x[:, 0] + noise > 0.8, "yes", "no"),
            "three": np.array(["a", "b", "c"])[np.digitize(x[:, 1] + noise, [-0.5, 1.0])],
            "y": 1000.0 * (x[:, 0] + noise),
            "w": x[:, 1] * x[:, 0],
        }
    )


@pytest.mark.parametrize("validation", [0.25, 0])
@pytest.mark.parametrize("case", CASES)
def test_the_historys_metric_at_the_best_epoch_is_the_summarys(
    case: str, validation: float
) -> None:
    settings = CASES[case]
    target = settings["data"]["target"]
    targets = target if isinstance(target, list) else [target]
    config = {
        **settings,
        "data": {
            "path": "-",
            "validation": validation,
            "include": ["x1", "x2"],
            **settings["data"],
        },
        "model": {"hidden_sizes": [8]},
        "optimizer": {"learning_rate": 0.02},
        "training": {"epochs": 12, "dtype": "float64"},
    }
    model = nnfit.train(config, table()[["x1", "x2", *targets]])
    judged = model.metrics["validation" if validation else "train"]
    assert judged is not None
    shown = model.history["metric"][model.training["best_epoch"] - 1]
    name = "rmse" if model.task == "regression" else "accuracy"
    if name == "accuracy":
        assert 0.5 < judged["accuracy"] < 1.0
    assert shown == pytest.approx(judged[name], rel=1e-9)


def test_codes_are_the_most_probable_class_also_where_outputs_leave_0_to_1() -> None:
    def outcome(*classes: str, bounded: bool) -> Outcome:
        return Outcome(
            targets=("t",),
            labels=LabelEncoder("t", classes),
            scaler=None,
            are_probabilities=bounded,
            rounded=False,
        )

    one = outcome("no", "yes", bounded=True)
    assert one.codes(np.array([[0.2], [0.5], [0.8]])).tolist() == [0, 0, 1]
    three = outcome("a", "b", "c", bounded=False)
    assert three.codes(np.array([[-1.0, 0.2, 0.1], [1.2, 1.5, 0.0]])).tolist() == [1, 0]
    assert (
        three.shown_metric(np.array([1, 1]), np.array([[-1.0, 0.2, 0.1], [1.2, 1.5, 0.0]])) == 0.5
    )


def test_numbers_of_any_size_are_written_with_nine_digits_and_read_back() -> None:
    outcome = Outcome(
        targets=("t",),
        labels=LabelEncoder("t", ("a", "b")),
        scaler=None,
        are_probabilities=True,
        rounded=True,
    )
    rng = np.random.default_rng(0)
    values = 10.0 ** rng.uniform(-307.0, 307.0, 5000) * rng.choice([-1.0, 1.0], 5000)
    odd = [0.0, 1.0, 0.1, 2.5212244099999997e-24, 5e-324, 1.7e308, np.inf, -np.inf, np.nan]
    values = np.concatenate([values, odd])
    written = outcome.written(values)
    nine = [float(f"{value:.8e}") for value in values.tolist()]
    np.testing.assert_array_equal(written, nine)
    np.testing.assert_array_equal(outcome.written(written), written)
    assert repr(float(written[-6])) == "2.52122441e-24"
    exact = dataclasses.replace(outcome, rounded=False)  # of float64 no digit is noise
    np.testing.assert_array_equal(exact.written(values), values)


@pytest.mark.parametrize("size", [1e-300, 1e-40, 1e-12, 1.0, 1e12, 1e40, 1e300])
def test_quantities_of_any_size_are_written_without_the_noise_of_float32(size: float) -> None:
    """Nine digits of the targets' scale are left, whatever power of ten that needs."""
    rng = np.random.default_rng(0)
    scaler = TargetScaler(("t",), (0.1 * size,), (size,))
    outcome = Outcome(
        targets=("t",), labels=None, scaler=scaler, are_probabilities=False, rounded=True
    )
    z = rng.standard_normal((500, 1)).astype(np.float32).astype(np.float64)
    values, exact = outcome.values(z), scaler.decode(z)
    np.testing.assert_allclose(values, exact, rtol=0.0, atol=1e-8 * size)
    assert values[:, 0].tolist() == [float(f"{value:.9e}") for value in values[:, 0]]


def test_a_clamped_model_predicts_within_the_training_range_wherever_it_predicts(
    cli: Commands, folder: Path
) -> None:
    """predict, evaluate, the metric beside the loss, inspect, explain and train's words agree."""
    frame = table()[["x1", "x2", "y"]]
    far = pd.DataFrame({"x1": [-50.0, 0.1, 50.0], "x2": [0.0] * 3, "y": [-5e4, 0.0, 4e4]})
    frame.to_csv("d.csv", index=False)
    far.to_csv("far.csv", index=False)
    config: dict[str, Any] = {
        "data": {"path": "d.csv", "target": "y", "validation": 0},
        "model": {"hidden_sizes": [], "members": 2},
        "preprocessing": {"clamp": True},
        "training": {"epochs": 3, "batch_size": 8},
        "optimizer": {"learning_rate": 0.05},
    }
    (folder / "c.yaml").write_text(json.dumps(config), encoding="utf-8")
    said = cli("train", "c.yaml", "-o", "m.npz")
    low, high = float(frame["y"].min()), float(frame["y"].max())
    told = f"training range of y ({low:.12g} to {high:.12g})"
    assert said.code == 0 and f"predictions are cut to the {told}" in " ".join(said.err.split())
    model = nnfit.load("m.npz")
    config["preprocessing"] = {}
    free = nnfit.train(config)
    assert "clamp" not in json.dumps(free.config) and free.scaler is not None
    assert "ranges" not in free.scaler.to_meta()
    np.testing.assert_array_equal(  # the network is the same, and the mean of members is cut
        model.predict(far), free.predict(far).clip(low, high)
    )
    assert model.predict(far)[[0, 2]].tolist() == [low, high]
    errors = model.predict(far) - far["y"]
    y_hat = model.outputs(NamedRows(far, "far.csv"))
    rmse = float(np.sqrt((errors**2).mean()))
    truth = far[["y"]].to_numpy()
    assert model.evaluate(far)["metrics"]["rmse"] == pytest.approx(rmse, rel=1e-9)
    assert model.outcome.shown_metric(truth, y_hat) == pytest.approx(rmse, rel=1e-6)
    assert json.loads(cli("inspect", "m.npz", "--json").out)["cut_to"] == {"y": [low, high]}
    assert told in " ".join(cli("inspect", "m.npz").out.split())


def test_explain_says_what_is_cut(folder: Path) -> None:
    config: dict[str, Any] = {
        "data": {"path": "-", "target": "y", "validation": 0},
        "model": {"hidden_sizes": []},
        "preprocessing": {"clamp": True},
        "training": {"epochs": 3, "batch_size": 8},
        "optimizer": {"learning_rate": 0.05},
    }
    frame = table()[["x1", "y"]]
    model, high = nnfit.train(config, frame), float(frame["y"].max())
    far = pd.DataFrame({"x1": [0.1, 50.0], "y": [0.0, 4e4]})
    near, beyond = (explain(model, far, row=row) for row in (1, 2))
    assert beyond["prediction"]["value"] == high
    assert not [note for note in near["notes"] if "cut" in note]
    (note,) = [note for note in beyond["notes"] if "cut" in note]
    assert note.endswith(f" is cut to {high:.6g}, the end of the training range; ŷ and the loss "
                         "are not cut")  # fmt: skip


def test_a_classifier_is_not_clamped(folder: Path) -> None:
    config = {"data": {"path": "-", "target": "two"}, "training": {"epochs": 1}}
    frame = table()[["x1", "two"]]
    clamped = nnfit.train(config | {"preprocessing": {"clamp": True}}, frame)
    np.testing.assert_array_equal(
        clamped.predict_proba(frame), nnfit.train(config, frame).predict_proba(frame)
    )
