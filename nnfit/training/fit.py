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
from nnfit.nn.network import Network
from nnfit.nn.optimizers import Optimizer, clip_norm
from nnfit.nn.schedules import Schedule
from nnfit.observer import EpochRecord, Observer
from nnfit.training.path import Path, PathKeeper
from nnfit.training.shards import Shards
from nnfit.training.stop import StopRequest

PROGRESS_SECONDS = 0.2
WINDOW_BYTES = 2**20  # rows gathered at once: they should stay in the second-level cache


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
    keep_path: bool = False


@dataclass(frozen=True)
class Result:
    """How the loop ended; the network holds the weights of `best_epoch` (0: no epoch ended)."""

    records: list[EpochRecord]
    best_epoch: int
    stopped_early: bool
    interrupted: bool
    seconds: float
    rows_per_second: float
    path: Path | None = None  # where the settings ask for it


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
    shards : Shards, optional
        Works out the gradients of large batches; without it the network itself does.

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
        shards: Shards | None = None,
    ) -> None:
        self.network, self.optimizer, self.schedule = network, optimizer, schedule
        self.settings, self.train, self.validation = settings, train, validation
        self.shuffling, self.dropout = shuffling, dropout
        self.metric, self.observer, self.stop = metric, observer, stop
        self.shards = shards
        self.batch_size = min(settings.batch_size, len(train))
        row_bytes = train.X.itemsize * train.X.shape[1]
        steps = max(1, WINDOW_BYTES // (row_bytes * self.batch_size))
        self.window_rows = min(steps * self.batch_size, len(train))
        self._X = np.empty_like(train.X[: self.window_rows])
        self._Y = np.empty_like(train.Y[: self.window_rows])
        self._logits = np.empty_like(self._Y)
        self.learning_rate = settings.learning_rate
        self._shown = time.perf_counter()
        flat = network.parameters.flat
        self.path = PathKeeper(settings.epochs, flat.nbytes) if settings.keep_path else None

    def run(self) -> Result:
        """Train until the epochs are over, patience runs out or a signal comes."""
        records: list[EpochRecord] = []
        best_epoch, best_loss = 0, math.inf
        best = self.network.parameters.flat.copy()
        stopped_early = False
        if self.path is not None:
            self.path.keep(0, best)
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
                if self.path is not None:
                    self.path.keep(epoch, self.network.parameters.flat)
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
            path=None if self.path is None else self.path.path(),
        )

    def _train_epoch(self, epoch: int) -> float | None:
        """Go once over the rows; return the mean of the minibatch losses, None when stopped."""
        n = len(self.train)
        order = self.shuffling.permutation(n) if self.batch_size < n else None
        loss_sum = weight_sum = 0.0
        for first in range(0, n, self.window_rows):
            window = self._window(order, first)
            logits = self._logits[: len(window)]
            if not self._train_window(epoch, first, window, logits):
                return None
            losses = self.network.head.losses(logits.T, window.Y.T)
            if not np.isfinite(losses).all():
                raise self._diverged(epoch, first, losses)
            s = window.weights
            loss_sum += float(losses.sum(dtype=np.float64) if s is None else losses @ s)
            weight_sum += float(len(window) if s is None else s.sum(dtype=np.float64))
        return loss_sum / weight_sum

    def _window(self, order: Array | None, first: int) -> Examples:
        """Return the next rows of the epoch, gathered so that minibatches are slices of them."""
        train = self.train
        if order is None:
            return train
        rows = order[first : first + self.window_rows]
        X, Y = self._X[: len(rows)], self._Y[: len(rows)]
        # mode="clip": the indices are known to be valid, and "raise" copies through a buffer
        np.take(train.X, rows, axis=0, out=X, mode="clip")
        np.take(train.Y, rows, axis=0, out=Y, mode="clip")
        return Examples(X, Y, None if train.weights is None else train.weights[rows])

    def _train_window(self, epoch: int, first: int, window: Examples, logits: Array) -> bool:
        """Update the parameters from each minibatch in turn; return False when stopped.

        The logits that each step saw are kept: their losses are worked out together.
        """
        network, size = self.network, self.batch_size
        dropout = network.architecture.dropout > 0.0
        for start in range(0, len(window), size):
            if self.stop.signal is not None:
                return False
            stop = min(start + size, len(window))
            share = self._share(window.weights, start, stop)
            if share is None:  # rows that count for nothing teach nothing
                logits[start:stop] = 0.0
                continue
            X, Y = window.X[start:stop], window.Y[start:stop]
            if self.shards is not None:
                self.shards.differentiate(X, Y, share, logits[start:stop])
            else:
                ws = network.workspace(stop - start)
                ws.show(X, Y)
                if dropout:
                    network.draw_dropout(ws, self.dropout)
                logits[start:stop] = network.differentiate(ws, share, dropout).T
            network.add_penalty()
            self._update(epoch - 1 + (first + (start + stop) / 2) / len(self.train))
            now = time.perf_counter()
            if now - self._shown > PROGRESS_SECONDS:
                self._shown = now
                self.observer.progress(epoch, (first + stop) / len(self.train))
        return True

    def _share(self, weights: Array | None, start: int, stop: int) -> Array | float | None:
        """Return each row's share of the minibatch's mean, None when all weigh 0."""
        if weights is None:
            return 1.0 / (stop - start)
        s = weights[start:stop]
        total = s.sum()
        return s / total if total else None

    def _update(self, epochs_done: float) -> None:
        """Take one step along the gradient in the network."""
        gradient = self.network.gradient.flat
        self.learning_rate = self.settings.learning_rate * self.schedule.at(epochs_done)
        if self.settings.clip_norm is not None:
            clip_norm(gradient, self.settings.clip_norm)
        self.optimizer.step(self.network.parameters.flat, gradient, self.learning_rate)

    def _diverged(self, epoch: int, first: int, losses: Array) -> TrainingError:
        """Return the error for the first loss that is not finite."""
        row = int(np.flatnonzero(~np.isfinite(losses))[0])
        step = (first + row) // self.batch_size + 1
        return TrainingError(
            f"loss became {losses[row]} in epoch {epoch}, step {step} "
            f"(learning_rate={self.learning_rate:g}); try a smaller optimizer.learning_rate, "
            "or set optimizer.clip_norm"
        )

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
