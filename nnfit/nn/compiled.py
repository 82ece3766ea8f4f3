"""Adam's update in one pass over memory, compiled by Numba where the extra `fast` brought it.

The same operations in the same order as `optimizers.Adam`, which is the reference: the bits are
the same, so that no result depends on what is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.optimizers import BETAS, Adam, Optimizer

# What it saves, beside what it costs to load it: seconds on the slower side of what was measured.
SAVED_PER_STEP = 1.5e-6
SAVED_PER_PARAMETER = 5e-10
LOADING = 1.0


def pays(optimizer: Optimizer, steps: int, n_parameters: int) -> bool:
    """Return whether `compiled` is to be had and saves more than its loading takes."""
    saved = steps * (SAVED_PER_STEP + n_parameters * SAVED_PER_PARAMETER)
    return type(optimizer) is Adam and saved > LOADING and find_spec("numba") is not None


class CompiledAdam(Adam):
    """`Adam`, bit for bit, its loop over the parameters compiled.

    Raises
    ------
    ImportError
        Without Numba.
    """

    def __init__(
        self,
        is_weight: Array,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = BETAS,
        *,
        rates: Array | None = None,
    ) -> None:
        import numba

        super().__init__(is_weight, weight_decay, betas, rates=rates)
        # no fastmath: reordered or contracted operations would round in another way
        self._kernel: Any = numba.njit(cache=True, error_model="numpy", nogil=True)(_adam)

    def _update(
        self, parameters: Array, gradient: Array, moments: Sequence[Array], rate: Array
    ) -> None:
        M, V = moments
        self._kernel(
            parameters, gradient, M, V,
            self._beta1, self._beta2, self._eps_over_c, rate,
        )  # fmt: skip


# the arrays of one step, as `Kernel` names them
def _adam(
    parameters: Array,
    gradient: Array,
    M: Array,
    V: Array,
    beta1: Array,
    beta2: Array,
    eps_over_c: Array,
    rate: Array,
) -> None:
    """Do for each parameter what `Adam._update` does for all, line by line."""
    b1, b2, eps = beta1[()], beta2[()], eps_over_c[()]
    for i in range(parameters.size):
        g = gradient[i]
        m = M[i] * b1 + g
        v = V[i] * b2 + g * g
        M[i] = m
        V[i] = v
        alpha = rate[()] if rate.ndim == 0 else rate[i]  # chosen when it is compiled
        parameters[i] -= m / (np.sqrt(v) + eps) * alpha
