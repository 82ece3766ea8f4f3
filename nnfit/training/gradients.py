"""Where a minibatch's gradient comes from: the network in one piece, or another way to the sum.

The loop asks and steps along the answer; how the batch is cut, weighted and added up is not its.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.network import Network
from nnfit.training.examples import Examples


class Gradients(Protocol):
    """Works out gradients of one `network`, whose own is the one that it fills."""

    network: Network

    def differentiate(self, batch: Examples) -> Array | None:
        """Fill the network's gradient with that of the mean loss and the penalty.

        Each row's loss counts by its share of the weights of the `batch`.

        Returns
        -------
        ndarray of shape (K, N), or None
            z[L], from which the rows' losses are worked out later, many at once; valid until the
            next call. None when all rows weigh 0: they teach nothing, and there is no gradient.
        """


class Alone:
    """The network itself, on the whole batch; draws the `dropout` masks where it has any."""

    def __init__(self, network: Network, dropout: np.random.Generator) -> None:
        self.network = network
        self._rng, self._dropout = dropout, network.architecture.dropout > 0.0

    def differentiate(self, batch: Examples) -> Array | None:
        network, share = self.network, batch.share
        if share is None:
            return None
        ws = network.workspace(len(batch.X))
        ws.take(batch.X, batch.Y)
        if self._dropout:
            network.draw_dropout(ws, self._rng)
        z = network.differentiate(ws, share, self._dropout)
        network.add_penalty()
        return z
