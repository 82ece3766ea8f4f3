"""A scale of its inputs that a network learns beside W and b.

    z[1] = W[1] (s a[0]) + b[1]          dL/ds = sum_N (W[1]^T delta[1]) a[0]            (D,)

With s = 1, at which it starts, all is as without it. Source: Holzmüller, Grinsztajn, Steinwart,
Better by Default, 2024 (RealMLP). Nothing is allocated. Shapes: s (..., D), W (..., D[1], D).
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
