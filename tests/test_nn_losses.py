"""Losses against closed forms written row by row, weights, extreme logits, and their deltas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nnfit.gradcheck.numeric import COMPLEX_STEP
from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.arrays import negligible
from nnfit.nn.losses import RESIDUAL_LOSSES, PointwiseHead, make_head, softmax
from nnfit.nn.names import LOSSES, OUTPUT_ACTIVATIONS

Array = NDArray[Any]
SHARES = np.array([0.1, 0.4, 0.0, 0.3, 0.2])

PAIRS = [(loss, name) for loss in RESIDUAL_LOSSES for name in OUTPUT_ACTIVATIONS]
PAIRS += [("binary_cross_entropy", "sigmoid"), ("cross_entropy", "softmax")]


def _loss(loss: str, activation: str, z: Array, Y: Array, share: Any) -> tuple[Any, Array]:
    delta = np.full_like(z, 7.0)
    head, kept = make_head(loss, activation), z.copy()
    head.delta(z, Y, share, delta)
    value = (head.losses(z, Y) * share).sum()
    np.testing.assert_array_equal(z, kept)  # the logits are left alone
    return value, delta


def _targets(loss: str, rng: np.random.Generator, K: int = 3, N: int = 5) -> Array:
    if loss == "cross_entropy":
        return np.eye(K)[rng.integers(K, size=N)].T
    if loss == "binary_cross_entropy":
        return rng.integers(2, size=(K, N)).astype(float)
    return rng.normal(size=(K, N))


def _squared(e: float) -> float:
    return e * e


def _huber(e: float) -> float:
    return e * e / 2.0 if abs(e) <= 1.0 else abs(e) - 0.5


def _mean_of(term: Callable[[float], float], e: Array, share: Array) -> float:
    """Return sum_i share_i * (mean over outputs of term), number by number."""
    K, N = e.shape
    rows = [sum(term(e[k, i]) for k in range(K)) / K for i in range(N)]
    return float(sum(s * row for s, row in zip(share, rows, strict=True)))


TERMS: dict[str, Callable[[float], float]] = {"mse": _squared, "mae": abs, "huber": _huber}


def test_every_loss_of_the_residual_has_a_formula_here() -> None:
    assert set(TERMS) == set(RESIDUAL_LOSSES)


@pytest.mark.parametrize("share", [np.full(5, 0.2), SHARES])
@pytest.mark.parametrize("loss, term", TERMS.items())
def test_residual_losses_are_the_mean_over_outputs_and_rows(
    loss: str, term: Callable[[float], float], share: Array
) -> None:
    rng = np.random.default_rng(1)
    z, Y = 2.0 * rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    value, _ = _loss(loss, "identity", z, Y, share)
    assert float(value) == pytest.approx(_mean_of(term, z - Y, share), rel=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_shows_a_number_in_its_docstring(loss: str) -> None:
    head = make_head(loss, LOSSES[loss].output_activation)
    value = head.value if isinstance(head, PointwiseHead) else head
    assert ">>> " in (getattr(value, "func", value).__doc__ or "")


def test_mse_has_no_half_and_no_minus() -> None:
    value, delta = _loss("mse", "identity", np.array([[3.0]]), np.array([[1.0]]), 1.0)
    assert float(value) == 4.0  # (3 - 1)^2
    assert delta.tolist() == [[4.0]]  # 2 (3 - 1)


def test_mae_and_huber_at_their_corners() -> None:
    z, Y = np.array([[0.0, 1.0, -1.0, 2.0]]), np.zeros((1, 4))
    value, delta = _loss("mae", "identity", z, Y, 1.0)
    assert (float(value), delta.tolist()) == (4.0, [[0.0, 1.0, -1.0, 1.0]])
    value, delta = _loss("huber", "identity", z, Y, 1.0)
    assert (float(value), delta.tolist()) == (0.0 + 0.5 + 0.5 + 1.5, [[0.0, 1.0, -1.0, 1.0]])


def test_the_minus_of_binary_cross_entropy_covers_both_terms() -> None:
    p = 0.75
    z = np.array([[math.log(p / (1.0 - p))]])
    for y, expected in (
        (1.0, -math.log(0.75)),
        (0.0, -math.log(0.25)),
        (0.5, -0.5 * (math.log(0.75) + math.log(0.25))),
    ):
        value, _ = _loss("binary_cross_entropy", "sigmoid", z, np.array([[y]]), 1.0)
        assert float(value) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("share", [0.2, SHARES])
def test_sigmoid_cross_entropy_fused_is_unfused(share: Any) -> None:
    rng = np.random.default_rng(2)
    z, Y = 3.0 * rng.normal(size=(3, 5)), _targets("binary_cross_entropy", rng)
    value, delta = _loss("binary_cross_entropy", "sigmoid", z, Y, share)
    p = 1.0 / (1.0 + np.exp(-z))
    terms = -(Y * np.log(p) + (1.0 - Y) * np.log(1.0 - p))
    assert float(value) == pytest.approx(float((terms.mean(axis=0) * share).sum()), rel=1e-12)
    dp = (-Y / p + (1.0 - Y) / (1.0 - p)) * share / 3.0  # dL/dy_hat, the mean over 3 outputs
    np.testing.assert_allclose(delta, dp * p * (1.0 - p), rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(delta, (p - Y) * share / 3.0, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("share", [0.2, SHARES])
def test_softmax_cross_entropy_fused_is_unfused(share: Any) -> None:
    rng = np.random.default_rng(3)
    z, Y = 3.0 * rng.normal(size=(3, 5)), _targets("cross_entropy", rng)
    value, delta = _loss("cross_entropy", "softmax", z, Y, share)
    p = np.exp(z) / np.exp(z).sum(axis=0)
    assert float(value) == pytest.approx(float((-(Y * np.log(p)).sum(axis=0) * share).sum()))
    # dL/dz_k = sum_j dL/dp_j p_j ([j = k] - p_k), the Jacobian written out
    unfused = np.zeros_like(z)
    for i in range(5):
        J = np.diag(p[:, i]) - np.outer(p[:, i], p[:, i])
        unfused[:, i] = J @ (-Y[:, i] / p[:, i]) * np.broadcast_to(share, 5)[i]
    np.testing.assert_allclose(delta, unfused, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(delta, (p - Y) * share, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("loss", sorted(RESIDUAL_LOSSES))
def test_the_short_way_of_the_identity_is_the_long_one(
    loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ACTIVATIONS, "long way", ACTIVATIONS["identity"])
    rng = np.random.default_rng(4)
    z, Y = 2.0 * rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    short, short_delta = _loss(loss, "identity", z, Y, SHARES)
    long, long_delta = _loss(loss, "long way", z, Y, SHARES)
    assert short == long
    np.testing.assert_array_equal(short_delta, long_delta)


@pytest.mark.parametrize("share", [0.2, SHARES])
@pytest.mark.parametrize("loss, activation", PAIRS)
def test_delta_is_the_complex_step_of_the_loss(loss: str, activation: str, share: Any) -> None:
    rng = np.random.default_rng(5)
    z, Y = rng.normal(size=(3, 5)), _targets(loss, rng)
    _, delta = _loss(loss, activation, z, Y, share)
    numeric = np.empty_like(z)
    for place in np.ndindex(*z.shape):
        stepped = z.astype(complex)
        stepped[place] += 1j * COMPLEX_STEP
        numeric[place] = _loss(loss, activation, stepped, Y, share)[0].imag / COMPLEX_STEP
    np.testing.assert_allclose(delta, numeric, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("loss, activation", PAIRS)
def test_a_row_of_weight_two_is_a_row_told_twice(loss: str, activation: str) -> None:
    rng = np.random.default_rng(6)
    z, Y = rng.normal(size=(3, 4)), _targets(loss, rng, N=4)
    weighted, _ = _loss(loss, activation, z, Y, np.array([1.0, 2.0, 0.0, 1.0]) / 4.0)
    told = [0, 1, 1, 3]
    repeated, _ = _loss(loss, activation, z[:, told], Y[:, told], 0.25)
    assert float(weighted) == pytest.approx(float(repeated), rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e3, 1e4])
def test_extreme_logits_of_sigmoid_cross_entropy(size: float, dtype: Any) -> None:
    z: Array = np.array([[size, size, -size, -size]], dtype)
    Y: Array = np.array([[1.0, 0.0, 1.0, 0.0]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for i, expected in enumerate((0.0, size, size, 0.0)):
            value, delta = _loss(
                "binary_cross_entropy", "sigmoid", z[:, [i]], Y[:, [i]], dtype(1.0)
            )
            assert float(value) == expected
            assert delta.dtype == dtype
            assert delta.item() == (0.0 if expected == 0.0 else 1.0 - 2.0 * Y[0, i])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits_of_softmax_cross_entropy(dtype: Any) -> None:
    z: Array = np.array([[1e4], [-1e4], [0.0]], dtype)
    for true_class, expected in enumerate((0.0, 2e4, 1e4)):
        Y: Array = np.eye(3, dtype=dtype)[:, [true_class]]
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            value, delta = _loss("cross_entropy", "softmax", z, Y, dtype(1.0))
        assert float(value) == expected
        np.testing.assert_array_equal(delta, np.eye(3)[:, [0]] - Y)


def test_each_row_of_softmax_has_its_own_largest_logit() -> None:
    # 2e4 apart: against a common maximum the second row would be exp(-2e4) = 0 everywhere
    z, Y = np.array([[1e4, -1e4], [1e4, -1e4 + math.log(3.0)]]), np.array([[1.0, 1.0], [0.0, 0.0]])
    value, delta = _loss("cross_entropy", "softmax", z, Y, 0.5)
    assert float(value) == pytest.approx(0.5 * (math.log(2.0) + math.log(4.0)), rel=1e-12)
    np.testing.assert_allclose(delta, [[-0.25, -0.375], [0.25, 0.375]], rtol=1e-11)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax", "tanh", "softplus"])
@pytest.mark.parametrize("loss", sorted(RESIDUAL_LOSSES))
def test_extreme_logits_of_bounded_outputs(loss: str, activation: str) -> None:
    z, Y = np.array([[1e4, -1e4], [-1e4, 1e4]]), np.zeros((2, 2))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, delta = _loss(loss, activation, z, Y, 0.5)
    assert np.isfinite(value) and np.isfinite(delta).all()


def test_softmax_by_hand_and_far_out() -> None:
    z = np.array([[0.0, 1e4], [math.log(3.0), 1e4]])
    y_hat = np.empty_like(z)
    softmax(z, y_hat)
    np.testing.assert_allclose(y_hat, [[0.25, 0.5], [0.75, 0.5]], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_the_softmax_of_a_delta_has_0_for_what_is_negligible_and_else_the_same_bits(
    dtype: Any,
) -> None:
    least, info = negligible(dtype), np.finfo(dtype)
    depth = np.linspace(0.0, 1.2 * math.log(info.tiny * info.eps), 400)
    z: Array = np.stack([np.zeros(400), depth, depth - 1.0]).astype(dtype)
    if dtype is np.complex128:
        z[1] += 1j * COMPLEX_STEP
    y_hat, plain = np.empty_like(z), np.empty_like(z)
    softmax(z, y_hat, truncated=True)
    softmax(z, plain)
    counts = (z - z[0]).real >= math.log(least)
    assert 0.3 < counts[1:].mean() < 0.7
    np.testing.assert_array_equal(y_hat[counts].real, plain[counts].real)
    np.testing.assert_allclose(y_hat[counts].imag, plain[counts].imag, rtol=1e-15, atol=1e-180)
    np.testing.assert_array_equal(y_hat[~counts], 0.0)  # the imaginary part too
    assert (0.0 < np.abs(plain.real[~counts])).any()
    kept = y_hat[1][counts[1]]
    assert kept.real.min() < 10.0 * least  # and a complex step comes through to there
    assert dtype is not np.complex128 or (kept.imag[1:] > 0.5 * COMPLEX_STEP * kept.real[1:]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss, activation", PAIRS)
def test_a_delta_is_0_or_far_above_the_least_normal_number(
    loss: str, activation: str, dtype: Any
) -> None:
    end = 1.2 * abs(math.log(np.finfo(dtype).tiny))
    z: Array = np.stack([np.zeros(800), np.linspace(-end, end, 800)]).astype(dtype)
    Y: Array = np.zeros_like(z)
    Y[0] = 1.0
    _, delta = _loss(loss, activation, z, Y, 1.0 / 800)
    sizes = np.abs(delta[delta != 0.0])
    assert sizes.min() > 1e-4 * negligible(dtype)


@pytest.mark.parametrize("loss, activation", PAIRS)
def test_predict_is_the_output_activation(loss: str, activation: str) -> None:
    z = np.linspace(-2.0, 2.0, 6).reshape(3, 2)
    y_hat, expected = np.empty_like(z), np.empty_like(z)
    make_head(loss, activation).predict(z, y_hat)
    if activation == "softmax":
        softmax(z, expected)
    else:
        ACTIVATIONS[activation].f(z, expected, np.empty_like(z))
    np.testing.assert_allclose(y_hat, expected, rtol=1e-14)


def test_the_sigmoid_output_keeps_the_digits_of_a_small_probability() -> None:
    z = np.array([[-700.0, -100.0, -30.0, 0.0, 30.0]])
    y_hat = np.empty_like(z)
    make_head("binary_cross_entropy", "sigmoid").predict(z, y_hat)
    np.testing.assert_allclose(y_hat, 1.0 / (1.0 + np.exp(-z)), rtol=1e-13)


@pytest.mark.parametrize(
    "loss, activation, message",
    [
        (
            "binary_cross_entropy",
            "tanh",
            "binary_cross_entropy needs a sigmoid output, got 'tanh'",
        ),
        ("cross_entropy", "sigmoid", "cross_entropy needs a softmax output, got 'sigmoid'"),
    ],
)
def test_a_loss_refuses_an_output_without_probability(
    loss: str, activation: str, message: str
) -> None:
    with pytest.raises(ValueError) as caught:
        make_head(loss, activation)
    assert str(caught.value) == message
