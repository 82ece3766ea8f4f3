"""An architecture as the numbers that the kernel reads."""

from __future__ import annotations

import numpy as np

from nnfit.compiled.formulas import USES_Z
from nnfit.compiled.kernel import CODES, HEADS, SOFTMAX, Plan
from nnfit.nn.architecture import Architecture


def plan_of(architecture: Architecture) -> tuple[Plan, int]:
    """Return the plan, and how many units of work an example takes.

    Where v is needed by itself, since alpha or a mask makes another a of it, and z where the slope
    is worked out from it, they have units of their own; else all three lie in those of a.
    """
    layout, names = architecture.layout, architecture.activations
    apart = bool(architecture.dropout) or architecture.parametric_activation
    rows, units, masked, a = [], 0, 0, 0
    for i, layer in enumerate(layout.layers):
        (n_out, n_in), width = layer.W.shape, layer.Wb.shape[1]
        last = i == len(names)
        above, units = units, units + (n_out if last else n_out + architecture.bias)
        delta, units = units, units + n_out + 1
        v = z = above
        if apart or last:
            v, units = units, units + n_out
            z = v
        if last:
            z = above
        elif architecture.parametric_activation or names[i] in USES_Z:
            z, units = units, units + n_out
        code = -1 if last else CODES[names[i]]
        alpha = -1 if layer.alpha is None else layer.alpha.offset
        rows.append((n_in, n_out, width, layer.W.offset, code, z, v, a, delta, alpha, masked))
        a, masked = above, masked + (0 if last else n_out)
    s = layout.layers[0].s
    output = architecture.output_activation
    plan = Plan(
        layers=np.array(rows),
        scale=-1 if s is None else s.offset,
        head=HEADS[architecture.loss],
        output=SOFTMAX if output == "softmax" else CODES[output],
        dropout=architecture.dropout,
        masked=masked if architecture.dropout else 0,
    )
    return plan, units
