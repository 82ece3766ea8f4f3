"""The way of the parameters through training: a copy after every so many epochs.

It only looks on: training with it gives the same weights as training without.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfit.nn.arrays import Array

MAX_POINTS = 200  # between the first and the last
MAX_BYTES = 2**26  # fewer points for networks of many parameters


@dataclass(frozen=True)
class Trajectory:
    """Points on the way: `epochs` (n,) ascending, 0 for the start; `parameters` (n, P)."""

    epochs: Array
    parameters: Array


class TrajectoryKeeper:
    """Keeps the start, every `stride`-th epoch and the last.

    Parameters
    ----------
    epochs : int
        How many there will be at most.
    n_bytes : int
        Of one copy.
    """

    def __init__(self, epochs: int, n_bytes: int) -> None:
        points = max(2, min(MAX_POINTS, MAX_BYTES // n_bytes))
        self.stride = -(-epochs // points)  # rounded up
        self.epochs: list[int] = []
        self.points: list[Array] = []

    def add(self, epoch: int, parameters: Array) -> None:
        """Take the parameters (P,) after `epoch`; the last ones given are always kept."""
        if self.epochs and self.epochs[-1] % self.stride:
            self.epochs.pop()
            self.points.pop()
        self.epochs.append(epoch)
        self.points.append(parameters.copy())

    def trajectory(self) -> Trajectory:
        """Return what was kept."""
        return Trajectory(np.array(self.epochs, np.int64), np.array(self.points))

    def restore(self, epochs: Array, parameters: Array) -> None:
        """Go on from points kept before.

        Raises
        ------
        ValueError
            When their epochs do not go up from 0.
        """
        if epochs[:1].tolist() != [0] or (np.diff(epochs) <= 0).any():
            raise ValueError("'path_epochs' do not go up from 0")
        self.epochs, self.points = epochs.tolist(), list(parameters)
