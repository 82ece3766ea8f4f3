"""Where a minibatch's gradient comes from: the network in one piece, or in shards.

The loop asks and steps along the answer; how the batch is cut, weighted and added up is not its.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import numpy as np

from nnfit.nn.architecture import Architecture
from nnfit.nn.arrays import Array
from nnfit.nn.losses import Share
from nnfit.nn.network import Network
from nnfit.observer import Observer
from nnfit.training.examples import Examples

LARGE_BATCH = 4096  # rows, from which four shards pay for any network
LARGE_WORK = 10**9  # weights x rows, from which two shards pay for any batch of some size
SMALLEST_SHARD = 256  # rows; the matrix products of fewer are slow
BLOCK_BYTES = 2**20  # of one layer's activations, about
PROBES = 3  # steps on one thread, and as many on all, before the choice


class Gradients(Protocol):
    """Works out gradients of one `network`, whose own is the one that it fills."""

    network: Network

    def differentiate(self, batch: Examples) -> Array:
        """Fill the network's gradient with that of the batch's loss and the penalty.

        Each row's loss counts by its share, so that the gradients of an epoch's minibatches have
        that of all rows as their mean.

        Returns
        -------
        ndarray of shape (K, N)
            z[L], from which the rows' losses are worked out later, many at once; valid until the
            next call.
        """


class Alone:
    """The network itself, on the whole batch; masks are drawn from each member's `dropout`."""

    def __init__(self, network: Network, *dropout: np.random.Generator) -> None:
        self.network = network
        self._streams, self._dropout = dropout, network.architecture.dropout > 0.0

    def differentiate(self, batch: Examples) -> Array:
        network = self.network
        ws = network.workspace(len(batch))
        ws.take(batch.X, batch.Y)
        if self._dropout:
            network.draw_dropout(ws, *self._streams)
        z = network.differentiate(ws, batch.share, self._dropout)
        network.add_penalty()
        return z


def n_shards(architecture: Architecture, batch_size: int) -> int:
    """Return into how many shards a batch is cut, by sizes alone: 1, 2 or 4."""
    if architecture.dropout:  # draws its masks in one go
        return 1
    if batch_size >= LARGE_BATCH:
        return 4
    work = batch_size * architecture.n_parameters
    return 2 if work >= LARGE_WORK and batch_size >= 2 * SMALLEST_SHARD else 1


class Shards:
    """`Gradients` of a large batch, without dropout: in blocks that stay in the cache; a context.

    Workers share the network's parameters and the blocks, each with a gradient of its own. The
    batch is always cut at the same places and the sums go in the same order, so that the bits do
    not depend on the number of threads.

    Parameters
    ----------
    network : Network
        Its gradient receives the sum.
    n : int
        How many workers there are, from `n_shards`.
    n_threads : int
        The matrix products inside must then use one thread each.
    probe : bool
        Take the first steps on one thread and on all in turn, and go on with the faster, as
        `observer` hears.
    """

    def __init__(
        self, network: Network, n: int, *, n_threads: int, probe: bool, observer: Observer
    ) -> None:
        width = max(network.architecture.sizes)
        self.block_rows = max(SMALLEST_SHARD, BLOCK_BYTES // (width * network.dtype.itemsize))
        self.network, self.observer = network, observer
        self.workers: list[Network] = []
        for _ in range(n):
            alike = type(network)(replace(network.architecture, l2=0.0), network.dtype)
            self.workers.append(alike)
            self.workers[-1].parameters = network.parameters
        self.sums = [np.empty_like(network.gradient.flat) for _ in range(n)]
        self.n_threads = min(n_threads, n)
        self._pool = ThreadPoolExecutor(self.n_threads)
        self._alone = self.n_threads == 1
        self._probing = probe and not self._alone
        self._seconds: dict[bool, list[float]] = {True: [], False: []}  # by alone or not

    def differentiate(self, batch: Examples) -> Array:
        """Fill the network's gradient and return the logits (K, N), as `Gradients` says."""
        share = batch.share
        logits: Array = np.empty(batch.Y.T.shape, self.network.dtype)
        bounds = np.linspace(0, len(batch), len(self.workers) + 1).astype(int).tolist()
        gradient = self.network.gradient.flat

        def total(k: int) -> Array:
            return self._sum(k, batch, share, logits, bounds[k], bounds[k + 1])

        begin = time.perf_counter()
        places = range(len(self.workers))
        sums = list(map(total, places) if self._alone else self._pool.map(total, places))
        np.copyto(gradient, sums[0])
        for k in places[1:]:
            gradient += sums[k]
        if self._probing:
            self._probe(time.perf_counter() - begin)
        self.network.add_penalty()
        return logits

    def _probe(self, seconds: float) -> None:
        """Note how long a step took; after the last probe choose how to go on."""
        self._seconds[self._alone].append(seconds)
        self._alone = not self._alone
        if min(map(len, self._seconds.values())) < PROBES:
            return
        alone, together = (min(self._seconds[key]) for key in (True, False))
        self._alone, self._probing = alone <= together, False
        self.observer.note(
            f"threads: {1 if self._alone else self.n_threads} "
            f"(a step takes {alone * 1e3:.3g} ms on 1, {together * 1e3:.3g} ms on {self.n_threads})"
        )

    def _sum(
        self, k: int, batch: Examples, share: Share, logits: Array, start: int, stop: int
    ) -> Array:
        """Return the gradient summed over the rows from `start` to `stop`, block by block."""
        worker, total = self.workers[k], self.sums[k]
        n_blocks = max(1, round((stop - start) / self.block_rows))  # of one size: none is slow
        bounds = np.linspace(start, stop, n_blocks + 1).astype(int).tolist()
        with np.errstate(all="ignore"):  # each thread has its own setting
            for first, last in zip(bounds, bounds[1:], strict=False):
                block = slice(first, last)
                ws = worker.workspace(last - first)
                ws.take(batch.X[block], batch.Y[block])
                of_block = share if isinstance(share, float) else share[block]
                logits[:, block] = worker.differentiate(ws, of_block)
                if n_blocks == 1:
                    return worker.gradient.flat
                if first == start:
                    np.copyto(total, worker.gradient.flat)
                else:
                    total += worker.gradient.flat
        return total

    def __enter__(self) -> Shards:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()
