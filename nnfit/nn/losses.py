"""Losses with their output activation: from the logits z[L] to numbers and delta[L] = dL/dz[L].

A loss is the (weighted) mean over the rows, L = sum_i share_i l(y_hat_i, y_i), where `share` is
s_i / sum(s), or 1/N; of a minibatch's N rows it is s_i / (N s_bar), s_bar the mean weight of all.
There is no minus before the mean, and cross-entropy's minus covers both of its terms. `delta` is
equation BP1 of network.py, delta[L] = share * dl/dy_hat * f'(z[L]), f the output activation.
Shapes: `z`, `y_hat`, `Y`, `delta` (..., K, N), `share` (..., N) or a scalar.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from nnfit.nn.activations import ACTIVATIONS, sigmoid, softplus
from nnfit.nn.arrays import Array, negligible, scalar
from nnfit.nn.names import LOSSES

Share = Array | float
HUBER_DELTA = 1.0  # in units of the (standardised) target; Huber 1964


class Head(Protocol):
    """What follows the last affine layer."""

    def predict(self, z: Array, y_hat: Array) -> None:
        """Write the predictions of logits `z`."""

    def losses(self, z: Array, Y: Array) -> Array:
        """Return l(y_hat_i, y_i) of every row, shape (..., N)."""

    def delta(self, z: Array, Y: Array, share: Share, delta: Array) -> None:
        """Write dL/dz: BP1."""


class SigmoidCrossEntropy:
    """Binary cross-entropy -[y log y_hat + (1 - y) log(1 - y_hat)], nats, mean over outputs.

    Computed from the logit as softplus(z) - y z, so that it never overflows; with the sigmoid its
    delta is (y_hat - y). Source: Bishop, Pattern Recognition and Machine Learning, 2006, 4.3.2.

    >>> z = np.log([[3.0, 3.0]])  # y_hat = 3/4, twice
    >>> SigmoidCrossEntropy().losses(z, np.array([[1.0, 0.0]])).round(4).tolist()  # log 4/3, log 4
    [0.2877, 1.3863]
    """

    def predict(self, z: Array, y_hat: Array) -> None:
        # exp(-softplus(-z)): the tanh form would lose the digits of a small probability
        softplus(-z, y_hat, np.empty_like(z))
        np.negative(y_hat, out=y_hat)
        np.exp(y_hat, out=y_hat)

    def losses(self, z: Array, Y: Array) -> Array:
        cross_entropy = np.empty_like(z)
        softplus(z, cross_entropy, np.empty_like(z))
        cross_entropy -= Y * z
        return _mean_over_outputs(cross_entropy)

    def delta(self, z: Array, Y: Array, share: Share, delta: Array) -> None:
        sigmoid(z, delta, delta)  # the tanh form: 0 or at least eps/4, never denormal
        delta -= Y
        delta *= _share_of(z, share, z.shape[-2])


class SoftmaxCrossEntropy:
    """Cross-entropy -sum_k y_k log softmax(z)_k, nats; delta is (y_hat - y).

    The largest logit of each column is subtracted first, so that exp never overflows.
    Source: Goodfellow, Bengio, Courville, Deep Learning, 2016, 6.2.2.3.

    >>> z = np.log([[1.0], [2.0], [5.0]])  # y_hat = 1/8, 2/8, 5/8
    >>> SoftmaxCrossEntropy().losses(z, np.array([[0.0], [1.0], [0.0]])).round(4).tolist()  # log 4
    [1.3863]
    """

    def predict(self, z: Array, y_hat: Array) -> None:
        softmax(z, y_hat)

    def losses(self, z: Array, Y: Array) -> Array:
        shifted = z - z.real.max(axis=-2, keepdims=True)
        log_norm = np.log(np.exp(shifted).sum(axis=-2))
        shifted *= Y  # a column of Y sums to 1: sum_k y_k (log norm - z_k)
        return np.asarray(log_norm - shifted.sum(axis=-2))

    def delta(self, z: Array, Y: Array, share: Share, delta: Array) -> None:
        softmax(z, delta, truncated=True)
        delta -= Y
        delta *= _share_of(z, share)


class PointwiseHead:
    """Any output activation followed by a loss of the residual e = y_hat - y, mean over outputs.

    delta = dl/dy_hat * f'(z), for softmax through its Jacobian; the identity with mse is the
    short way of the same code.
    """

    def __init__(self, activation: str, residual_loss: str) -> None:
        self.activation = activation
        self.value, self.derivative, self.kinks = RESIDUAL_LOSSES[residual_loss]

    def predict(self, z: Array, y_hat: Array) -> None:
        if self.activation == "softmax":
            softmax(z, y_hat)
        else:
            ACTIVATIONS[self.activation].f(z, y_hat, np.empty_like(z))

    def losses(self, z: Array, Y: Array) -> Array:
        y_hat = np.empty_like(z)
        self.predict(z, y_hat)
        return _mean_over_outputs(self.value(y_hat - Y))

    def delta(self, z: Array, Y: Array, share: Share, delta: Array) -> None:
        if self.activation == "identity":
            np.subtract(z, Y, out=delta)
            self.derivative(delta)
        else:
            self._through_activation(z, Y, delta)
        delta *= _share_of(z, share, z.shape[-2])

    def _through_activation(self, z: Array, Y: Array, delta: Array) -> None:
        """Write dl/dy_hat, then turn it into dl/dz."""
        y_hat, slope = np.empty_like(z), np.empty_like(z)
        if self.activation == "softmax":
            softmax(z, y_hat)
        else:
            ACTIVATIONS[self.activation].f(z, y_hat, slope)
        np.subtract(y_hat, Y, out=delta)
        self.derivative(delta)
        if self.activation == "softmax":  # dy_hat_j/dz_k = y_hat_j ([j = k] - y_hat_k)
            delta -= (delta * y_hat).sum(axis=-2, keepdims=True)
            delta *= y_hat
        else:
            ACTIVATIONS[self.activation].df(z.copy(), y_hat, slope)
            delta *= slope
        delta *= np.abs(delta) >= negligible(delta.dtype)  # a complex step is far above it


def smoothed(Y: Array, epsilon: float) -> Array:
    """Return class targets (..., K) between which and 1/K a part `epsilon` of the way is gone.

    One output stands for two classes. Source: Szegedy et al. 2016.

    >>> smoothed(np.array([[0.0, 1.0]]), 0.1).round(4).tolist()
    [[0.05, 0.95]]
    """
    return np.asarray((1.0 - epsilon) * Y + epsilon / max(2, Y.shape[-1]), Y.dtype)


def softmax(z: Array, y_hat: Array, *, truncated: bool = False) -> None:
    """Write exp(z_k) / sum_j exp(z_j) of each column.

    If `truncated`, 0 for classes whose part is `negligible` beside the likeliest one's. The slope
    of y_hat_k has y_hat_k as a factor, so that its imaginary part then is none either.
    """
    np.subtract(z, np.maximum.reduce(z.real, axis=-2, keepdims=True), out=y_hat)
    if truncated:  # before exp: none of its results is denormal then
        least, of_none = _logs(z.dtype)
        np.copyto(y_hat, of_none, where=np.less(y_hat.real, least))
    np.exp(y_hat, out=y_hat)
    y_hat /= np.add.reduce(y_hat, axis=-2, keepdims=True)


@lru_cache(maxsize=16)
def _logs(dtype: Any) -> tuple[Array, Array]:
    """Return those of `negligible` and of 0."""
    least = math.log(negligible(dtype))
    return scalar(least, np.finfo(dtype).dtype), scalar(-math.inf, dtype)


def _share_of(z: Array, share: Share, n_outputs: int = 1) -> Array:
    """Return each row's share, of each of so many outputs, to multiply an array like `z` by."""
    if isinstance(share, np.ndarray):
        return np.asarray(share / n_outputs)[..., None, :]
    return scalar(share / n_outputs, z.dtype)


