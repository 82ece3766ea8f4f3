"""All that `evaluate` says of rows, against scikit-learn and by hand; what a metric is blind to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as reference  # type: ignore[import-untyped]
from sklearn.dummy import DummyClassifier, DummyRegressor  # type: ignore[import-untyped]

from nnfit.nn.names import BEST_METRICS, ERRORS, METRICS, OF_TWO_CLASSES, SCORES, metrics_of
from nnfit.training.metrics import (
    average_precision,
    balanced_accuracy,
    calibration_error,
    classification_metrics,
    mean,
    regression_metrics,
    verdicts,
)
from nnfit.training.scorecard import of_classes, of_quantities

Array = NDArray[Any]


def close(value: Any) -> Any:
    """Return what equals `value` up to round-off."""
    return pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True)


def drawn(seed: int, n: int, K: int, levels: int = 10**6) -> tuple[Array, Array]:
    """Return codes (n,) and probabilities (n, K), with ties where there are few levels."""
    rng = np.random.default_rng(seed)
    p = rng.integers(1, levels + 1, (n, K)).astype(float)
    return rng.integers(K, size=n), p / p.sum(axis=1, keepdims=True)


def card(codes: Array, p: Array, shares: Array | None = None) -> dict[str, Any]:
    classes = [f"c{k}" for k in range(p.shape[1])]
    return of_classes(codes, verdicts(codes, p), classes, shares)


@pytest.mark.parametrize("K", [2, 3, 8])
@pytest.mark.parametrize(("n", "levels"), [(1, 5), (9, 1), (40, 2), (400, 3), (400, 10**6)])
def test_metrics_of_classes_are_scikit_learns(n: int, levels: int, K: int) -> None:
    """One row, ties, classes that are not there, of which scikit-learn warns."""
    codes, p = drawn(n + K, n, K, levels)
    found, predicted, labels = card(codes, p), p.argmax(axis=1), list(range(K))
    kept = classification_metrics(codes, verdicts(codes, p), K)
    assert list(found)[: len(kept)] == list(kept)
    assert {name: found[name] for name in kept} == kept
    recall = reference.recall_score(
        codes, predicted, labels=np.unique(codes), average="macro", zero_division=0.0
    )
    assert found["balanced_accuracy"] == close(recall)
    assert ("average_precision" in found) == (K == 2)
    if K == 2:
        expected = None
        if codes.any():
            expected = close(reference.average_precision_score(codes, p[:, 1]))
        assert found["average_precision"] == expected
    each = reference.precision_recall_fscore_support(
        codes, predicted, labels=labels, zero_division=np.nan
    )
    names = ("precision", "recall", "f1", "support")
    for k in labels:
        of = found["per_class"][f"c{k}"]
        assert tuple(of) == names and type(of["support"]) is int
        assert [of[name] for name in names] == close([figures[k] for figures in each])


def test_the_calibration_error_is_that_of_the_definition() -> None:
    for K in (2, 4):
        codes, p = drawn(K, 500, K)
        right, sure = p.argmax(axis=1) == codes, p.max(axis=1)
        expected = 0.0
        for b in range(15):
            inside = (sure > b / 15) & (sure <= (b + 1) / 15)
            if inside.any():
                expected += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
        assert card(codes, p)["ece"] == close(expected)


def test_the_calibration_error_by_hand() -> None:
    # in (0.8, 0.867] one of two is right: |0.5 - 0.85|; in (0.933, 1] both are: |1 - 0.99|
    sure, right = np.array([0.84, 0.86, 1.0, 0.98]), np.array([True, False, True, True])
    assert calibration_error(sure, right) == close(0.5 * 0.35 + 0.5 * 0.01)
    assert calibration_error(np.full(3, 1 / 3), np.array([1, 0, 0], bool)) == 0.0
    assert calibration_error(np.array([0.0, 1.0]), np.array([True, False])) == 1.0
    # 0.4 and 0.401 are on the two sides of an edge, 6/15: each is a bin of its own
    assert calibration_error(np.array([0.4, 0.401]), np.array([True, False])) == close(0.5005)


@pytest.mark.parametrize(
    ("positive", "score", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0),
        ([1, 0, 1, 0], [0.4, 0.3, 0.2, 0.1], 0.5 + 0.5 * 2 / 3),
        ([0, 1, 0, 0], [0.5, 0.5, 0.5, 0.5], 0.25),  # a tie is one threshold
        ([1, 1], [0.1, 0.2], 1.0),
        ([0, 0], [0.1, 0.2], None),
    ],
)
def test_average_precision_by_hand(
    positive: list[int], score: list[float], expected: float | None
) -> None:
    found = average_precision(np.array(positive), np.array(score))
    assert found is None if expected is None else found == close(expected)


def test_balanced_accuracy_is_the_mean_over_the_classes_that_occur() -> None:
    assert balanced_accuracy(np.array([[8, 2, 0], [1, 0, 0], [0, 0, 0]])) == close(0.4)


@pytest.mark.parametrize("K", [2, 3])
def test_the_baseline_is_scikit_learns_dummy(K: int) -> None:
    """It says the training rows' shares of all rows, and is judged on the rows evaluated."""
    taught = np.arange(90) % (K + 1) % K
    codes, p = drawn(3, 200, K)
    shares = np.bincount(taught, minlength=K) / len(taught)
    found = card(codes, p, shares)
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((90, 1)), taught)
    X = np.zeros((200, 1))
    guess, prior = dummy.predict(X), dummy.predict_proba(X)
    expected = {
        "accuracy": reference.accuracy_score(codes, guess),
        "log_loss": reference.log_loss(codes, prior),
        "f1_macro": reference.f1_score(codes, guess, average="macro", zero_division=0.0),
        "balanced_accuracy": reference.balanced_accuracy_score(codes, guess),
        "ece": abs(prior[0].max() - (codes == guess).mean()),
    }
    if K == 2:
        expected["roc_auc"] = 0.5
        expected["average_precision"] = reference.average_precision_score(codes, prior[:, 1])
    assert found["baseline"] == close(expected)
    assert list(found["baseline"]) == metrics_of("classification", K)
    assert found["baseline_of"] == "train"
    own = card(codes, p)
    assert own["baseline_of"] == "evaluated"
    most = np.bincount(codes).max() / 200
    assert own["baseline"]["accuracy"] == most and own["baseline"]["ece"] == 0.0


