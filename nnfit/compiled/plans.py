"""What the kernel is told, in numbers and arrays: the network, its memory, the rows, the rule."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from nnfit.compiled.formulas import CODES, IDENTITY, USES_Z
from nnfit.nn.architecture import Architecture
from nnfit.nn.arrays import Array, negligible

N_IN, N_OUT, WIDTH, WB, F, Z, V, A, DELTA, MASK = range(10)  # columns of `Plan.layers`
SOFTMAX = len(CODES)  # an output activation beside those
HEADS = {
    "binary_cross_entropy": 0, "cross_entropy": 1, "poisson": 2, "gaussian_nll": 3,
    "mse": 4, "mae": 5, "huber": 6, "quantile": 7,
}  # fmt: skip
CROSS_ENTROPY, POISSON, GAUSSIAN, MSE, MAE, HUBER = range(1, 7)  # residuals from MSE
MOMENTUM, RMSPROP, ADAM = range(3)  # codes of a rule; the first is SGD


class Plan(NamedTuple):
    """An architecture as numbers; see `plans.plan_of`, which makes it."""

    layers: Array  # (L, 10), integers: the columns above
    scale: int  # where s begins in the parameters, -1 without
    head: int
    output: int  # code of the output activation
    dropout: float
    masked: int  # hidden units, for each of which dropout draws
    negligible: float  # a delta that is 0, as in `losses`
    least: float  # its logarithm
    quantiles: Array  # (Q,), or none


class Memory(NamedTuple):
    """What steps write to: the parameters (P,), their gradient, the moments, scratch.

    `is_weight` and `rates` are as in `optimizers`; what there is none of has no entries.
    """

    flat: Array
    gradient: Array
    M: Array
    V: Array
    is_weight: Array
    rates: Array
    work: Array
    scaled: Array  # (D1, D + 1), layer 1's [W s | b]


class Rows(NamedTuple):
    """The examples (N, D + 1), their targets (N, K), weights (N,) or none, and dropout's draws.

    `draws` has `Plan.masked` numbers for each example, those of a step one after the other. The
    logits (K, N) are written.
    """

    X: Array
    Y: Array
    weights: Array
    draws: Array
    logits: Array


class Rule(NamedTuple):
    """An optimizer, with what is added to its gradient, and the largest norm of that (0: any)."""

    code: int
    beta1: float  # momentum of SGD
    beta2: float
    eps: float
    nesterov: bool
    weight_decay: float
    l2: float
    clip_norm: float
    negligible: float  # a moment that is 0, as in `optimizers`


def plan_of(architecture: Architecture, dtype: Any) -> tuple[Plan, int]:
    """Return the plan, and how many units of work an example takes.

    Where v is needed by itself, since a mask makes another a of it, and z where the slope is worked
    out from it, they have units of their own; else all three lie in those of a.
    """
    layout, names = architecture.layout, architecture.activations
    rows, units, masked, a = [], 0, 0, 0
    for i, layer in enumerate(layout.layers):
        (n_out, n_in), width = layer.W.shape, layer.Wb.shape[1]
        last = i == len(names)
        above, units = units, units + (n_out if last else n_out + architecture.bias)
        delta, units = units, units + n_out + 1
        v = z = above
        if architecture.dropout or last:
            v, units = units, units + n_out
            z = v
        if last:
            z = above
        elif names[i] in USES_Z:
            z, units = units, units + n_out
        code = -1 if last else CODES[names[i]]
        rows.append((n_in, n_out, width, layer.W.offset, code, z, v, a, delta, masked))
        a, masked = above, masked + (0 if last else n_out)
    s = layout.layers[0].s
    output = architecture.output_activation
    plan = Plan(
        layers=np.array(rows),
        scale=-1 if s is None else s.offset,
        head=HEADS[architecture.loss],
        output=SOFTMAX if output == "softmax" else CODES.get(output, IDENTITY),
        dropout=architecture.dropout,
        masked=masked if architecture.dropout else 0,
        negligible=negligible(dtype),
        least=math.log(negligible(dtype)),
        quantiles=np.array(architecture.quantiles, np.float64),
    )
    return plan, units
