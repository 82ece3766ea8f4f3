"""Losses with their output activation: from the logits z[L] to a number and delta[L] = dL/dz[L].

A loss is the (weighted) mean over the rows, L = sum_i share_i l(y_hat_i, y_i), where `share` is
s_i / sum(s), or 1/N. There is no minus before the mean, and cross-entropy's minus covers both
of its terms. Shapes: `z`, `y_hat`, `Y`, `delta` (K, N), `share` (N,) or a scalar.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from nnfit.nn.activations import ACTIVATIONS, sigmoid
from nnfit.nn.arrays import Array, total

Share = Array | float
HUBER_DELTA = 1.0  # in units of the (standardised) target; Huber 1964


class Head(Protocol):
    """What follows the last affine layer."""

    def predict(self, z: Array, y_hat: Array) -> None:
        """Write the predictions of logits `z`."""

    def loss(self, z: Array, Y: Array, share: Share, delta: Array) -> Any:
        """Return the scalar loss and write dL/dz into `delta`; `z` is scratch afterwards."""


class SigmoidCrossEntropy:
    """Binary cross-entropy -[y log y_hat + (1 - y) log(1 - y_hat)], nats, mean over outputs.

    Computed from the logit as softplus(z) - y z, so that it never overflows; with the sigmoid its
    delta is (y_hat - y). Source: Bishop, Pattern Recognition and Machine Learning, 2006, 4.3.2.
    """

    def predict(self, z: Array, y_hat: Array) -> None:
        # exp(-softplus(-z)): the tanh form would lose the digits of a small probability
        ACTIVATIONS["softplus"].f(-z, y_hat)
        np.negative(y_hat, out=y_hat)
        np.exp(y_hat, out=y_hat)

    def loss(self, z: Array, Y: Array, share: Share, delta: Array) -> Any:
        weight = share / z.shape[0]
        ACTIVATIONS["softplus"].f(z, delta)
        delta -= Y * z
        delta *= weight
        value = delta.sum()
        sigmoid(z, delta)
        delta -= Y
        delta *= weight
        return value


class SoftmaxCrossEntropy:
    """Cross-entropy -sum_k y_k log softmax(z)_k, nats; delta is (y_hat - y).

    The largest logit of each column is subtracted first, so that exp never overflows.
    Source: Goodfellow, Bengio, Courville, Deep Learning, 2016, 6.2.2.3.
    """

    def predict(self, z: Array, y_hat: Array) -> None:
        softmax(z, y_hat)

    def loss(self, z: Array, Y: Array, share: Share, delta: Array) -> Any:
        z -= z.real.max(axis=0)
        np.exp(z, out=delta)
        norm = delta.sum(axis=0)
        delta /= norm
        z *= Y  # a row of Y sums to 1: sum_k y_k (log norm - z_k)
        value = ((np.log(norm) - z.sum(axis=0)) * share).sum()
        delta -= Y
        delta *= share
        return value


class PointwiseHead:
    """Any output activation followed by a loss of the residual e = y_hat - y.

    delta = dl/dy_hat * f'(z), for softmax through its Jacobian; the identity with mse is the
    short way of the same code.
    """

    def __init__(self, activation: str, residual_loss: str) -> None:
        self.activation = activation
        self.residual_loss = RESIDUAL_LOSSES[residual_loss]

    def predict(self, z: Array, y_hat: Array) -> None:
        if self.activation == "softmax":
            softmax(z, y_hat)
        else:
            ACTIVATIONS[self.activation].f(z, y_hat)

    def loss(self, z: Array, Y: Array, share: Share, delta: Array) -> Any:
        if self.activation == "identity":
            z -= Y
            return self.residual_loss(z, share / z.shape[0], delta)
        y_hat = np.empty_like(z)
        self.predict(z, y_hat)
        value = self.residual_loss(y_hat - Y, share / z.shape[0], delta)
        if self.activation == "softmax":  # dy_hat_j/dz_k = y_hat_j ([j = k] - y_hat_k)
            delta -= (delta * y_hat).sum(axis=0)
            delta *= y_hat
        else:
            slope = np.empty_like(z)
            ACTIVATIONS[self.activation].df(z, y_hat, slope)
            delta *= slope
        return value


def softmax(z: Array, y_hat: Array) -> None:
    """Write exp(z_k) / sum_j exp(z_j) of each column."""
    np.subtract(z, z.real.max(axis=0), out=y_hat)
    np.exp(y_hat, out=y_hat)
    y_hat /= y_hat.sum(axis=0)


def squared_error(e: Array, weight: Share, gradient: Array) -> Any:
    """Return sum(weight * e^2), no 1/2, and write its derivative 2 weight e."""
    np.multiply(e, 2.0 * weight, out=gradient)
    return 0.5 * total(gradient, e)


def absolute_error(e: Array, weight: Share, gradient: Array) -> Any:
    """Return sum(weight * |e|) and write its derivative weight sign(e), 0 at e = 0."""
    np.sign(e.real, out=gradient)
    gradient *= weight
    return total(gradient, e)


def huber_error(e: Array, weight: Share, gradient: Array) -> Any:
    """Return sum of weight * (e^2/2 where |e| <= d, d(|e| - d/2) beyond), d = HUBER_DELTA."""
    outside = np.sign(e.real) * (np.abs(e.real) > HUBER_DELTA)
    np.multiply(e, outside == 0.0, out=gradient)
    gradient += HUBER_DELTA * outside  # e clipped to [-d, d], imaginary part kept inside
    halves = e - 0.5 * gradient
    gradient *= weight
    return total(gradient, halves)


RESIDUAL_LOSSES = {"mse": squared_error, "mae": absolute_error, "huber": huber_error}
LOSSES = (*RESIDUAL_LOSSES, "binary_cross_entropy", "cross_entropy")
OUTPUT_ACTIVATIONS = (*ACTIVATIONS, "softmax")
OWN_ACTIVATION = {  # what `output_activation: auto` means
    "mse": "identity",
    "mae": "identity",
    "huber": "identity",
    "binary_cross_entropy": "sigmoid",
    "cross_entropy": "softmax",
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
    if activation != OWN_ACTIVATION[loss]:
        raise ValueError(f"{loss} needs a {OWN_ACTIVATION[loss]} output, got {activation!r}")
    return SigmoidCrossEntropy() if loss == "binary_cross_entropy" else SoftmaxCrossEntropy()
