"""The production step against the textbook's, in float64: the same equations, other code."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nnfit.nn.network import Architecture, Network
from nnfit.nn.optimizers import make_optimizer
from nnfit.nn.textbook import ACTIVATIONS, Textbook

Array = NDArray[Any]
STEPS = 10
# The two add up in another order and fold other factors: a few roundings of 1e-16 a step, in
# gradients that cancel to a hundredth of their terms. A lost factor is off by far more.
CLOSE = {"rtol": 1e-12, "atol": 1e-14}


def _problem(loss: str, depth: int) -> tuple[tuple[int, ...], Array, Array]:
    rng = np.random.default_rng(7)
    N, K = 12, {"mse": 2, "binary_cross_entropy": 1, "cross_entropy": 3}[loss]
    Y = {
        "mse": rng.normal(size=(N, K)),
        "binary_cross_entropy": rng.integers(2, size=(N, K)) * 1.0,
        "cross_entropy": np.eye(K)[rng.integers(K, size=N)],
    }[loss]
    return (3, *(5, 4, 6)[:depth], K), rng.normal(size=(N, 3)), Y


CASES = list(
    itertools.product(
        sorted(ACTIVATIONS),
        ("mse", "binary_cross_entropy", "cross_entropy"),
        (0, 1, 2, 3),
    )
)


@pytest.mark.parametrize("activation, loss, depth", CASES)
def test_every_step_is_the_textbooks(activation: str, loss: str, depth: int) -> None:
    sizes, X, Y = _problem(loss, depth)
    network = Network(Architecture(sizes, (activation,) * depth, loss))
    p, dp = network.parameters, network.gradient
    p.flat[:] = np.random.default_rng(8).normal(0.0, 0.6, p.flat.size)
    book = Textbook([W.copy() for W in p.W], [b.copy() for b in p.b], activation, loss)
    ws, optimizer = network.workspace(len(X)), make_optimizer("adam", network.is_weight)
    ws.load(X, Y)
    values = []
    for _ in range(STEPS):
        value, dW, db = book.gradient(X, Y)
        values.append(float(network.loss_and_gradient(ws, 1.0 / len(X))))
        assert values[-1] == pytest.approx(value, rel=1e-12)
        for ours, theirs in zip(dp.W + dp.b, dW + db, strict=True):
            np.testing.assert_allclose(ours, theirs, **CLOSE)
        assert book.step(X, Y, 0.05) == value
        optimizer.step(p.flat, dp.flat, 0.05)
        for ours, theirs in zip(p.W + p.b, book.W + book.b, strict=True):
            np.testing.assert_allclose(ours, theirs, **CLOSE)
    assert values[-1] < 0.95 * values[0]