def _mean_over_outputs(losses: Array) -> Array:
    """Return the mean of each column, shape (..., N)."""
    if losses.shape[-2] == 1:
        return losses[..., 0, :]
    return np.asarray(losses.mean(axis=-2))


def squared_error(e: Array) -> Array:
    """Return e^2, no 1/2.

    >>> squared_error(np.array([3.0, -0.5])).tolist()
    [9.0, 0.25]
    """
    return np.asarray(e * e)


def d_squared_error(e: Array) -> None:
    """Turn e into 2 e."""
    e *= 2.0


def absolute_error(e: Array) -> Array:
    """Return |e|.

    >>> absolute_error(np.array([3.0, -0.5])).tolist()
    [3.0, 0.5]
    """
    return np.asarray(e * np.sign(e.real))


def d_absolute_error(e: Array) -> None:
    """Turn e into its sign, 0 at e = 0."""
    np.sign(e.real, out=e)


def huber_error(e: Array) -> Array:
    """Return e^2/2 where |e| <= d and d(|e| - d/2) beyond, d = HUBER_DELTA.

    >>> huber_error(np.array([3.0, -0.5])).tolist()
    [2.5, 0.125]
    """
    clipped = e.copy()
    d_huber_error(clipped)
    return np.asarray(clipped * (e - 0.5 * clipped))


def d_huber_error(e: Array) -> None:
    """Turn e into e clipped to [-d, d], its imaginary part kept inside."""
    outside = np.sign(e.real) * (np.abs(e.real) > HUBER_DELTA)
    e *= outside == 0.0
    e += HUBER_DELTA * outside


class ResidualLoss(NamedTuple):
    """A loss of e = y_hat - y, its derivative and the e at which that one, or its own, jumps."""

    value: Callable[[Array], Array]
    derivative: Callable[[Array], None]
    kinks: tuple[float, ...] = ()


RESIDUAL_LOSSES = {
    "mse": ResidualLoss(squared_error, d_squared_error),
    "mae": ResidualLoss(absolute_error, d_absolute_error, kinks=(0.0,)),
    "huber": ResidualLoss(huber_error, d_huber_error, kinks=(-HUBER_DELTA, HUBER_DELTA)),
}
# the losses that are one with their own output activation
CLASS_LOSSES: dict[str, Callable[[], Head]] = {
    "binary_cross_entropy": SigmoidCrossEntropy,
    "cross_entropy": SoftmaxCrossEntropy,
}


def make_head(loss: str, activation: str) -> Head:
    """Return the head for a loss and an output activation.

    Raises
    ------
    ValueError
        If the loss needs a probability that the activation does not give.
    """
    if loss in RESIDUAL_LOSSES:
        return PointwiseHead(activation, loss)
    own = LOSSES[loss].output_activation
    if activation != own:
        raise ValueError(f"{loss} needs a {own} output, got {activation!r}")
    return CLASS_LOSSES[loss]()
