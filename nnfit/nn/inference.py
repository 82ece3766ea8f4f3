"""Predictions and losses of many rows, block by block.

All blocks of a prediction have one width, and rows stand only in places of it that are alike: a
row's prediction then does not depend, not even in its last bit, on how many rows come with it or
on its place among them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np

from nnfit.budget import MAX_UNITS, block_widths
from nnfit.nn.architecture import Architecture
from nnfit.nn.arrays import Array, shares
from nnfit.nn.losses import GaussianNLL, Head
from nnfit.nn.network import Network, Workspace, product_of

BLOCK_ROWS = 512  # a block's activations stay in the second-level cache
BLOCK_WIDTHS = (BLOCK_ROWS, 256, 128)  # in this order, where a wide network leaves the choice
# Where a block is shorter, threads wait for the interpreter's lock more than they gain.
PARALLEL_BLOCK_FLOPS = 2e7

_spare_workspaces: WeakKeyDictionary[Network, list[Workspace]] = WeakKeyDictionary()


def predict(network: Network, X: Array, threads: int = 1) -> Array:
    """Return y_hat of shape (N, K), float64, for rows `X` of shape (N, D).

    The layers run in the network's dtype; the output activation alone in float64, since in
    float32 a probability near 1 would leave nothing of the other class's. Of several members it is
    what `mixture` makes of theirs: of probabilities the mean, not of logits, whose mean a single
    member that is sure of a class, and wrong, could rule (Lakshminarayanan, Pritzel, Blundell
    2017). May be called from several threads at once.

    Parameters
    ----------
    threads : int
        At most so many share the blocks. The matrix products are to use one thread each: with
        more of them some sums over inputs are added up in another order.
    """
    out: Array = np.empty((len(X), network.architecture.sizes[-1]))
    _fill(out, network, X, lambda ws: mixture(network.head, _y_hat(network, ws)), threads)
    return out


def predict_with_spread(
    network: Network, X: Array, n_values: int, meaning: Callable[[Array], Array]
) -> Array:
    """Return the y_hat of `predict`, and in more columns the standard deviation over the members.

    The deviation is that of what `meaning` makes of each member's y_hat (N, K): values
    (N, n_values); 0 of one network. Shape (N, K + n_values), float64.
    """
    out: Array = np.empty((len(X), network.architecture.sizes[-1] + n_values))

    def both(ws: Workspace) -> Array:
        y_hats = _y_hat(network, ws).reshape(network.members, -1, ws.n_rows)
        each = [meaning(y_hat.T).T for y_hat in y_hats]
        return np.concatenate([mixture(network.head, y_hats), np.std(each, axis=0)])

    _fill(out, network, X, both, 1)
    return out


def _y_hat(network: Network, ws: Workspace) -> Array:
    """Return the predictions of the rows in `ws`, (..., K, N)."""
    z = network.forward(ws).astype(np.float64)
    y_hat: Array = np.empty_like(z)
    network.head.predict(z, y_hat)
    return y_hat


def mixture(head: Head, y_hat: Array) -> Array:
    """Return what members say together, (K, N), of each one's predictions (members, K, N).

    It is their mean; but for the variance of a mixture of Gaussians, which is the mean of theirs
    and the variance of their means: the law of total variance. Of one network `y_hat` (K, N) is
    returned as it is.
    """
    if y_hat.ndim == 2:
        return y_hat
    together: Array = y_hat.mean(axis=0)
    if isinstance(head, GaussianNLL):
        together[1::2] += y_hat[:, ::2].var(axis=0)
    return together


def hidden_layer(
    network: Network,
    X: Array,
    layer: int,
    threads: int = 1,
    most: int | None = None,
    *,
    with_z: bool = False,
) -> Array:
    """Return a[layer] of shape (N, units) in the network's dtype, for rows `X` (N, D).

    Parameters
    ----------
    layer : int
        1 for the first hidden layer.
    most : int, optional
        Only so many units are wanted.
    threads : int
        As for `predict`.
    with_z : bool
        z[layer] too, in as many columns after them.
    """
    n_units = min(most or MAX_UNITS, network.architecture.sizes[layer])
    out: Array = np.empty((len(X), n_units * (1 + with_z)), network.dtype)

    def a(ws: Workspace) -> Array:
        network.forward(ws, layers=layer)
        units = slice(n_units)
        a = ws.units[layer - 1][..., units, :]
        return np.concatenate([a, ws.z[layer - 1][..., units, :]]) if with_z else a

    _fill(out, network, X, a, threads)
    return out


def _fill(
    out: Array, network: Network, X: Array, work: Callable[[Workspace], Array], threads: int
) -> None:
    """Write into the rows of `out` what `work` returns, a column per row, for each block of `X`."""
    width, places = alike_places(network.architecture, network.dtype, network.members)
    n_rows = len(places)
    starts = iter(range(0, len(X), n_rows))  # shared: who is free takes the next block

    def fill() -> None:
        with _lent_workspace(network, width) as ws, np.errstate(all="ignore"):
            for start in starts:
                block = X[start : start + n_rows]
                at = places[: len(block)]
                ws.load(block, places=at)
                out[start : start + len(block)] = work(ws)[..., at].T

    threads = min(threads, max(1, len(X) // width))
    if threads == 1 or 2 * network.architecture.n_parameters * width < PARALLEL_BLOCK_FLOPS:
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


@lru_cache(maxsize=16)
def alike_places(
    architecture: Architecture, dtype: np.dtype, members: int = 1
) -> tuple[int, Array]:
    """Return the width of a block, and those of its places (n,) that take rows.

    The matrix products of some processors work out the columns at a block's ends, or those of
    its two halves, in another order than the rest. So the products of this network are tried on
    columns that are all alike, and rows go where the results are alike too.
    """
    choices = []
    for width in block_widths(members * bytes_per_row(architecture, dtype), BLOCK_WIDTHS):
        choices.append((width, _alike(architecture, dtype, width, members > 1)))
        if len(choices[-1][1]) > 0.9 * width:
            break
    return max(choices, key=lambda choice: len(choice[1]) / choice[0])


def bytes_per_row(architecture: Architecture, dtype: np.dtype) -> int:
    """Return what a workspace has for each row, at most: z, a, delta and the slopes."""
    return 4 * sum(architecture.sizes) * dtype.itemsize


def _alike(architecture: Architecture, dtype: np.dtype, width: int, stacked: bool) -> Array:
    """Return the places of the most columns that come out alike, (n,)."""
    rng = np.random.default_rng(0)
    results = [0] * width  # of each place, all that came out there as one number
    for i, layer in enumerate(architecture.layout.layers):
        n_out, n_in = layer.Wb.shape
        lead = (1,) if stacked else ()
        product = product_of((*lead, *layer.Wb.shape), width)
        for _ in range(3 if layer.W.size < 10**5 else 1):  # a rounding can hide the order
            Wb = rng.standard_normal((n_out, n_in), dtype)
            column = rng.standard_normal((n_in, 1), dtype)
            a = np.repeat(column, width, axis=1)
            if i == 0:
                a = np.ascontiguousarray(a.T).T  # as the rows of a workspace lie
            z = np.empty((*lead, n_out, width), dtype)
            product(Wb.reshape(*lead, n_out, n_in), a, out=z)
            columns = np.ascontiguousarray(z.reshape(n_out, width).T)
            results = [
                hash((so_far, z.tobytes())) for so_far, z in zip(results, columns, strict=True)
            ]
    ((most, _),) = Counter(results).most_common(1)
    return np.flatnonzero(np.array(results) == most)


@contextmanager
def _lent_workspace(network: Network, width: int) -> Iterator[Workspace]:
    """Lend a workspace that no other thread has; making one may cost as much as a block."""
    spare = _spare_workspaces.setdefault(network, [])
    try:
        ws = spare.pop()
    except IndexError:
        ws = Workspace(network, width, forward_only=True)
    try:
        yield ws
    finally:
        spare.append(ws)


def logits(network: Network, X: Array, rows: Array | None = None) -> Array:
    """Return z[L] of shape (..., K, N), in the network's dtype: for judging many rows at once.

    The last block is as short as what is left, so that few rows cost little; a row's bits may
    depend on its place.

    Parameters
    ----------
    X : ndarray of shape (N, D), or (N, D + 1) with the ones that carry the bias
    rows : ndarray of int, optional
        The places of the N rows in an `X` that has more; they are copied a block at a time.
    """
    n = len(X) if rows is None else len(rows)
    shape = (*network.parameters.flat.shape[:-1], network.architecture.sizes[-1], n)
    out: Array = np.empty(shape, network.dtype)
    row = network.members * bytes_per_row(network.architecture, network.dtype)
    (n_rows,) = block_widths(row, (BLOCK_ROWS,))
    for start in range(0, n, n_rows):
        some = slice(start, start + n_rows)
        block = X[some] if rows is None else X.take(rows[some], axis=0)
        ws = network.workspace(len(block))
        if block.shape[-1] == ws.a[0].shape[-2] and block.dtype == network.dtype:
            ws.take(block)
        else:
            ws.load(block)
        out[..., start : start + len(block)] = network.forward(ws)
    return out


def weighted_mean(losses: Array, weights: Array | None) -> float:
    """Return sum(s_i l_i) / sum(s_i) of losses (N,); without weights every s_i is 1."""
    if weights is None:
        return float(losses.mean(dtype=np.float64))
    return float((losses * shares(weights, np.float64)).sum())


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
    return weighted_mean(network.head.losses(logits(network, X), Y.T), weights)
