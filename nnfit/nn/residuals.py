"""Losses of the residual e = y_hat - y, each with its derivative below it.

A loss returns a new array; a derivative turns e into itself. All have one shape, (..., K, N).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.names import QUANTILES

HUBER_DELTA = 1.0  # in units of the (standardised) target; Huber 1964


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


def pinball_error(e: Array, quantiles: tuple[float, ...] = QUANTILES) -> Array:
    """Return q (-e) where e < 0 and (1 - q) e elsewhere, q the quantile of the output.

    Outputs (..., K, N) of a target stand one below the other, one for each quantile.
    Source: Koenker & Bassett 1978.

    >>> pinball_error(np.array([[2.0, -2.0]]), (0.9,)).round(4).tolist()
    [[0.2, 1.8]]
    """
    slope = e.copy()
    d_pinball_error(slope, quantiles)
    return np.asarray(e * slope)


def d_pinball_error(e: Array, quantiles: tuple[float, ...] = QUANTILES) -> None:
    """Turn e into 1 - q where e > 0, -q where e < 0, and 0 at e = 0, as for the absolute error."""
    for k, q in enumerate(quantiles):
        of = e[..., k :: len(quantiles), :]
        below = of.real < 0.0
        np.multiply(of.real > 0.0, 1.0 - q, out=of)
        of -= q * below


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


def pinball(quantiles: tuple[float, ...]) -> ResidualLoss:
    """Return the quantile loss of the residual, for so many outputs of each target."""
    value = partial(pinball_error, quantiles=quantiles)
    return ResidualLoss(value, partial(d_pinball_error, quantiles=quantiles), kinks=(0.0,))
