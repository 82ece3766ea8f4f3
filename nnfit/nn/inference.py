"""Predictions and losses of many rows, block by block.

Every block has the same width: a row's prediction then does not depend, not even in its last
bit, on how many rows come with it or on its place among them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.network import Network, Workspace

BLOCK_ROWS = 512  # a block's activations stay in the second-level cache
# Where a block is shorter, threads wait for the interpreter's lock more than they gain.
PARALLEL_BLOCK_FLOPS = 2e7

_spare_workspaces: WeakKeyDictionary[Network, list[Workspace]] = WeakKeyDictionary()


def predict(network: Network, X: Array, threads: int = 1) -> Array:
    """Return y_hat of shape (N, K), float64, for rows `X` of shape (N, D).

    The layers run in the network's dtype; the output activation alone in float64, since in
    float32 a probability near 1 would leave nothing of the other class's. May be called from
    several threads at once.

    Parameters
    ----------
    threads : int
        At most so many share the blocks. The matrix products are to use one thread each: with
        more of them some sums over inputs are added up in another order.
    """
    out: Array = np.empty((len(X), network.architecture.sizes[-1]))

    def y_hat(ws: Workspace) -> Array:
        z = network.forward(ws).astype(np.float64)
        y_hat: Array = np.empty_like(z)
        network.head.predict(z, y_hat)
        return y_hat

    _fill(out, network, X, y_hat, threads)
    return out


def hidden_layer(network: Network, X: Array, layer: int, threads: int = 1) -> Array:
    """Return a[layer] of shape (N, units) in the network's dtype, for rows `X` (N, D).

    Parameters
    ----------
    layer : int
        1 for the first hidden layer.
    threads : int
        As for `predict`.
    """
    out: Array = np.empty((len(X), network.architecture.sizes[layer]), network.dtype)

    def a(ws: Workspace) -> Array:
        network.forward(ws)
        return ws.active[layer - 1]

    _fill(out, network, X, a, threads)
    return out


def _fill(
    out: Array, network: Network, X: Array, work: Callable[[Workspace], Array], threads: int
) -> None:
    """Write into the rows of `out` what `work` returns, a column per row, for each block of `X`."""
    starts = iter(range(0, len(X), BLOCK_ROWS))  # shared: who is free takes the next block

    def fill() -> None:
        with _lent_workspace(network) as ws, np.errstate(all="ignore"):
            for start in starts:
                block = X[start : start + BLOCK_ROWS]
                ws.rows[: len(block), : X.shape[1]] = block
                out[start : start + len(block)] = work(ws)[:, : len(block)].T

    threads = min(threads, max(1, len(X) // BLOCK_ROWS))
    if threads == 1 or 2 * network.architecture.n_parameters * BLOCK_ROWS < PARALLEL_BLOCK_FLOPS:
        fill()
        return
    with ThreadPoolExecutor(threads) as pool:
        workers = [pool.submit(fill) for _ in range(threads)]
        try:
            wait(workers, return_when=FIRST_EXCEPTION)
        finally:  # after an error or a signal the others end with the blocks they have
            deque(starts, maxlen=0)
        for worker in workers:
            worker.result()


@contextmanager
def _lent_workspace(network: Network) -> Iterator[Workspace]:
    """Lend a workspace that no other thread has; making one may cost as much as a block."""
    spare = _spare_workspaces.setdefault(network, [])
    try:
        ws = spare.pop()
    except IndexError:
        ws = Workspace(network, BLOCK_ROWS)
    try:
        yield ws
    finally:
        spare.append(ws)


def mean_loss(network: Network, X: Array, Y: Array, weights: Array | None = None) -> float:
    """Return the (weighted) mean loss over the rows, without the penalty.

    Parameters
    ----------
    X : ndarray of shape (N, D)
    Y : ndarray of shape (N, K)
        Targets as the network sees them.
    weights : ndarray of shape (N,), optional
        s in L = sum(s_i l_i) / sum(s_i).
    """
    ws = network.workspace(BLOCK_ROWS)
    ws.show(ws.rows, ws.Y)  # training in batches of this size shows it others
    shares = np.full(len(X), 1.0) if weights is None else weights
    shares = (shares / shares.sum()).astype(network.dtype)
    value = 0.0
    for start in range(0, len(X), BLOCK_ROWS):
        n = min(BLOCK_ROWS, len(X) - start)
        ws.rows[:n, : X.shape[1]] = X[start : start + n]
        z = network.forward(ws)[:, :n]
        losses = network.head.losses(z, Y[start : start + n].T)
        value += float((losses * shares[start : start + n]).sum())
    return value
