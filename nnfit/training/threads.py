"""How many threads a run uses: decided once, never per step.

The threads of the matrix products themselves are left alone unless asked for. They wait for
each other by spinning: beside another busy process a step can take a hundred times as long, and
their sums differ in the last bits from those of one thread. Shards do neither.
"""

from __future__ import annotations

import os
from typing import Any


def available_cores() -> int:
    """Return the number of cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose_threads(threads: int | str, shards: int) -> int:
    """Return the thread count for a run whose batches are cut into so many shards.

    Where `threads` is "auto", a core for each shard, if there are so many.
    """
    if isinstance(threads, int):
        return threads
    return min(available_cores(), shards)


def blas_threads(threads: int) -> Any:
    """Return a context in which the matrix products use `threads` threads."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=threads, user_api="blas")
