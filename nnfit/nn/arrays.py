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


@lru_cache(maxsize=256)
def scalar(value: float, dtype: Any) -> Array:
    """Return `value` as a read-only array without dimensions.

    A ufunc takes it twice as fast as a Python number, which counts where arrays are tiny.
    """
    constant = np.array(value, dtype)
    constant.setflags(write=False)
    return constant


def total(a: Array, b: Array) -> Any:
    """Return the scalar sum of a * b over two arrays of one shape, unconjugated."""
    return np.dot(a.reshape(-1), b.reshape(-1))