def test_a_row_without_probabilities_leaves_what_is_of_codes() -> None:
    p = np.array([[0.9, 0.1], [np.nan, np.nan], [0.2, 0.8]])
    found = card(np.array([0, 0, 1]), p)
    assert found["balanced_accuracy"] == 0.75
    assert [found[name] for name in ("roc_auc", "average_precision", "ece")] == [None] * 3
    assert None not in found["baseline"].values()


@pytest.mark.parametrize("K", [1, 3])
def test_metrics_of_quantities_are_scikit_learns(K: int) -> None:
    rng = np.random.default_rng(K)
    taught, y = rng.normal(size=(50, K)), 3.0 + rng.normal(size=(40, K)) * 10.0 ** np.arange(K)
    y_hat, targets = y + rng.normal(size=(40, K)), [f"t{k}" for k in range(K)]
    found = of_quantities(y, y_hat, targets, taught.mean(axis=0))
    kept = regression_metrics(y, y_hat, targets)
    names = ["rmse", "mae", "r2", *["per_target"] * (K > 1)]
    assert list(found) == [*names, "median_ae", "baseline", "baseline_of"]
    assert [found[name] for name in names[:3]] == [kept[name] for name in names[:3]]
    assert found["median_ae"] == close(reference.median_absolute_error(y, y_hat))
    for k, target in enumerate(targets if K > 1 else ()):
        own = reference.median_absolute_error(y[:, k], y_hat[:, k])
        assert found["per_target"][target] == {**kept["per_target"][target], "median_ae": own}
    guess = DummyRegressor().fit(np.zeros((50, 1)), taught).predict(np.zeros((40, 1)))
    guess = guess.reshape(40, K)
    assert found["baseline"] == close(
        {
            "rmse": reference.root_mean_squared_error(y, guess),
            "mae": reference.mean_absolute_error(y, guess),
            "r2": reference.r2_score(y, guess),
        }
    )
    own = of_quantities(y, y_hat, targets, None)
    assert (own["baseline"]["r2"], own["baseline_of"]) == (close(0.0), "evaluated")


def test_a_mean_is_that_of_numbers_at_the_ends_of_the_range() -> None:
    y = np.array([[1.7e308, 5e-324, 1.0], [1.5e308, 5e-324, 2.0]])
    assert mean(y).tolist() == [1.6e308, 5e-324, 1.5]


def test_every_name_is_of_a_metric_that_is_worked_out() -> None:
    found = card(*drawn(0, 30, 2))
    quantities = of_quantities(np.ones((3, 1)), np.ones((3, 1)), ["t"], None)
    figures = {name for name, v in (found | quantities).items() if isinstance(v, float)}
    assert {name for task in METRICS for name in metrics_of(task)} == figures
    assert figures >= {*BEST_METRICS, *ERRORS, *OF_TWO_CLASSES} - {*SCORES.values()}
