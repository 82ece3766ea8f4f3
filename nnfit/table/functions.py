"""What φ(x) does to numbers and arrays, real or complex; how it is spelt is not said here.

In complex numbers, by which the complex step takes derivatives, each operation goes on from the
real axis as its formula does; the side of a kink is told by the real part alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np


def _sigmoid(x: Any) -> Any:
    if np.iscomplexobj(x):
        e = np.exp(-_absolute(x))
        return np.where(x.real < 0.0, e, 1.0)[()] / (1.0 + e)
    # 1 / (1 + e^-x) overflows for large negative x; its logarithm does not.
    return np.exp(-np.logaddexp(0.0, -x))


def _relu(x: Any) -> Any:
    return np.maximum(x, 0.0)


def _absolute(x: Any) -> Any:
    return np.where(x.real < 0.0, -x, x)[()] if np.iscomplexobj(x) else np.abs(x)


def _power(base: Any, exponent: Any) -> Any:
    if not (np.iscomplexobj(base) or np.iscomplexobj(exponent)):
        return base**exponent
    # NumPy's goes by the logarithm, and so comes down beside a negative axis, and nowhere from 0.
    left, to = base.real < 0.0, exponent.real
    elsewhere = np.where(left, (-1.0) ** to, 1.0) * np.where(left, -base, base) ** exponent
    return np.where(base.real == 0.0, 0.0**to + base * (to == 1.0), elsewhere)[()]


_OF_NUMPY = ("sin", "cos", "tan", "exp", "log", "sqrt", "abs", "tanh")
UNARY: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in _OF_NUMPY},
    "abs": _absolute,
    "sigmoid": _sigmoid,
    "relu": _relu,
}
BINARY: dict[str, Callable[..., Any]] = {"minimum": np.minimum, "maximum": np.maximum}
FUNCTIONS = {**UNARY, **BINARY}
OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": _power,
    "neg": operator.neg,
    **FUNCTIONS,
}
