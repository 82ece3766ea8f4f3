"""Predictions and losses of many rows, block by block.

Every block has the same width: a row's prediction then does not depend, not even in its last
bit, on how many rows come with it or on its place among them.
"""

from __future__ import annotations

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.network import Network

BLOCK_ROWS = 512  # a block's activations stay in the second-level cache


def predict(network: Network, X: Array) -> Array:
    """Return y_hat of shape (N, K), float64, for rows `X` of shape (N, D).

    The layers run in the network's dtype; the output activation alone in float64, since in
    float32 a probability near 1 would leave nothing of the other class's.
    """
    ws = network.workspace(BLOCK_ROWS)
    ws.show(ws.rows, ws.Y)  # training in batches of this size shows it others
    y_hat: Array = np.empty(ws.z[-1].shape)
    out: Array = np.empty((len(X), len(y_hat)))
    for start in range(0, len(X), BLOCK_ROWS):
        block = X[start : start + BLOCK_ROWS]
        ws.rows[: len(block), : X.shape[1]] = block
        network.head.predict(network.forward(ws).astype(np.float64), y_hat)
        out[start : start + len(block)] = y_hat[:, : len(block)].T
    return out


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
