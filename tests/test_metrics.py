"""Metrics against scikit-learn, on random rows and on the degenerate ones."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as reference  # type: ignore[import-untyped]

from nnfit.training.metrics import (
    classification_metrics,
    confusion_matrix,
    f1_macro,
    log_loss,
    r2,
    regression_metrics,
    roc_auc,
    verdicts,
)

Array = NDArray[Any]


def _close(value: float) -> Any:
    """Return what equals `value` up to round-off."""
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def _probabilities(rng: np.random.Generator, n: int, K: int) -> Array:
    z = np.exp(2.0 * rng.normal(size=(n, K)))
    return np.asarray(z / z.sum(axis=1, keepdims=True))


# --- classification ---------------------------------------------------------------------------


@pytest.mark.parametrize("K", [2, 3, 7])
@pytest.mark.parametrize("n", [1, 2, 10, 500])
def test_classification_metrics_are_scikit_learns(n: int, K: int) -> None:
    rng = np.random.default_rng(100 * n + K)
    codes, p = rng.integers(K, size=n), _probabilities(rng, n, K)
    found = classification_metrics(codes, verdicts(codes, p), p.shape[1])
    predicted, labels = p.argmax(axis=1), list(range(K))
    assert found["accuracy"] == _close(reference.accuracy_score(codes, predicted))
    assert found["log_loss"] == _close(reference.log_loss(codes, p, labels=labels))
    f1 = reference.f1_score(codes, predicted, average="macro", zero_division=0.0)
    assert found["f1_macro"] == _close(f1)
    expected = reference.confusion_matrix(codes, predicted, labels=labels)
    assert found["confusion_matrix"] == expected.tolist()
    assert ("roc_auc" in found) == (K == 2)
    if K == 2 and len(set(codes)) == 2:
        auc = reference.roc_auc_score(codes, p[:, 1])
        assert found["roc_auc"] == _close(auc)


def test_a_class_never_predicted_and_a_class_that_is_absent() -> None:
    # class 1 occurs and is never predicted; class 2 is predicted and never occurs; 3 neither
    codes, predicted = np.array([0, 0, 1, 1, 0]), np.array([0, 2, 0, 0, 0])
    confusion = confusion_matrix(codes, predicted, 4)
    assert confusion.tolist() == [[2, 0, 1, 0], [2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    expected = reference.f1_score(codes, predicted, average="macro", zero_division=0.0)
    assert f1_macro(confusion) == _close(expected)
    # by hand: class 0 has 2tp/(2tp + fp + fn) = 4/7, classes 1 and 2 have 0
    assert f1_macro(confusion) == _close(4.0 / 21.0)


def test_roc_auc_with_ties_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    for n in (5, 50, 500):
        positive = np.arange(n) % 3 == 0
        score = rng.integers(4, size=n) / 4.0
        found = roc_auc(positive, score)
        assert found == _close(reference.roc_auc_score(positive, score))


@pytest.mark.parametrize(
    "positive, score, expected",
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], 0.0),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5),
        ([0, 1], [0.3, 0.3], 0.5),
        ([0, 1, 1], [0.2, 0.2, 0.4], 0.75),  # one tie of the two pairs
        ([1, 1, 1], [0.1, 0.2, 0.3], None),
        ([0, 0], [0.1, 0.2], None),
    ],
)
def test_roc_auc_by_hand(positive: list[int], score: list[float], expected: float | None) -> None:
    assert roc_auc(np.array(positive), np.array(score)) == expected


def test_log_loss_of_certainty_is_finite_and_scikit_learns() -> None:
    codes = np.array([0, 1, 1])
    p = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])  # right, right, wrong
    found = log_loss(verdicts(codes, p)[:, 1])
    assert found == _close(reference.log_loss(codes, p))
    assert found == _close(-math.log(np.finfo(np.float64).eps) / 3.0)


def test_a_row_without_probabilities_is_wrong() -> None:
    p = np.array([[0.9, 0.1], [np.nan, np.nan], [np.nan, np.nan], [0.2, 0.8]])
    codes = np.array([0, 0, 1, 1])
    found = classification_metrics(codes, verdicts(codes, p), 2)
    assert found["accuracy"] == 0.5
    assert found["confusion_matrix"] == [[1, 1], [1, 1]]
    assert found["log_loss"] is None and found["roc_auc"] is None
    assert np.isnan(p[1]).all()  # what was given is left as it is


def test_metrics_are_computed_in_float64() -> None:
    rng = np.random.default_rng(1)
    codes, p = rng.integers(3, size=2000), _probabilities(rng, 2000, 3).astype(np.float32)
    exact = -np.log(p[np.arange(2000), codes].astype(np.float64)).mean()
    assert log_loss(verdicts(codes, p)[:, 1]) == _close(exact)
    y, y_hat = 1e4 * rng.random((2000, 1)), rng.random((2000, 1))
    single = regression_metrics(y.astype(np.float32), y_hat.astype(np.float32), ["t"])
    e = y.astype(np.float32).astype(np.float64) - y_hat.astype(np.float32)
    assert single["rmse"] == _close(float(np.sqrt((e**2).mean())))
    assert single["mae"] == _close(float(np.abs(e).mean()))


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 60),
    K=st.integers(2, 6),
    occurring=st.integers(1, 6),
    predicted=st.integers(1, 6),
    levels=st.sampled_from([1, 2, 3, 10, 10**6]),
)
def test_any_classification_is_scored_as_by_scikit_learn(
    seed: int, n: int, K: int, occurring: int, predicted: int, levels: int
) -> None:
    """Ties, classes that never occur, classes never predicted, one row, one class."""
    rng = np.random.default_rng(seed)
    labels = list(range(K))
    codes = rng.choice(rng.permutation(K)[:occurring], n)
    p = rng.integers(1, levels + 1, (n, K)).astype(np.float64)
    p[:, rng.permutation(K)[min(predicted, K) :]] = 0.0
    p /= p.sum(axis=1, keepdims=True)
    found = classification_metrics(codes, verdicts(codes, p), p.shape[1])
    guess = p.argmax(axis=1)
    assert found["accuracy"] == _close(reference.accuracy_score(codes, guess))
    f1 = reference.f1_score(codes, guess, average="macro", zero_division=0.0)
    assert found["f1_macro"] == _close(f1)
    assert found["log_loss"] == _close(reference.log_loss(codes, p, labels=labels))
    expected = reference.confusion_matrix(codes, guess, labels=labels)
    assert found["confusion_matrix"] == expected.tolist()
    if K == 2:
        both = len(set(codes.tolist())) == 2
        auc = reference.roc_auc_score(codes, p[:, 1]) if both else None
        assert found["roc_auc"] == (_close(auc) if both else None)


# --- regression -------------------------------------------------------------------------------


@pytest.mark.parametrize("K", [1, 2, 5])
@pytest.mark.parametrize("n", [2, 3, 400])
def test_regression_metrics_are_scikit_learns(n: int, K: int) -> None:
    rng = np.random.default_rng(10 * n + K)
    y = rng.normal(size=(n, K)) * 10.0 ** np.arange(K)
    y_hat = y + rng.normal(size=(n, K))
    targets = [f"t{k}" for k in range(K)]
    found = regression_metrics(y, y_hat, targets)
    assert found["rmse"] == _close(reference.root_mean_squared_error(y, y_hat))
    assert found["mae"] == _close(reference.mean_absolute_error(y, y_hat))
    assert found["r2"] == _close(reference.r2_score(y, y_hat))
    assert ("per_target" in found) == (K > 1)
    for k, target in enumerate(targets if K > 1 else []):
        each = found["per_target"][target]
        alone = regression_metrics(y[:, [k]], y_hat[:, [k]], [target])
        assert each == alone


@pytest.mark.parametrize("value", [3.0, 0.1])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_r2_of_a_constant_target_is_one_when_met_and_else_zero(n: int, value: float) -> None:
    y = np.full(n, value)
    assert r2(y, y.copy()) == 1.0
    assert r2(y, y + 0.5) == 0.0


def test_r2_of_a_constant_target_is_scikit_learns() -> None:
    y = np.full(4, 3.0)
    for y_hat in (y, y + np.array([0.0, 0.0, 0.0, 1.0])):
        assert r2(y, y_hat) == reference.r2_score(y, y_hat)


def test_r2_needs_two_rows() -> None:
    assert r2(np.ones(1), np.ones(1)) is None
    one_row = regression_metrics(np.ones((1, 2)), np.zeros((1, 2)), ["a", "b"])
    assert (one_row["rmse"], one_row["mae"], one_row["r2"]) == (1.0, 1.0, None)


def test_r2_of_the_mean_is_zero_and_of_worse_negative() -> None:
    y = np.array([1.0, 2.0, 3.0])
    assert r2(y, np.full(3, 2.0)) == 0.0
    assert r2(y, y[::-1].copy()) == -3.0  # residual 8, spread 2


def test_metrics_are_python_numbers() -> None:
    rng = np.random.default_rng(2)
    codes, p = rng.integers(2, size=20), _probabilities(rng, 20, 2)
    found = classification_metrics(codes, verdicts(codes, p), p.shape[1])
    kinds = {name: type(value) for name, value in found.items()}
    assert kinds.pop("confusion_matrix") is list
    assert set(kinds.values()) == {float}
    y = rng.normal(size=(20, 1))
    assert {type(v) for v in regression_metrics(y, 2.0 * y, ["t"]).values()} == {float}


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 60),
    K=st.integers(1, 4),
    exponent=st.integers(-300, 300),
    centre=st.sampled_from([0.0, 1.0, 1e3, -1e5]),
    noise=st.sampled_from([0.0, 1e-6, 1.0, 1e6]),
    levels=st.sampled_from([1, 2, 10**6]),
)
def test_any_regression_is_scored_as_by_scikit_learn(
    seed: int, n: int, K: int, exponent: int, centre: float, noise: float, levels: int
) -> None:
    """Constant targets, exact predictions, bad ones, one row, units of any size."""
    rng = np.random.default_rng(seed)
    unit = 2.0**exponent
    y = (centre + rng.integers(levels, size=(n, K)) / levels) * unit
    y_hat = y + noise * unit * rng.normal(size=(n, K))
    targets = [f"t{k}" for k in range(K)]
    found = regression_metrics(y, y_hat, targets)
    rmse, mae = reference.root_mean_squared_error, reference.mean_absolute_error
    assert found["rmse"] == pytest.approx(rmse(y, y_hat), rel=1e-12, abs=0.0)
    assert found["mae"] == pytest.approx(mae(y, y_hat), rel=1e-12, abs=0.0)
    if n < 2:
        assert found["r2"] is None
        return
    assert found["r2"] == pytest.approx(reference.r2_score(y, y_hat), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("unit", [5e-324, 1e-310, 1e-300, 1e-160, 1e160, 1e300, 1e307])
def test_units_at_the_ends_of_the_range_are_no_matter(unit: float) -> None:
    y, y_hat = np.array([[1.0], [2.0], [4.0], [5.0]]), np.array([[1.0], [3.0], [4.0], [3.0]])
    one = regression_metrics(y, y_hat, ["t"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = regression_metrics(y * unit, y_hat * unit, ["t"])
    assert (one["r2"], found["r2"]) == (_close(0.5), _close(0.5))  # residual 5, spread 10
    # a number near the smallest is rounded to a whole multiple of it
    assert found["rmse"] == pytest.approx(one["rmse"] * unit, rel=1e-12, abs=5e-324)
    assert found["mae"] == pytest.approx(one["mae"] * unit, rel=1e-12, abs=5e-324)


def test_metrics_beyond_float64_are_none() -> None:
    y, y_hat = np.array([[-1.7e308], [1.7e308]]), np.array([[1.7e308], [-1.7e308]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = regression_metrics(y, y_hat, ["t"])
        assert found == {"rmse": None, "mae": None, "r2": -3.0}
        assert r2(np.array([1e-200, 0.0]), np.array([1e200, 0.0])) is None
        assert regression_metrics(y, np.full((2, 1), np.inf), ["t"])["rmse"] is None


def test_a_spread_that_is_small_beside_the_mean_is_the_exact_one() -> None:
    y = 1e15 + np.array([0.0, 1.0, 2.0, 4.0])
    # mean 1.75, spread 8.75, residual 1
    assert r2(y, y + np.array([1.0, 0.0, 0.0, 0.0])) == pytest.approx(1.0 - 1.0 / 8.75, rel=1e-15)
