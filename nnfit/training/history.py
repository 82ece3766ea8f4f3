"""What is kept of a run: the figures of its epochs, its steps, and the way of the parameters.

They only look on: training gives the same weights without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from nnfit.nn.arrays import Array, Described
from nnfit.observer import EpochRecord

MAX_POINTS = 200  # of a trajectory, between the first and the last
MAX_BYTES = 2**26  # fewer points for networks of many parameters
MAX_STEPS = 100_000  # whose losses are recorded; the first ones

FIELDS = ("epoch", "train_loss", "validation_loss", "metric", "learning_rate")
MEMBER_LOSSES = "member_validation_loss"  # of several members that are judged, (epochs, members)

MEMBER_METRICS = "member_metric"  # likewise, where a metric says which epoch is the best
_OF_MEMBERS = {MEMBER_LOSSES: "member_losses", MEMBER_METRICS: "member_metrics"}


def to_arrays(records: Iterable[EpochRecord]) -> dict[str, Array]:
    """Return one array of shape (epochs,) per field; NaN where an epoch has no value.

    Rows per second are left out: they differ from run to run, and equal runs give equal files.
    """
    records = list(records)
    arrays: dict[str, Array] = {
        name: np.array(
            [np.nan if (v := getattr(record, name)) is None else v for record in records],
            np.float64,
        )
        for name in FIELDS[1:]
    }
    for name, of in _OF_MEMBERS.items():
        members = np.array([getattr(record, of) for record in records], np.float64)
        if members.size:
            arrays[name] = members
    return {"epoch": np.array([record.epoch for record in records], np.int64), **arrays}


def from_arrays(arrays: Mapping[str, Array]) -> list[EpochRecord]:
    """Return the records that gave the arrays; their rows per second are not known (NaN)."""
    columns = [arrays[name].tolist() for name in FIELDS]
    nothing = np.empty((len(columns[0]), 0))
    columns += [arrays.get(name, nothing).tolist() for name in _OF_MEMBERS]
    return [
        EpochRecord(
            epoch=epoch,
            train_loss=train_loss,
            validation_loss=None if np.isnan(validation_loss) else validation_loss,
            metric=None if np.isnan(metric) else metric,
            learning_rate=learning_rate,
            rows_per_second=np.nan,
            member_losses=tuple(losses),
            member_metrics=tuple(metrics),
        )
        for epoch, train_loss, validation_loss, metric, learning_rate, losses, metrics in zip(
            *columns, strict=True
        )
    ]


@dataclass(frozen=True)
class Steps:
    """The mean loss of each step's minibatch, before the step: `losses` (n,), from the first.

    `per_epoch` steps make an epoch.
    """

    per_epoch: int
    losses: Array


def n_recorded(epochs: int, per_epoch: int) -> int:
    """Return how many losses of steps are kept of so many epochs."""
    return min(epochs * per_epoch, MAX_STEPS)


class StepRecorder:
    """Records the losses of steps in the order in which they were taken."""

    def __init__(self, epochs: int, per_epoch: int) -> None:
        self.per_epoch, self.n = per_epoch, 0
        self._losses = np.empty(n_recorded(epochs, per_epoch))

    def add(self, losses: Array) -> None:
        """Take the losses of the next steps; those beyond the limit are let go."""
        some = losses[: len(self._losses) - self.n]
        self._losses[self.n : self.n + len(some)] = some
        self.n += len(some)

    def go_back(self, epochs: int) -> None:
        """Forget what came after so many epochs."""
        self.n = min(self.n, epochs * self.per_epoch)

    def steps(self) -> Steps:
        """Return what was recorded."""
        return Steps(self.per_epoch, self._losses[: self.n])

    def restore(self, losses: Array) -> None:
        """Go on from losses recorded before.

        Raises
        ------
        ValueError
            When they are not finite.
        """
        if not np.isfinite(losses).all():
            raise ValueError("'step_losses' holds numbers that are not finite")
        self.n = 0
        self.add(losses)


def describe(epochs: int, judged_members: int = 1, by_metric: bool = False) -> Described:
    """Return the shape and dtype of the arrays of so many epochs, by their names in files.

    Where there are several `judged_members`, each one's validation loss is there too, and its
    metric where that says which epoch is the best.
    """
    dtypes = {name: np.dtype(np.int64 if name == "epoch" else np.float64) for name in FIELDS}
    found: Described = {f"history_{name}": ((epochs,), dtype) for name, dtype in dtypes.items()}
    if judged_members > 1 and epochs:
        for name in [MEMBER_LOSSES, *[MEMBER_METRICS] * by_metric]:
            found[f"history_{name}"] = ((epochs, judged_members), np.dtype(np.float64))
    return found


@dataclass(frozen=True)
class Trajectory:
    """Points on the way: `epochs` (n,) ascending, 0 for the start; `parameters` (n, P)."""

    epochs: Array
    parameters: Array


class TrajectoryKeeper:
    """Keeps the start, every `stride`-th epoch and the last, of `epochs` at most.

    A copy of the parameters has `n_bytes`.
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
