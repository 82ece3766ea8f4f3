"""Hidden and output activations, each with its derivative three lines below it.

A pair is `f(z, a, scratch)`, which writes f(z) into `a`, and `df(z, a, slope)`, which writes f'(z)
into `slope`. Both take the same three arrays, and `df` finds them as `f` left them: where `f` works
the slope out on its way, `df` has nothing to do. All have one shape, (..., D, N): each unit of each
example stands alone. Nothing is allocated, and `z` and `a` are free memory once `df` has run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nnfit.nn.arrays import Array, scalar

LEAK = 0.01  # slope of leaky_relu below 0; Maas, Hannun, Ng 2013
ELU_ALPHA = 1.0  # Clevert, Unterthiner, Hochreiter 2016
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017
MISH_ONE = 20.0  # from which tanh(softplus(z)) is 1 in float64
GELU_C, GELU_K = 0.7978845608028654, 0.044715  # sqrt(2/pi); Hendrycks & Gimpel 2016


@dataclass(frozen=True)
class Activation:
    """A function, its derivative and the z at which that one, or its own derivative, jumps."""

    f: Callable[[Array, Array, Array], None]
    df: Callable[[Array, Array, Array], None]
    kinks: tuple[float, ...] = ()


def identity(z: Array, a: Array, scratch: Array) -> None:
    """Write f(z) = z."""
    np.copyto(a, z)


def d_identity(z: Array, a: Array, slope: Array) -> None:
    """Write f'(z) = 1."""
    slope.fill(1.0)


def sigmoid(z: Array, a: Array, scratch: Array) -> None:
    """Write f(z) = 1/(1 + exp(-z)) = (1 + tanh(z/2))/2, which never overflows."""
    half, one = scalar(0.5, z.dtype), scalar(1.0, z.dtype)
    np.multiply(z, half, out=a)
    np.tanh(a, out=a)
    a += one
    a *= half


def d_sigmoid(z: Array, a: Array, slope: Array) -> None:
    """Write f'(z) = f (1 - f)."""
    np.subtract(scalar(1.0, z.dtype), a, out=slope)
    slope *= a


def tanh(z: Array, a: Array, scratch: Array) -> None:
    """Write f(z) = tanh z."""
    np.tanh(z, out=a)


def d_tanh(z: Array, a: Array, slope: Array) -> None:
    """Write f'(z) = 1 - f^2."""
    np.multiply(a, a, out=slope)
    np.subtract(scalar(1.0, z.dtype), slope, out=slope)


def relu(z: Array, a: Array, slope: Array) -> None:
    """Write f(z) = z where z > 0, else 0."""
    # a mask, not a maximum: complex numbers are compared by their real part, and f'(0) is 0
    np.greater(z.real, scalar(0.0, z.real.dtype), out=slope)
    np.multiply(z, slope, out=a)


def d_relu(z: Array, a: Array, slope: Array) -> None:
    """f'(z) = 1 where z > 0, else 0: the mask of `relu` is its slope."""


def leaky_relu(z: Array, a: Array, slope: Array) -> None:
    """Write f(z) = z where z > 0, else LEAK z."""
    np.greater(z.real, scalar(0.0, z.real.dtype), out=slope)
    slope *= 1.0 - LEAK
    slope += LEAK
    np.multiply(z, slope, out=a)


def d_leaky_relu(z: Array, a: Array, slope: Array) -> None:
    """f'(z) = 1 where z > 0, else LEAK: `leaky_relu` multiplies by its slope."""


def _exponential_unit(z: Array, a: Array, scratch: Array, alpha: float, scale: float) -> None:
    """Write scale * z where z > 0 and scale * alpha * (exp(z) - 1) elsewhere."""
    one = scalar(1.0, z.dtype)
    np.less_equal(z.real, 0.0, out=a)
    a *= z  # the negative part alone: exp of the positive one could overflow
    # exp(z) - 1 = tanh(z/2) (exp(z) + 1), as exact near 0 as expm1 and a third of its time
    np.exp(a, out=scratch)
    scratch += one
    a *= scalar(0.5, z.dtype)
    np.tanh(a, out=a)
    a *= scratch
    a *= alpha
    np.greater(z.real, 0.0, out=scratch)
    scratch *= z
    a += scratch
    a *= scale


def _d_exponential_unit(z: Array, a: Array, slope: Array, alpha: float, scale: float) -> None:
    """Write scale where z > 0 and scale * alpha * exp(z) = a + scale * alpha elsewhere."""
    np.less_equal(z.real, 0.0, out=z)
    np.add(a, scale * alpha - scale, out=slope)
    slope *= z
    slope += scale


