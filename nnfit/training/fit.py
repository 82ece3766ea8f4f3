"""The epoch loop: minibatches in, the best epoch's weights and the history out.

Gradient descent is the case batch_size = N; everything smaller is stochastic gradient descent.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nnfit.errors import TrainingError
from nnfit.nn.arrays import Array
from nnfit.nn.inference import mean_loss, predict
from nnfit.nn.network import Network, Workspace
from nnfit.nn.optimizers import Optimizer, clip_norm
from nnfit.nn.schedules import Schedule
from nnfit.observer import EpochRecord, Observer
from nnfit.training.stop import StopRequest

PROGRESS_SECONDS = 0.2


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


@dataclass(frozen=True)
class Settings:
    """The part of the config that the loop itself needs."""

    epochs: int
    batch_size: int
    learning_rate: float
    patience: int | None = None
    clip_norm: float | None = None


@dataclass(frozen=True)
class Result:
    """How the loop ended; the network holds the weights of `best_epoch` (0: no epoch ended)."""

    records: list[EpochRecord]
    best_epoch: int
    stopped_early: bool
    interrupted: bool
    seconds: float
    rows_per_second: float


def network_rows(X: Array, Y: Array, weights: Array | None, network: Network) -> Examples:
    """Return the rows in the network's dtype, with the column of ones that carries the bias."""
    rows = np.ones((len(X), X.shape[1] + network.architecture.bias), network.dtype)
    rows[:, : X.shape[1]] = X
    s = None if weights is None else weights.astype(network.dtype)
    return Examples(rows, Y.astype(network.dtype), s)


