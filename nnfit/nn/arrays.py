"""The array type of this room. Every function works in float32, float64 and complex128.

complex128 is for the complex-step check (Squire & Trapp 1998), which runs the production code:
no function may drop an imaginary part, so comparisons and shifts look at `.real` alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Described: TypeAlias = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]
"""The shape and dtype of arrays by their names."""


@lru_cache(maxsize=256)
def scalar(value: float, dtype: Any) -> Array:
    """Return `value` as a read-only array without dimensions.

    A ufunc takes it twice as fast as a Python number, which counts where arrays are tiny.
    """
    constant = np.array(value, dtype)
    constant.setflags(write=False)
    return constant


# Below the smallest normal number of a dtype, its tiny, digits are lost and many processors take a
# hundred times as long. Nothing that small is worth it: it is made 0 while it is well above.


@lru_cache(maxsize=16)
def negligible(dtype: Any) -> float:
    """Return sqrt(tiny), of a delta or a probability beside 1: 1e-19 in float32, 1e-154 in float64.

    A delta of that size may shrink by as many powers of ten again, in the shares, weights, slopes
    and activations it is multiplied by, and is still normal. It is missed nowhere: the row's loss
    is 0 to the last digit, and a step along such a gradient, even one divided by Adam's eps of
    1e-8, is less than the last digit of a weight.
    """
    return float(np.finfo(dtype).tiny ** 0.5)


@lru_cache(maxsize=16)
def negligible_moment(dtype: Any) -> float:
    """Return tiny/eps: 1e-31 in float32, 1e-292 in float64.

    The root of so small a mean of squares is lost beside Adam's eps of 1e-8, as a step along so
    small a momentum is in a weight.
    """
    info = np.finfo(dtype)
    return float(info.tiny / info.eps)


def in_proportion(weights: Array) -> Array:
    """Return `weights` (N,), not all 0, in the same proportions, the largest in [0.5, 1).

    Their sum then neither overflows nor vanishes. The factor is a power of 2, which changes no bit
    of a share.
    """
    return np.asarray(np.ldexp(weights, -np.frexp(weights.max())[1]))


def over_mean(weights: Array) -> Array:
    """Return s_i / s_bar of `weights` (N,), not all 0, with s_bar their mean, in float64."""
    s = in_proportion(np.asarray(weights, np.float64))
    return np.asarray(s / s.mean())


def shares(weights: Array, dtype: Any = None) -> Array:
    """Return s_i / sum(s) of `weights` (N,): NaN when all are 0.

    `dtype` is that of the sum, where it is not to be their own.
    """
    shares: Array = weights / weights.sum(dtype=dtype)
    return shares


def total(a: Array, b: Array) -> Any:
    """Return the scalar sum of a * b over two arrays of one shape, unconjugated."""
    return np.dot(a.reshape(-1), b.reshape(-1))
