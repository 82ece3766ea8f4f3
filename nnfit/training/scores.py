"""Scores of a predicted distribution of one target, in its own units and float64: less is better.

Shapes: the truth `y` and a predicted value (N,), quantiles (N, Q).
"""

from __future__ import annotations

import math

import numpy as np

from nnfit.nn.arrays import Array


def gaussian_nll(y: Array, mean: Array, sd: Array) -> float:
    """Return the mean of -log N(y; mean, sd^2), in nats, the constant log(2 pi)/2 with it.

    >>> round(gaussian_nll(np.array([3.0]), np.array([1.0]), np.array([2.0])), 4)
    2.1121
    """
    return float((0.5 * math.log(2.0 * math.pi) + np.log(sd) + 0.5 * ((y - mean) / sd) ** 2).mean())


def pinball(y: Array, predicted: Array, quantiles: tuple[float, ...]) -> float:
    """Return the mean pinball loss over rows and quantiles, as scikit-learn's for one of these.

    >>> round(pinball(np.array([1.0]), np.array([[3.0, 3.0]]), (0.5, 0.9)), 4)
    0.6
    """
    e, q = predicted - y[:, None], np.array(quantiles)
    return float(np.maximum((1.0 - q) * e, -q * e).mean())


def poisson_deviance(y: Array, mean: Array) -> float:
    """Return the mean of 2 (y log(y/mean) - y + mean), 0 log 0 = 0: scikit-learn's.

    >>> round(poisson_deviance(np.array([0.0, 2.0]), np.array([1.0, 1.0])), 4)
    1.3863
    """
    logs = np.log(np.divide(y, mean, out=np.ones_like(y), where=y > 0.0))
    return float(2.0 * (y * logs - y + mean).mean())
