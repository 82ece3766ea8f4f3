"""What goes into the epoch loop and what comes out of it; the loop itself is in `fit`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nnfit.errors import TrainingError
from nnfit.nn.arrays import Array, in_proportion
from nnfit.nn.network import Network
from nnfit.observer import EpochRecord
from nnfit.training.path import Path

MAX_JUDGED = 4096


@dataclass(frozen=True)
class Examples:
    """Rows as the network takes them.

    `X` (N, D) or, with a last column of ones for the bias, (N, D + 1); `Y` (N, K); `weights`
    (N,) or None for equal ones.
    """

    X: Array
    Y: Array
    weights: Array | None = None

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: slice) -> Examples:
        return Examples(
            self.X[rows], self.Y[rows], None if self.weights is None else self.weights[rows]
        )


@dataclass(frozen=True)
class Settings:
    """The part of the config that the loop itself needs."""

    epochs: int
    batch_size: int
    learning_rate: float
    patience: int | None = None
    clip_norm: float | None = None
    rollback: bool = False  # where the loss diverges, instead of an error
    checkpoint_seconds: float = math.inf
    keep_path: bool = False


@dataclass(frozen=True)
class Result:
    """How the loop ended; the network holds the weights of `best_epoch` (0: no epoch ended).

    `failure` is set where the loss diverged in spite of every rollback.
    """

    records: list[EpochRecord]
    best_epoch: int
    stopped_early: bool
    interrupted: bool
    failure: TrainingError | None
    seconds: float
    rows_per_second: float
    path: Path | None = None  # where the settings ask for it


def judged_rows(n: int) -> slice:
    """Return which of `n` training rows the metric is over where none are held out.

    All, or so many of them, evenly spread, that judging an epoch costs little beside it.
    """
    return slice(None, None, -(-n // MAX_JUDGED))


def network_rows(X: Array, Y: Array, weights: Array | None, network: Network) -> Examples:
    """Return the rows in the network's dtype, with the column of ones that carries the bias.

    The weights are only in proportion to those given.
    """
    rows = np.ones((len(X), X.shape[1] + network.architecture.bias), network.dtype)
    rows[:, : X.shape[1]] = X
    s = None if weights is None else in_proportion(weights).astype(network.dtype)
    return Examples(rows, Y.astype(network.dtype), s)
