"""Learning rates by group of parameters, and the NTK parametrisation as one of them.

The NTK parametrisation (Jacot, Gabriel & Hongler 2018) writes a layer of n inputs as
z = W' a / sqrt(n) + b with W' ~ N(0, 1). That is z = W a + b with W = W'/sqrt(n), so W starts with
variance 1/n, which is `lecun`. As dL/dW' = dL/dW / sqrt(n), a step along g' in W' is one in W:

    SGD            W' -= alpha g'             W -= alpha/n g             factor 1/n
    Adam, RMSprop  W' -= alpha g'/|g'|, say   W -= alpha/sqrt(n) g/|g|   factor 1/sqrt(n)

exactly for SGD with any momentum, and but for eps for the others, whose steps do not depend on the
gradient's scale. So nothing is added to a pass. Weight decay shrinks W' and W by one factor,
1 - alpha * decay, without the rate's; `l2` and `clip_norm` see W, not W'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.layout import Layout

NTK_POWER = {"sgd": 1.0}  # of 1/n; of the others 1/2


def rate_factors(
    layout: Layout, groups: Mapping[str, float], dtype: Any, ntk_of: str | None = None
) -> Array | None:
    """Return a factor of the learning rate for each parameter, shape (P,), None where all are 1.

    Parameters
    ----------
    groups : mapping of str to float
        The factor of each block's group; 1 for those that are not named.
    ntk_of : str, optional
        The optimizer by which W is to move as W' of the NTK parametrisation would.
    """
    factors: Array = np.ones(layout.size, dtype)
    for block in layout.blocks:
        factor = groups.get(block.group, 1.0)
        if ntk_of is not None and block.group == "weight":
            factor *= block.shape[1] ** -NTK_POWER.get(ntk_of, 0.5)
        block.of(factors).fill(factor)
    return None if (factors == 1.0).all() else factors
