"""Arrays with a leading axis of members: everything is what each member gives alone.

The last two axes are (units, examples). Bit for bit where no matrix product comes in, whose
rounding is the BLAS's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.losses import RESIDUAL_LOSSES, make_head, softmax
from nnfit.nn.names import LOSSES, OUTPUT_ACTIVATIONS
from nnfit.nn.network import Architecture, Network, Parameters, Workspace
from nnfit.training.streams import stream

Array = NDArray[Any]
M, N = 3, 7  # members, examples
PAIRS = [(loss, name) for loss in RESIDUAL_LOSSES for name in OUTPUT_ACTIVATIONS]
PAIRS += [(loss, of.output_activation) for loss, of in LOSSES.items() if not of.derivative]
DTYPES = [np.float32, np.float64, np.complex128]


def _drawn(K: int, dtype: Any, loss: str) -> tuple[Array, Array]:
    """Return logits and targets, (M, K, N)."""
    rng = np.random.default_rng(11)
    z, Y = (2.0 * rng.normal(size=(M, K, N))).astype(dtype), rng.normal(size=(M, K, N))
    if loss == "cross_entropy":
        Y = np.eye(K)[rng.integers(K, size=(M, N))].swapaxes(-1, -2)
    elif loss == "binary_cross_entropy":
        Y = 1.0 * (Y > 0.0)
    return z, np.ascontiguousarray(Y.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_and_slopes(name: str, dtype: Any) -> None:
    def both(z: Array) -> tuple[Array, Array]:
        z, a, slope = z.copy(), np.empty_like(z), np.empty_like(z)
        ACTIVATIONS[name].f(z, a, slope)
        value = a.copy()
        ACTIVATIONS[name].df(z, a, slope)
        return value, slope

    z, _ = _drawn(4, dtype, "mse")
    for together, *alone in zip(both(z), *map(both, z), strict=True):
        np.testing.assert_array_equal(together, np.stack(alone))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("K", [1, 2, 5])
def test_softmax(K: int, dtype: Any) -> None:
    z, _ = _drawn(K, dtype, "mse")
    together, alone = np.empty_like(z), np.empty_like(z)
    softmax(z, together)
    for m in range(M):
        softmax(z[m], alone[m])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("K", [1, 4])
@pytest.mark.parametrize("shares", ["a number", "of each row", "of each member's rows"])
@pytest.mark.parametrize("loss, activation", PAIRS)
def test_heads(loss: str, activation: str, shares: str, K: int, dtype: Any) -> None:
    K = max(K, 2) if loss == "gaussian_nll" else K
    head, (z, Y) = make_head(loss, activation), _drawn(K, dtype, loss)
    s = np.random.default_rng(12).uniform(0.0, 1.0, (M, N)).astype(dtype)
    share = {"a number": 1.0 / N, "of each row": s[0], "of each member's rows": s}[shares]
    y_hat, delta = np.empty_like(z), np.empty_like(z)
    head.predict(z, y_hat)
    head.delta(z, Y, share, delta)
    losses = head.losses(z, Y)
    assert losses.shape == (M, N)
    for m in range(M):
        own = share[m] if isinstance(share, np.ndarray) and share.ndim == 2 else share
        alone, alone_delta = np.empty_like(z[m]), np.empty_like(z[m])
        head.predict(z[m], alone)
        head.delta(z[m], Y[m], own, alone_delta)
        np.testing.assert_array_equal(y_hat[m], alone)
        np.testing.assert_array_equal(delta[m], alone_delta)
        np.testing.assert_array_equal(losses[m], head.losses(z[m], Y[m]))


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("bias, scaled", [(True, False), (False, False), (True, True)])
@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_both_passes(loss: str, depth: int, bias: bool, scaled: bool, dropout: float) -> None:
    sizes = (4, *(6, 1)[:depth], 3)  # one unit: its delta is handed down by broadcasting
    architecture = Architecture(
        sizes, ("tanh",) * depth, loss, bias=bias, dropout=dropout, input_scale=scaled
    )
    rng, masked = np.random.default_rng(13), dropout > 0.0
    theta = rng.normal(0.0, 0.6, (M, architecture.n_parameters))
    rows, Y = np.ones((M, N, 4 + bias)), _drawn(3, np.float64, loss)[1].swapaxes(-1, -2)
    rows[..., :4] = rng.normal(size=(M, N, 4))
    share = rng.uniform(0.0, 1.0, (M, N))

    together = Network(architecture)
    together.parameters = Parameters(architecture.layout, theta)
    together.gradient = Parameters(architecture.layout, np.zeros_like(theta))
    ws = Workspace(together, N)
    ws.take(rows, Y)
    if masked:
        together.draw_dropout(ws, *(stream(0, "dropout", m) for m in range(M)))
    z = together.differentiate(ws, share, masked)
    values, dx = together.loss(ws, share, masked), together.input_gradient(ws)
    assert z.shape == (M, 3, N) and values.shape == (M,) and dx.shape == (M, 4, N)
    for m in range(M):
        one = Network(architecture)
        one.parameters.flat[:] = theta[m]
        alone = one.workspace(N)
        alone.take(rows[m], Y[m])
        if masked:  # each member has a stream of its own
            one.draw_dropout(alone, stream(0, "dropout", m))
        close = {"rtol": 1e-12, "atol": 1e-14}
        np.testing.assert_allclose(z[m], one.differentiate(alone, share[m], masked), **close)
        np.testing.assert_allclose(together.gradient.flat[m], one.gradient.flat, **close)
        np.testing.assert_allclose(dx[m], one.input_gradient(alone), **close)
        assert values[m] == pytest.approx(one.loss(alone, share[m], masked), rel=1e-12)
