"""How many threads the matrix products use: decided once per run, never per step."""

from __future__ import annotations

import os
from typing import Any

# below this a product is too short to share: the hand-over costs more than the second core gives
PARALLEL_FLOPS_PER_STEP = 5e7


def available_cores() -> int:
    """Return the number of cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose_threads(threads: int | str, flops_per_step: float) -> int:
    """Return the thread count for a run.

    `auto` is a function of the network's size alone, since a choice by the clock would let two
    runs of one config differ in their last bits.
    """
    if isinstance(threads, int):
        return threads
    return available_cores() if flops_per_step >= PARALLEL_FLOPS_PER_STEP else 1


def blas_threads(threads: int) -> Any:
    """Return a context in which the matrix products use `threads` threads."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=threads, user_api="blas")
