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
from typing import Any, Protocol

import numpy as np

from nnfit.nn.activations import ACTIVATIONS, sigmoid, softplus
from nnfit.nn.arrays import Array, negligible, scalar
from nnfit.nn.names import LOSSES, QUANTILES
from nnfit.nn.residuals import RESIDUAL_LOSSES, ResidualLoss, pinball

Share = Array | float
VARIANCE_FLOOR = 1e-6  # of the (standardised) target; Lakshminarayanan, Pritzel, Blundell 2017


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

    def __init__(self, activation: str, residual_loss: ResidualLoss) -> None:
        self.activation = activation
        self.value, self.derivative, self.kinks = residual_loss

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


class GaussianNLL:
    """Negative log-likelihood of N(mu, v): (log v + (y - mu)^2/v)/2, nats, mean over targets.

    Without the constant log(2 pi)/2. A target has two outputs, one below the other, and stands
    twice in `Y`: mu is z, and v is softplus(z) + VARIANCE_FLOOR. No step takes a softplus out of
    range, as it would an exponential, and no v vanishes, so that the loss has a lowest value.
    Source: Nix & Weigend 1994; v as in Lakshminarayanan, Pritzel, Blundell 2017.

    >>> z = np.array([[3.0], [np.log(np.e - 1.0)]])  # mu = 3, v = 1.000001
    >>> GaussianNLL().losses(z, np.array([[1.0], [1.0]])).round(4).tolist()  # (0 + 2^2)/2
    [2.0]
    """

    def predict(self, z: Array, y_hat: Array) -> None:
        np.copyto(y_hat[..., ::2, :], z[..., ::2, :])
        self._variance(z, y_hat[..., 1::2, :], np.empty_like(z[..., ::2, :]))

    def losses(self, z: Array, Y: Array) -> Array:
        e, v = z[..., ::2, :] - Y[..., ::2, :], np.empty_like(z[..., ::2, :])
        self._variance(z, v, np.empty_like(v))
        return _mean_over_outputs(0.5 * (np.log(v) + e * e / v))

    def delta(self, z: Array, Y: Array, share: Share, delta: Array) -> None:
        of_mean, of_variance = delta[..., ::2, :], delta[..., 1::2, :]
        scratch = np.empty_like(of_mean)
        self._variance(z, of_variance, scratch)
        np.subtract(z[..., ::2, :], Y[..., ::2, :], out=of_mean)
        of_mean /= of_variance  # dl/dmu = (mu - y)/v
        np.divide(0.5, of_variance, out=of_variance)
        np.multiply(of_mean, of_mean, out=scratch)
        scratch *= 0.5
        of_variance -= scratch  # dl/dv = (1/v - (mu - y)^2/v^2)/2
        sigmoid(z[..., 1::2, :], scratch, scratch)
        of_variance *= scratch  # dv/dz
        delta *= _share_of(z, share, z.shape[-2] // 2)

    @staticmethod
    def _variance(z: Array, v: Array, scratch: Array) -> None:
        softplus(z[..., 1::2, :], v, scratch)
        v += VARIANCE_FLOOR


class PoissonNLL:
    """Negative log-likelihood of counts y >= 0 of mean exp(z): exp(z) - y z, mean over outputs.

    Without the constant log y!; delta is (y_hat - y). From where the square of exp(z) leaves the
    range of the dtype y_hat stays as it is, and the loss goes on along its tangent; where y_hat is
    `negligible` beside 1 it is 0 in delta.
    Source: McCullagh & Nelder, Generalized Linear Models, 1989, 6.2.

    >>> z = np.log([[2.0, 2.0]])  # y_hat = 2, twice
    >>> PoissonNLL().losses(z, np.array([[0.0, 2.0]])).round(4).tolist()  # 2, 2 - 2 log 2
    [2.0, 0.6137]
    """

    def predict(self, z: Array, y_hat: Array) -> None:
        np.minimum(z, _logs(z.dtype)[2], out=y_hat)
        np.exp(y_hat, out=y_hat)

    def losses(self, z: Array, Y: Array) -> Array:
        bounded = np.minimum(z, _logs(z.dtype)[2])
        return _mean_over_outputs(np.exp(bounded) * (1.0 + (z - bounded)) - Y * z)

    def delta(self, z: Array, Y: Array, share: Share, delta: Array) -> None:
        least, of_none, most = _logs(z.dtype)
        np.minimum(z, most, out=delta)
        np.copyto(delta, of_none, where=np.less(delta.real, least))
        np.exp(delta, out=delta)
        delta -= Y
        delta *= _share_of(z, share, z.shape[-2])


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
        least, of_none, _ = _logs(z.dtype)
        np.copyto(y_hat, of_none, where=np.less(y_hat.real, least))
    np.exp(y_hat, out=y_hat)
    y_hat /= np.add.reduce(y_hat, axis=-2, keepdims=True)


@lru_cache(maxsize=16)
def _logs(dtype: Any) -> tuple[Array, Array, Array]:
    """Return those of `negligible`, of 0, and of 1/negligible, whose square is still in range."""
    least = math.log(negligible(dtype))
    return scalar(least, np.finfo(dtype).dtype), scalar(-math.inf, dtype), scalar(-least, dtype)


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


# the losses that are one with their own output activation
LIKELIHOODS: dict[str, Callable[[], Head]] = {
    "gaussian_nll": GaussianNLL,
    "poisson": PoissonNLL,
    "binary_cross_entropy": SigmoidCrossEntropy,
    "cross_entropy": SoftmaxCrossEntropy,
}


def make_head(loss: str, activation: str, quantiles: tuple[float, ...] = QUANTILES) -> Head:
    """Return the head for a loss and an output activation; `quantiles` are for that loss alone.

    Raises
    ------
    ValueError
        If the loss needs an output of its own that the activation does not give.
    """
    if loss in RESIDUAL_LOSSES:
        return PointwiseHead(activation, RESIDUAL_LOSSES[loss])
    own = LOSSES[loss].output_activation
    if activation != own:
        raise ValueError(f"{loss} needs a {own} output, got {activation!r}")
    if loss == "quantile":
        return PointwiseHead(own, pinball(quantiles))
    return LIKELIHOODS[loss]()