class Fit:
    """One run of the loop over `train`.

    Parameters
    ----------
    network : Network
        Initialised; trained in place.
    train, validation : Examples
        From `network_rows`. With validation rows the weights of the epoch with the lowest
        validation loss are kept, otherwise those of the last epoch.
    shuffling, dropout : Generator
        The order of the rows, and the dropout masks.
    metric : callable
        From y_hat (N, K) of the validation rows to the figure shown beside the loss.
    stop : StopRequest
        Looked at before each minibatch.

    Raises
    ------
    TrainingError
        From `run`, when a loss is not finite.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        schedule: Schedule,
        settings: Settings,
        train: Examples,
        validation: Examples | None,
        *,
        shuffling: np.random.Generator,
        dropout: np.random.Generator,
        metric: Callable[[Array], float],
        observer: Observer,
        stop: StopRequest,
    ) -> None:
        self.network, self.optimizer, self.schedule = network, optimizer, schedule
        self.settings, self.train, self.validation = settings, train, validation
        self.shuffling, self.dropout = shuffling, dropout
        self.metric, self.observer, self.stop = metric, observer, stop
        self.batch_size = min(settings.batch_size, len(train))
        self.n_steps = math.ceil(len(train) / self.batch_size)
        self.learning_rate = settings.learning_rate
        self._shown = time.perf_counter()

    def run(self) -> Result:
        """Train until the epochs are over, patience runs out or a signal comes."""
        records: list[EpochRecord] = []
        best_epoch, best_loss = 0, math.inf
        best = self.network.parameters.flat.copy()
        stopped_early = False
        begin = time.perf_counter()
        with np.errstate(all="ignore"):  # a loss that overflows is told once, as an error
            for epoch in range(1, self.settings.epochs + 1):
                epoch_begin = time.perf_counter()
                train_loss = self._train_epoch(epoch)
                if train_loss is None:
                    break
                seconds = time.perf_counter() - epoch_begin
                record = self._record(epoch, train_loss, len(self.train) / max(seconds, 1e-9))
                records.append(record)
                self.schedule.end_epoch(record.validation_loss)
                loss = record.validation_loss
                improved = loss is None or loss < best_loss
                if improved:
                    best_epoch, best_loss = epoch, math.inf if loss is None else loss
                    np.copyto(best, self.network.parameters.flat)
                self.observer.epoch(record, improved and loss is not None)
                patience = self.settings.patience
                if patience is not None and epoch - best_epoch >= patience:
                    stopped_early = True
                    break
        np.copyto(self.network.parameters.flat, best)
        seconds = time.perf_counter() - begin
        return Result(
            records,
            best_epoch,
            stopped_early,
            interrupted=self.stop.signal is not None,
            seconds=seconds,
            rows_per_second=len(records) * len(self.train) / max(seconds, 1e-9),
        )

    def _train_epoch(self, epoch: int) -> float | None:
        """Go once over the rows; return the mean of the minibatch losses, None when stopped."""
        n, size = len(self.train), self.batch_size
        order = self.shuffling.permutation(n) if size < n else np.arange(n)
        loss_sum = weight_sum = 0.0
        for step in range(self.n_steps):
            if self.stop.signal is not None:
                return None
            rows = order[step * size : (step + 1) * size]
            loss, weight = self._step(epoch, step, rows)
            loss_sum += loss * weight
            weight_sum += weight
            now = time.perf_counter()
            if now - self._shown > PROGRESS_SECONDS:
                self._shown = now
                self.observer.progress(epoch, (step + 1) / self.n_steps)
        return loss_sum / weight_sum

    def _step(self, epoch: int, step: int, rows: Array) -> tuple[float, float]:
        """Update the parameters from one minibatch; return its mean loss and its weight."""
        network, architecture = self.network, self.network.architecture
        ws = network.workspace(len(rows))
        share, weight = self._gather(ws, rows)
        if weight == 0.0:  # rows that count for nothing teach nothing
            return 0.0, 0.0
        if architecture.dropout:
            network.draw_dropout(ws, self.dropout)
        loss = float(network.loss_and_gradient(ws, share, dropout=architecture.dropout > 0))
        done = epoch - 1 + (step + 0.5) / self.n_steps
        self.learning_rate = self.settings.learning_rate * self.schedule.at(done)
        if not math.isfinite(loss):
            raise TrainingError(
                f"loss became {loss} in epoch {epoch}, step {step + 1} "
                f"(learning_rate={self.learning_rate:g}); try a smaller optimizer.learning_rate, "
                "or set optimizer.clip_norm"
            )
        gradient = network.gradient.flat
        if self.settings.clip_norm is not None:
            clip_norm(gradient, self.settings.clip_norm)
        self.optimizer.step(network.parameters.flat, gradient, self.learning_rate)
        return loss, weight

    def _gather(self, ws: Workspace, rows: Array) -> tuple[Array | float, float]:
        """Copy the minibatch into `ws`; return each row's share of the mean, and the total."""
        train = self.train
        # mode="clip": the indices are known to be valid, and "raise" copies through a buffer
        np.take(train.X, rows, axis=0, out=ws.rows, mode="clip")
        np.take(train.Y, rows, axis=0, out=ws.Y, mode="clip")
        if train.weights is None:
            return 1.0 / len(rows), float(len(rows))
        s = train.weights[rows]
        weight = float(s.sum())
        return (s / weight if weight else s), weight

    def _record(self, epoch: int, train_loss: float, rows_per_second: float) -> EpochRecord:
        """Judge the epoch on the validation rows, where there are any."""
        validation_loss = metric = None
        if self.validation is not None:
            v = self.validation
            validation_loss = mean_loss(self.network, v.X, v.Y, v.weights)
            if not math.isfinite(validation_loss):
                raise TrainingError(
                    f"validation loss became {validation_loss} in epoch {epoch} "
                    f"(learning_rate={self.learning_rate:g}); "
                    "try a smaller optimizer.learning_rate, or set optimizer.clip_norm"
                )
            metric = self.metric(predict(self.network, v.X))
        return EpochRecord(
            epoch, train_loss, validation_loss, metric, self.learning_rate, rows_per_second
        )
