"""The scalar formulas of `nn` in the form that Numba compiles: one number in, one number out.

Each is held by value and slope against the array form of the same name, which stays the reference:
that one works in place on whole arrays and allocates nothing, which no scalar form gives NumPy. All
run in complex128 too, so that the complex step goes through what trains: comparisons look at
`.real`. `type(z)(0.5)` is 0.5 in the precision of z, where a plain 0.5 would make it float64.

A slope takes z and v = f(z), and uses z only where its name is in `USES_Z`: of the others z need
not be kept. The last are d(loss)/d(y_hat) of e = y_hat - y, of which one takes a quantile q too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from nnfit.compiled import digest
from nnfit.nn.activations import (
    ELU_ALPHA,
    GELU_C,
    GELU_K,
    LEAK,
    MISH_ONE,
    SELU_ALPHA,
    SELU_SCALE,
)
from nnfit.nn.arrays import Array
from nnfit.nn.names import ACTIVATIONS
from nnfit.nn.residuals import HUBER_DELTA

F = TypeVar("F", bound=Callable[..., Any])
_njit: Any = numba.njit
SURE = 40.0
SELU_SHIFT = SELU_SCALE * SELU_ALPHA
USES_Z = {"gelu", "silu", "mish", "softplus"}
CODES = {name: code for code, name in enumerate(ACTIVATIONS)}
(IDENTITY, SIGMOID, TANH, RELU, LEAKY_RELU, ELU, SELU, GELU, SILU, MISH, SOFTPLUS) = range(
    len(CODES)
)


def jit(function: F, **options: bool) -> F:
    """Return the function compiled: no operation is reordered, x/0 is not an error, no GIL is held.

    Only compiled functions can call it.
    """
    options = options or {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast(F, _njit(error_model="numpy", nogil=True, **options)(function))


def entry(function: F) -> F:
    """Return the function compiled for Python to call, and kept on disk with all that it calls."""
    function.__qualname__ = f"{function.__name__}_{digest()}"
    try:
        return jit(function, cache=True)
    except RuntimeError:  # Numba found no folder for it that may be written to
        return jit(function, cache=False)


def inlined(function: Callable[..., Any]) -> Any:
    """Return the function as part of whatever compiled function it is called in."""
    return _njit(inline="always", error_model="numpy")(function)


identity = inlined(lambda z: z)
d_identity = inlined(lambda z, v: type(z)(1.0))

# 1 - 1/(1 + exp z) is 0 and 1 to the last bit where it is sure, as NumPy's tanh form, and no
# denormal; beyond SURE it is 1 in float64
_odds = inlined(lambda z: np.exp(z if z.real < SURE else type(z)(SURE)))
sigmoid = inlined(lambda z: type(z)(1.0) - type(z)(1.0) / (type(z)(1.0) + _odds(z)))
d_sigmoid = inlined(lambda z, v: v * (type(z)(1.0) - v))

tanh = inlined(lambda z: np.tanh(z))
d_tanh = inlined(lambda z, v: type(z)(1.0) - v * v)

relu = inlined(lambda z: z if z.real > 0 else type(z)(0.0))
d_relu = inlined(lambda z, v: type(z)(1.0) if v.real > 0 else type(z)(0.0))

leaky_relu = inlined(lambda z: z if z.real > 0 else type(z)(LEAK) * z)
d_leaky_relu = inlined(lambda z, v: type(z)(1.0) if v.real > 0 else type(z)(LEAK))

_expm1 = inlined(lambda z: np.tanh(type(z)(0.5) * z) * (np.exp(z) + type(z)(1.0)))

elu = inlined(lambda z: z if z.real > 0 else type(z)(ELU_ALPHA) * _expm1(z))
d_elu = inlined(lambda z, v: type(z)(1.0) if v.real > 0 else v + type(z)(ELU_ALPHA))

selu = inlined(lambda z: type(z)(SELU_SCALE) * z if z.real > 0 else type(z)(SELU_SHIFT) * _expm1(z))
d_selu = inlined(lambda z, v: type(z)(SELU_SCALE) if v.real > 0 else v + type(z)(SELU_SHIFT))

_gate = inlined(
    lambda z: sigmoid(type(z)(2.0 * GELU_C) * z * (type(z)(1.0) + type(z)(GELU_K) * z * z))
)

gelu = inlined(lambda z: z * _gate(z))


@inlined
def d_gelu(z: Any, v: Any) -> Any:
    g, one = _gate(z), type(z)(1.0)
    return g * (one + type(z)(2.0 * GELU_C) * (one - g) * z * (one + type(z)(3.0 * GELU_K) * z * z))


silu = inlined(lambda z: z * sigmoid(z))
d_silu = inlined(lambda z, v: sigmoid(z) * (type(z)(1.0) + z - v))

softplus = inlined(lambda z: relu(z) + np.log1p(np.exp(-z if z.real > 0 else z)))
d_softplus = inlined(lambda z, v: sigmoid(z))


@inlined
def _mish_share(z: Any) -> Any:
    e = np.exp(z if z.real < MISH_ONE else type(z)(MISH_ONE))
    n = e * (e + type(z)(2.0))
    return n / (n + type(z)(2.0))


mish = inlined(lambda z: z * _mish_share(z))


@inlined
def d_mish(z: Any, v: Any) -> Any:
    t = _mish_share(z)
    return t + (z - t * v) * sigmoid(z)


@inlined
def exp_within(z: Any, least: float) -> Any:
    """Return exp(z), from `least` up to its opposite; below it 0, and above it no more."""
    v = np.exp(z if z.real < -least else type(z)(-least))
    return v if z.real >= least else type(z)(0.0)


d_mse = inlined(lambda e: type(e)(2.0) * e)
d_mae = inlined(lambda e: type(e)(np.sign(e.real)))
d_huber = inlined(
    lambda e: e if abs(e.real) <= HUBER_DELTA else type(e)(HUBER_DELTA * np.sign(e.real))
)
d_quantile = inlined(lambda e, q: type(e)(1.0 - q if e.real > 0 else (-q if e.real < 0 else 0.0)))


@jit
def activate(code: int, v: Array) -> None:
    """Turn z into v = f(z) in place, f by its code.

    In place, since a loop over two arrays that may overlap is not vectorised.
    """
    if code == IDENTITY:
        for i in range(v.size):
            v[i] = identity(v[i])
    elif code == SIGMOID:
        for i in range(v.size):
            v[i] = sigmoid(v[i])
    elif code == TANH:
        for i in range(v.size):
            v[i] = tanh(v[i])
    elif code == RELU:
        for i in range(v.size):
            v[i] = relu(v[i])
    elif code == LEAKY_RELU:
        for i in range(v.size):
            v[i] = leaky_relu(v[i])
    elif code == ELU:
        for i in range(v.size):
            v[i] = elu(v[i])
    elif code == SELU:
        for i in range(v.size):
            v[i] = selu(v[i])
    elif code == GELU:
        for i in range(v.size):
            v[i] = gelu(v[i])
    elif code == SILU:
        for i in range(v.size):
            v[i] = silu(v[i])
    elif code == MISH:
        for i in range(v.size):
            v[i] = mish(v[i])
    elif code == SOFTPLUS:
        for i in range(v.size):
            v[i] = softplus(v[i])


@jit
def times_slope(code: int, z: Array, v: Array, delta: Array) -> None:
    """Multiply `delta` by f'(z)."""
    if code == IDENTITY:
        for i in range(z.size):
            delta[i] *= d_identity(z[i], v[i])
    elif code == SIGMOID:
        for i in range(z.size):
            delta[i] *= d_sigmoid(z[i], v[i])
    elif code == TANH:
        for i in range(z.size):
            delta[i] *= d_tanh(z[i], v[i])
    elif code == RELU:
        for i in range(z.size):
            delta[i] *= d_relu(z[i], v[i])
    elif code == LEAKY_RELU:
        for i in range(z.size):
            delta[i] *= d_leaky_relu(z[i], v[i])
    elif code == ELU:
        for i in range(z.size):
            delta[i] *= d_elu(z[i], v[i])
    elif code == SELU:
        for i in range(z.size):
            delta[i] *= d_selu(z[i], v[i])
    elif code == GELU:
        for i in range(z.size):
            delta[i] *= d_gelu(z[i], v[i])
    elif code == SILU:
        for i in range(z.size):
            delta[i] *= d_silu(z[i], v[i])
    elif code == MISH:
        for i in range(z.size):
            delta[i] *= d_mish(z[i], v[i])
    elif code == SOFTPLUS:
        for i in range(z.size):
            delta[i] *= d_softplus(z[i], v[i])


@jit
def softmax(z: Array, y_hat: Array, least: float) -> None:
    """Write exp(z_k) / sum_j exp(z_j) of each column; 0 of a class by `least` behind the first."""
    for n in range(z.shape[1]):
        largest = z[0, n].real
        for k in range(1, z.shape[0]):
            largest = max(largest, z[k, n].real)
        total = z.dtype.type(0.0)
        for k in range(z.shape[0]):
            behind = z[k, n] - largest
            y_hat[k, n] = np.exp(behind) if behind.real >= least else 0.0
            total += y_hat[k, n]
        for k in range(z.shape[0]):
            y_hat[k, n] /= total
