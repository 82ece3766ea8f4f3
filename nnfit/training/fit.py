"""The epoch loop: minibatches in, the best epoch's weights and the history out.

Gradient descent is the case batch_size = N; everything smaller is stochastic gradient descent.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.inference import logits, weighted_mean
from nnfit.nn.network import Network
from nnfit.nn.optimizers import Optimizer, clip_norm
from nnfit.nn.schedules import Schedule
from nnfit.observer import EpochRecord, Observer
from nnfit.training.divergence import Diverged, epochs_to_stay
from nnfit.training.parts import Examples, Result, Settings, judged_rows
from nnfit.training.path import PathKeeper
from nnfit.training.shards import Shards
from nnfit.training.state import Progress, roll_back
from nnfit.training.stop import StopRequest

PROGRESS_SECONDS = 0.2
WINDOW_BYTES = 2**20  # rows gathered at once: they should stay in the second-level cache


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
        From y_hat (N, K) of the validation rows, or else of the `judged_rows` of those in
        training, to the figure shown beside the loss.
    stop : StopRequest
        Looked at before each minibatch.
    shards : Shards, optional
        Works out the gradients of large batches; without it the network itself does.

    Attributes
    ----------
    keep : callable, optional
        Called between two minibatches, every `checkpoint_seconds` and when a signal ends the
        run: it may `capture` the state of this Fit.

    Raises
    ------
    TrainingError
        From `run`, when the loss diverges.
    """

    keep: Callable[[Fit], None] | None = None

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
        self._judged = train[judged_rows(len(train))] if validation is None else validation
        self.batch_size = min(settings.batch_size, len(train))
        row_bytes = train.X.itemsize * train.X.shape[1]
        steps = max(1, WINDOW_BYTES // (row_bytes * self.batch_size))
        self.window_rows = min(steps * self.batch_size, len(train))
        self._X = np.empty_like(train.X[: self.window_rows])
        self._Y = np.empty_like(train.Y[: self.window_rows])
        self.logits = np.empty(self._Y.T.shape, network.dtype)  # of the window under way
        self.learning_rate = settings.learning_rate
        flat = network.parameters.flat
        best = flat.copy()
        self.progress = Progress(best, best.copy() if validation is None else None)
        self.path = PathKeeper(settings.epochs, flat.nbytes) if settings.keep_path else None
        self._pause_at = self._show_at = time.perf_counter() + PROGRESS_SECONDS
        self._keep_at = math.inf

    def run(self) -> Result:
        """Train until the epochs are over, patience runs out or a signal comes.

        Begins where `progress` stands.
        """
        p, settings = self.progress, self.settings
        begun_after = len(p.records)
        interrupted, failure = False, None
        if self.path is not None and not self.path.epochs:
            self.path.keep(0, self.network.parameters.flat)
        begin = time.perf_counter()
        if self.keep is not None:
            self._keep_at = begin + settings.checkpoint_seconds
            self._pause_at = min(self._show_at, self._keep_at)
        with np.errstate(all="ignore"):  # a loss that overflows is told once, as an error
            while len(p.records) < settings.epochs and not (
                interrupted or failure or self._out_of_patience()
            ):
                try:
                    interrupted = not self._epoch(len(p.records) + 1)
                except Diverged as diverged:
                    failure = roll_back(self, diverged)
        seconds = time.perf_counter() - begin
        if interrupted and self.keep is not None:
            self.keep(self)
        np.copyto(self.network.parameters.flat, p.best)
        rows = (len(p.records) - begun_after) * len(self.train)
        return Result(
            p.records,
            p.best_epoch,
            stopped_early=self._out_of_patience(),
            interrupted=interrupted,
            failure=failure,
            seconds=seconds,
            rows_per_second=rows / max(seconds, 1e-9),
            path=None if self.path is None else self.path.path(),
        )

    def _out_of_patience(self) -> bool:
        p, patience = self.progress, self.settings.patience
        return patience is not None and len(p.records) - p.best_epoch >= patience

    def _epoch(self, epoch: int) -> bool:
        """Train for an epoch, or the rest of it, and judge it; return False when stopped."""
        p, begin = self.progress, time.perf_counter()
        rows = len(self.train) - p.first - p.done
        train_loss = self._train_epoch(epoch)
        if train_loss is None:
            return False
        seconds = time.perf_counter() - begin
        record = self._record(epoch, train_loss, rows / max(seconds, 1e-9))
        began_well, is_best = p.add(record)
        if began_well and p.good is not None:
            np.copyto(p.good, p.best)
        if is_best:
            np.copyto(p.best, self.network.parameters.flat)
        if self.path is not None:
            self.path.keep(epoch, self.network.parameters.flat)
        self.schedule.end_epoch(record.validation_loss)
        self.observer.epoch(record, is_best and record.validation_loss is not None)
        steps = self._steps(len(self.train))
        if p.high == epochs_to_stay(steps):
            raise Diverged(
                f"loss grew from {p.lowest:.3g} to {train_loss:.3g} and stays there",
                epoch,
                steps,
                self.learning_rate,
            )
        return True

    def _train_epoch(self, epoch: int) -> float | None:
        """Go once over the rows; return the mean of the minibatch losses, None when stopped."""
        p, n = self.progress, len(self.train)
        order = None
        if self.batch_size < n:
            p.order = self.shuffling.bit_generator.state
            order = self.shuffling.permutation(n)
        for first in range(p.first, n, self.window_rows):
            p.first = first
            window = self._window(order, first)
            logits = self.logits[:, : len(window)]
            if not self._train_window(epoch, first, window, logits):
                return None
            losses = self.network.head.losses(logits, window.Y.T)
            s = window.weights
            loss = float(losses.sum(dtype=np.float64) if s is None else losses @ s)
            if not math.isfinite(loss):
                raise self._diverged(epoch, first, losses)
            p.loss_sum += loss
            p.weight_sum += float(len(window) if s is None else s.sum(dtype=np.float64))
            p.done = 0
        train_loss = p.loss_sum / p.weight_sum
        p.begin_epoch()
        return train_loss

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

        The logits (K, N) that each step saw are kept: their losses are worked out together.
        """
        network, size = self.network, self.batch_size
        dropout = network.architecture.dropout > 0.0
        for start in range(self.progress.done, len(window), size):
            if self.stop.signal is not None:
                self.progress.done = start
                return False
            stop = min(start + size, len(window))
            share = self._share(window.weights, start, stop)
            if share is None:  # rows that count for nothing teach nothing
                logits[:, start:stop] = 0.0
                continue
            X, Y = window.X[start:stop], window.Y[start:stop]
            if self.shards is not None:
                self.shards.differentiate(X, Y, share, logits[:, start:stop])
            else:
                ws = network.workspace(stop - start)
                ws.take(X, Y)
                if dropout:
                    network.draw_dropout(ws, self.dropout)
                logits[:, start:stop] = network.differentiate(ws, share, dropout)
            network.add_penalty()
            self._update(epoch - 1 + (first + (start + stop) / 2) / len(self.train))
            now = time.perf_counter()
            if now > self._pause_at:
                self.progress.done = stop
                self._pause(epoch, now)
        return True

    def _pause(self, epoch: int, now: float) -> None:
        """Say how far the epoch is, and have a checkpoint kept, as far as it is time."""
        if now > self._show_at:
            self._show_at = now + PROGRESS_SECONDS
            done = self.progress.first + self.progress.done
            self.observer.progress(epoch, done / len(self.train))
        if self.keep is not None and now > self._keep_at:
            self.keep(self)
            self._keep_at = time.perf_counter() + self.settings.checkpoint_seconds
        self._pause_at = min(self._show_at, self._keep_at)

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
        rate = self.settings.learning_rate * 0.5 ** len(self.progress.rollbacks)
        self.learning_rate = rate * self.schedule.at(epochs_done)
        if self.settings.clip_norm is not None:
            clip_norm(gradient, self.settings.clip_norm)
        self.optimizer.step(self.network.parameters.flat, gradient, self.learning_rate)

    def _steps(self, rows: int) -> int:
        """Return the number of the epoch's step that ends with its row `rows`, counted from 1."""
        return math.ceil(rows / self.batch_size)

    def _diverged(self, epoch: int, first: int, losses: Array) -> Diverged:
        """Return the error for the first loss that is not finite, or a sum that is not."""
        odd = np.flatnonzero(~np.isfinite(losses))
        row, loss = (int(odd[0]), losses[odd[0]]) if len(odd) else (len(losses) - 1, math.inf)
        step = self._steps(first + row + 1)
        return Diverged(f"loss became {loss}", epoch, step, self.learning_rate)

    def _record(self, epoch: int, train_loss: float, rows_per_second: float) -> EpochRecord:
        """Judge the epoch on the validation rows, where there are any, else on training rows."""
        judged, head = self._judged, self.network.head
        z = logits(self.network, judged.X)
        validation_loss = None
        if self.validation is not None:
            validation_loss = weighted_mean(head.losses(z, judged.Y.T), judged.weights)
            if not math.isfinite(validation_loss):
                raise Diverged(
                    f"validation loss became {validation_loss}",
                    epoch,
                    self._steps(len(self.train)),
                    self.learning_rate,
                )
        y_hat: Array = np.empty(z.shape)
        head.predict(z.astype(np.float64), y_hat)
        metric = self.metric(y_hat.T)
        return EpochRecord(
            epoch, train_loss, validation_loss, metric, self.learning_rate, rows_per_second
        )
