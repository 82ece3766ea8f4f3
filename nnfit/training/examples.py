"""Rows as the network takes them, and the way they are gathered for an epoch's minibatches.

What the table's cells mean was settled before; nothing is learned here. Several members have rows
of their own: then the arrays have a first axis more, of members.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfit.nn.arrays import Array, over_mean
from nnfit.nn.losses import Share
from nnfit.nn.network import Network

MAX_JUDGED = 4096
Members = int | slice
"""One member, whose arrays then lack the axis of members, or some."""


@dataclass(slots=True)  # frozen, it would take four times as long to make one for every step
class Examples:
    """`X` (N, D) or, with a last column of ones for the bias, (N, D + 1); `Y` (N, K).

    `weights` (N,) are s_i / s_bar, s_bar the mean weight of all the rows that these are of; None
    for equal ones. Of several members X is (members, N, D + 1), and so on.
    """

    X: Array
    Y: Array
    weights: Array | None = None

    def __len__(self) -> int:
        return int(self.X.shape[-2])

    def __getitem__(self, rows: slice) -> Examples:
        s = self.weights
        return Examples(
            self.X[..., rows, :], self.Y[..., rows, :], None if s is None else s[..., rows]
        )

    def of(self, members: Members) -> Examples:
        """Return the rows of one member, or of some."""
        s = self.weights
        return Examples(self.X[members], self.Y[members], None if s is None else s[members])

    @property
    def share(self) -> Share:
        """Each row's share of these rows' loss, s_i / (N s_bar).

        The mean of so many minibatches as make an epoch is the loss of all rows. Divided by its
        own sum of weights, a minibatch would forget them: one of a single row altogether.
        """
        n = len(self)
        return 1.0 / n if self.weights is None else self.weights / n


def judged_rows(n: int) -> slice:
    """Return which of `n` training rows the metric is over where none are held out.

    All, or so many of them, evenly spread, that judging an epoch costs little beside it.
    """
    return slice(None, None, -(-n // MAX_JUDGED))


def network_rows(X: Array, Y: Array, weights: Array | None, network: Network) -> Examples:
    """Return the rows in the network's dtype, with the column of ones that carries the bias.

    The weights are in proportion to those given, not all 0, and their mean is 1.
    """
    rows = np.ones((len(X), X.shape[1] + network.architecture.bias), network.dtype)
    rows[:, : X.shape[1]] = X
    s = None if weights is None else over_mean(weights).astype(network.dtype)
    return Examples(rows, Y.astype(network.dtype), s)


class Windows:
    """Gathers the next `size` rows of an epoch at once, so that minibatches are slices of them.

    The last window of an epoch may have fewer. Several `members` each have rows in an order of
    their own.
    """

    def __init__(self, rows: Examples, size: int, members: int = 1) -> None:
        self.rows, self.size = rows, size
        lead = (members,) if members > 1 else ()
        self._X = np.empty((*lead, size, rows.X.shape[1]), rows.X.dtype)
        self._Y = np.empty((*lead, size, rows.Y.shape[1]), rows.Y.dtype)

    def gather(self, order: Array | None, first: int) -> Examples:
        """Return the window that begins with row `first` of the `order`; None is that of `rows`.

        The order has shape (n,), or (members, n). The window is valid until the next call.
        """
        if order is None:
            return self.rows[first : first + self.size]
        rows = order[..., first : first + self.size]
        n = rows.shape[-1]
        X, Y = self._X[..., :n, :], self._Y[..., :n, :]
        # mode="clip": the indices are known to be valid, and "raise" copies through a buffer
        np.take(self.rows.X, rows, axis=0, out=X, mode="clip")
        np.take(self.rows.Y, rows, axis=0, out=Y, mode="clip")
        s = self.rows.weights
        return Examples(X, Y, None if s is None else s[rows])