def elu(z: Array, a: Array, scratch: Array) -> None:
    """Write f(z) = z where z > 0, else alpha (exp z - 1)."""
    _exponential_unit(z, a, scratch, ELU_ALPHA, 1.0)


def d_elu(z: Array, a: Array, slope: Array) -> None:
    """Write f'(z) = 1 where z > 0, else alpha exp z."""
    _d_exponential_unit(z, a, slope, ELU_ALPHA, 1.0)


def selu(z: Array, a: Array, scratch: Array) -> None:
    """Write f(z) = scale z where z > 0, else scale alpha (exp z - 1)."""
    _exponential_unit(z, a, scratch, SELU_ALPHA, SELU_SCALE)


def d_selu(z: Array, a: Array, slope: Array) -> None:
    """Write f'(z) = scale where z > 0, else scale alpha exp z."""
    _d_exponential_unit(z, a, slope, SELU_ALPHA, SELU_SCALE)


def _gelu_gate(z: Array, gate: Array) -> None:
    """Write g = (1 + tanh(c (z + k z^3)))/2, the share of z that passes."""
    np.multiply(z, z, out=gate)
    gate *= GELU_C * GELU_K
    gate += GELU_C
    gate *= z
    np.tanh(gate, out=gate)
    gate += 1.0
    gate *= 0.5


def gelu(z: Array, a: Array, scratch: Array) -> None:
    """Write f(z) = z g, in the tanh form of the paper: it needs no erf, which NumPy lacks."""
    _gelu_gate(z, a)
    a *= z


def d_gelu(z: Array, a: Array, slope: Array) -> None:
    """Write f'(z) = g + z g', with g' = 2 g (1 - g) c (1 + 3 k z^2)."""
    _gelu_gate(z, slope)
    np.multiply(z, z, out=a)
    a *= 3.0 * GELU_K
    a += 1.0
    a *= z
    np.subtract(1.0, slope, out=z)
    a *= z
    a *= 2.0 * GELU_C
    a += 1.0
    slope *= a


def silu(z: Array, a: Array, scratch: Array) -> None:
    """Write f(z) = z s, s = sigmoid(z)."""
    sigmoid(z, a, scratch)
    a *= z


def d_silu(z: Array, a: Array, slope: Array) -> None:
    """Write f'(z) = s + z s (1 - s) = s (1 + z - f)."""
    np.subtract(z, a, out=a)
    sigmoid(z, slope, z)
    a += 1.0
    slope *= a


def softplus(z: Array, a: Array, scratch: Array) -> None:
    """Write f(z) = log(1 + exp z) = max(z, 0) + log(1 + exp(-|z|)), which never overflows."""
    np.greater(z.real, 0.0, out=scratch)
    scratch *= z
    np.subtract(z, scratch, out=a)
    a -= scratch  # -|z|
    np.exp(a, out=a)
    np.log1p(a, out=a)
    a += scratch


def d_softplus(z: Array, a: Array, slope: Array) -> None:
    """Write f'(z) = sigmoid(z)."""
    sigmoid(z, slope, a)


def mish(z: Array, a: Array, t: Array) -> None:
    """Write f(z) = z t, t = tanh(softplus(z)); Misra 2019.

    With e = exp(z), tanh(log(1 + e)) = n / (n + 2) for n = e (e + 2): one exponential, where log1p
    and tanh would take ten times as long. Beyond MISH_ONE t is 1.
    """
    np.minimum(z, scalar(MISH_ONE, z.dtype), out=a)
    np.exp(a, out=a)
    np.add(a, scalar(2.0, z.dtype), out=t)
    t *= a
    np.add(t, scalar(2.0, z.dtype), out=a)
    t /= a
    np.multiply(z, t, out=a)


def d_mish(z: Array, a: Array, slope: Array) -> None:
    """Write f'(z) = t + z (1 - t^2) sigmoid(z) = t + (z - t f) sigmoid(z); `mish` left t there."""
    a *= slope
    np.subtract(z, a, out=a)
    sigmoid(z, z, z)
    a *= z
    slope += a


ACTIVATIONS = {
    "identity": Activation(identity, d_identity),
    "sigmoid": Activation(sigmoid, d_sigmoid),
    "tanh": Activation(tanh, d_tanh),
    "relu": Activation(relu, d_relu, kinks=(0.0,)),
    "leaky_relu": Activation(leaky_relu, d_leaky_relu, kinks=(0.0,)),
    "elu": Activation(elu, d_elu, kinks=(0.0,)),
    "selu": Activation(selu, d_selu, kinks=(0.0,)),
    "gelu": Activation(gelu, d_gelu),
    "silu": Activation(silu, d_silu),
    "mish": Activation(mish, d_mish),
    "softplus": Activation(softplus, d_softplus),
}
