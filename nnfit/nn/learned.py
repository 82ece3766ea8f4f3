"""What a network may learn beside W and b: a scale of its inputs, and how far units bend.

    z[1] = W[1] (s a[0]) + b[1]          dL/ds = sum_N (W[1]^T delta[1]) a[0]            (D,)
    a[l] = z + alpha (f(z) - z)          dL/dalpha = sum_N dL/da[l] (f(z) - z)           (D[l],)
                                         da[l]/dz = 1 + alpha (f'(z) - 1)

With s = alpha = 1, at which they start, all is as without them. Source: Holzmüller, Grinsztajn,
Steinwart, Better by Default, 2024 (RealMLP). Nothing is allocated. Shapes: z, f, v, delta, slope
(..., D[l], N), alpha (..., D[l]), s (..., D), W (..., D[1], D).
"""

from __future__ import annotations

import numpy as np

from nnfit.nn.arrays import Array


def scale_inputs(Wb: Array, s: Array, out: Array) -> Array:
    """Write [W s | b], and return it: (W s) a is W (s a), and W is smaller than the examples."""
    np.copyto(out, Wb)
    out[..., : s.shape[-1]] *= s[..., None, :]
    return out


def d_scale_inputs(W: Array, s: Array, dW: Array, ds: Array, scratch: Array) -> None:
    """Turn the gradient of W s, delta a^T, into that of W; write that of s, sum_k W_kd dW_kd."""
    of_each = np.multiply(W, dW, out=scratch[..., : s.shape[-1]])
    np.add.reduce(of_each, axis=-2, out=ds)
    dW *= s[..., None, :]


def bend(z: Array, f: Array, alpha: Array, v: Array) -> None:
    """Write v = z + alpha (f - z), `f` the activation's value at z."""
    np.subtract(f, z, out=v)
    v *= alpha[..., None]
    v += z


def d_alpha(z: Array, f: Array, delta: Array, dalpha: Array, scratch: Array) -> None:
    """Write dL/dalpha of `delta`, which is dL/dv."""
    np.subtract(f, z, out=scratch)
    scratch *= delta
    np.add.reduce(scratch, axis=-1, out=dalpha)


def d_bend(slope: Array, alpha: Array) -> None:
    """Turn f'(z) into dv/dz = 1 + alpha (f' - 1)."""
    slope -= 1.0
    slope *= alpha[..., None]
    slope += 1.0
