"""One way to score: what training shows is what the summary, `evaluate` and the model file say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import nnfit
from nnfit.dataset.outcome import Outcome
from nnfit.table.labels import LabelEncoder

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
