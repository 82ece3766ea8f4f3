"""The scalar formulas of `nn` in the form that Numba compiles: one number in, one number out.

Each is held by value and slope against the array form of the same name, which stays the reference:
that one works in place on whole arrays and allocates nothing, which no scalar form gives NumPy. All
run in complex128 too, so that the complex step goes through what trains: comparisons look at
`.real`. `type(z)(0.5)` is 0.5 in the precision of z, where a plain 0.5 would make it float64.

A slope takes z and v = f(z), and uses z only where its name is in `USES_Z`: of the others z need
not be kept. The three last are d(loss)/d(y_hat) of e = y_hat - y.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from nnfit.nn.activations import (
    ELU_ALPHA,
    GELU_C,
    GELU_K,
    LEAK,
    MISH_ONE,
    SELU_ALPHA,
    SELU_SCALE,
)
from nnfit.nn.losses import HUBER_DELTA

F = TypeVar("F", bound=Callable[..., Any])
_njit: Any = numba.njit
SELU_SHIFT = SELU_SCALE * SELU_ALPHA
USES_Z = {"gelu", "silu", "mish", "softplus"}


def jit(function: F, **options: bool) -> F:
    """Return the function compiled: no operation is reordered, x/0 is not an error, no GIL is held.

    Only compiled functions can call it.
    """
    options = options or {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast(F, _njit(error_model="numpy", nogil=True, **options)(function))


def entry(function: F) -> F:
    """Return the function compiled for Python to call, and kept on disk with all that it calls."""
    return jit(function, cache=True)


def inlined(function: F) -> F:
    """Return the function as part of whatever compiled function it is called in."""
    return cast(F, _njit(inline="always", error_model="numpy")(function))


@inlined
def identity(z: Any) -> Any:
    return z


@inlined
def d_identity(z: Any, v: Any) -> Any:
    return type(z)(1.0)


@inlined
def sigmoid(z: Any) -> Any:
    half = type(z)(0.5)
    return half + half * np.tanh(half * z)


@inlined
def d_sigmoid(z: Any, v: Any) -> Any:
    return v * (type(z)(1.0) - v)


@inlined
def tanh(z: Any) -> Any:
    return np.tanh(z)


@inlined
def d_tanh(z: Any, v: Any) -> Any:
    return type(z)(1.0) - v * v


@inlined
def relu(z: Any) -> Any:
    return z if z.real > 0 else type(z)(0.0)


@inlined
def d_relu(z: Any, v: Any) -> Any:
    return type(z)(1.0) if v.real > 0 else type(z)(0.0)


@inlined
def leaky_relu(z: Any) -> Any:
    return z if z.real > 0 else type(z)(LEAK) * z


@inlined
def d_leaky_relu(z: Any, v: Any) -> Any:
    return type(z)(1.0) if v.real > 0 else type(z)(LEAK)


@inlined
def _expm1(z: Any) -> Any:
    return np.tanh(type(z)(0.5) * z) * (np.exp(z) + type(z)(1.0))


@inlined
def elu(z: Any) -> Any:
    return z if z.real > 0 else type(z)(ELU_ALPHA) * _expm1(z)


@inlined
def d_elu(z: Any, v: Any) -> Any:
    return type(z)(1.0) if v.real > 0 else v + type(z)(ELU_ALPHA)


@inlined
def selu(z: Any) -> Any:
    return type(z)(SELU_SCALE) * z if z.real > 0 else type(z)(SELU_SHIFT) * _expm1(z)


@inlined
def d_selu(z: Any, v: Any) -> Any:
    return type(z)(SELU_SCALE) if v.real > 0 else v + type(z)(SELU_SHIFT)


@inlined
def _gate(z: Any) -> Any:
    c = z * (type(z)(GELU_C) + type(z)(GELU_C * GELU_K) * z * z)
    return type(z)(0.5) + type(z)(0.5) * np.tanh(c)


@inlined
def gelu(z: Any) -> Any:
    return z * _gate(z)


@inlined
def d_gelu(z: Any, v: Any) -> Any:
    g, one = _gate(z), type(z)(1.0)
    return g * (one + type(z)(2.0 * GELU_C) * (one - g) * z * (one + type(z)(3.0 * GELU_K) * z * z))


@inlined
def silu(z: Any) -> Any:
    return z * sigmoid(z)


@inlined
def d_silu(z: Any, v: Any) -> Any:
    return sigmoid(z) * (type(z)(1.0) + z - v)


@inlined
def softplus(z: Any) -> Any:
    return z + np.log1p(np.exp(-z)) if z.real > 0 else np.log1p(np.exp(z))


@inlined
def d_softplus(z: Any, v: Any) -> Any:
    return sigmoid(z)


@inlined
def _mish_share(z: Any) -> Any:
    e, two = np.exp(z if z.real < MISH_ONE else type(z)(MISH_ONE)), type(z)(2.0)
    return e * (e + two) / (e * (e + two) + two)


@inlined
def mish(z: Any) -> Any:
    return z * _mish_share(z)


@inlined
def d_mish(z: Any, v: Any) -> Any:
    t = _mish_share(z)
    return t + (z - t * v) * sigmoid(z)


@inlined
def d_mse(e: Any) -> Any:
    return type(e)(2.0) * e


@inlined
def d_mae(e: Any) -> Any:
    return type(e)(np.sign(e.real))


@inlined
def d_huber(e: Any) -> Any:
    d = HUBER_DELTA
    return e if abs(e.real) <= d else type(e)(np.sign(e.real) * d)
