"""The gradient of a large batch: in blocks that stay in the cache, shared among the cores.

The batch is always cut at the same places and the sums go in the same order, so that the bits do
not depend on the number of threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.losses import Share
from nnfit.nn.network import Architecture, Network

PARTS = 4  # of a batch; more threads than that are not used
LARGE_BATCH = 4096  # rows; below that, starting the threads costs more than they save
BLOCK_BYTES = 2**19  # of one layer's activations


def pays(architecture: Architecture, batch_size: int) -> bool:
    """Return whether batches of this size are better cut up; dropout draws its masks in one go."""
    return batch_size >= LARGE_BATCH and not architecture.dropout


class Shards:
    """Workers that share one network's parameters, each with a gradient of its own; a context.

    Parameters
    ----------
    network : Network
        Its gradient receives the sum.
    n_threads : int
        The matrix products inside must then use one thread each.
    """

    def __init__(self, network: Network, n_threads: int) -> None:
        width = max(network.architecture.sizes)
        self.block_rows = max(256, BLOCK_BYTES // (width * network.dtype.itemsize))
        self.network = network
        self.workers = [self._worker() for _ in range(PARTS)]
        self._pool = ThreadPoolExecutor(min(n_threads, PARTS))

    def _worker(self) -> Network:
        worker = Network(replace(self.network.architecture, l2=0.0), self.network.dtype)
        worker.parameters = self.network.parameters
        return worker

    def differentiate(self, rows: Array, Y: Array, share: Share, logits: Array) -> None:
        """Fill the network's gradient with that of the loss, and `logits` (N, K).

        Parameters
        ----------
        rows : ndarray of shape (N, D + 1)
        Y : ndarray of shape (N, K)
        share : ndarray of shape (N,) or float
        """
        bounds = np.linspace(0, len(rows), PARTS + 1).astype(int).tolist()
        parts = [
            self._pool.submit(self._sum, worker, rows, Y, share, logits, start, stop)
            for worker, start, stop in zip(self.workers, bounds, bounds[1:], strict=False)
        ]
        gradient = self.network.gradient.flat
        gradient.fill(0.0)
        for part in parts:
            gradient += part.result()

    def _sum(
        self,
        worker: Network,
        rows: Array,
        Y: Array,
        share: Share,
        logits: Array,
        start: int,
        stop: int,
    ) -> Array:
        """Return the gradient summed over the rows from `start` to `stop`, block by block."""
        total: Array = np.zeros_like(worker.gradient.flat)
        with np.errstate(all="ignore"):  # each thread has its own setting
            for first in range(start, stop, self.block_rows):
                block = slice(first, min(first + self.block_rows, stop))
                ws = worker.workspace(block.stop - block.start)
                ws.show(rows[block], Y[block])
                part = share if isinstance(share, float) else share[block]
                logits[block] = worker.differentiate(ws, part).T
                total += worker.gradient.flat
        return total

    def __enter__(self) -> Shards:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown()
