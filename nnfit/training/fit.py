"""The epoch loop: minibatches in, the best epoch's weights and the history out.

Gradient descent is the case batch_size = N; everything smaller is stochastic gradient descent.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from nnfit.errors import TrainingError
from nnfit.nn.arrays import Array, total
from nnfit.observer import EpochRecord, Observer
from nnfit.training.divergence import Diverged, epochs_to_stay
from nnfit.training.examples import Examples, Members, Windows
from nnfit.training.history import Steps, Trajectory
from nnfit.training.judge import Judge
from nnfit.training.learners import Learner, Learners
from nnfit.training.state import EpochUnderWay, Settings, State, roll_back
from nnfit.training.stop import StopRequest

PROGRESS_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Result:
    """How the loop ended; the network holds the weights of `best_epoch` (0: no epoch ended).

    Of several members each has those of its own, in `best_epochs`, and `best_epoch` is their mean.

    `failure` is set where the loss diverged in spite of every rollback.
    """

    records: list[EpochRecord]
    best_epoch: int
    best_epochs: tuple[int, ...]
    stopped_early: bool
    interrupted: bool
    failure: TrainingError | None
    seconds: float
    rows_per_second: float
    trajectory: Trajectory | None  # where the settings ask for it
    steps: Steps | None  # likewise


class Fit:
    """One run of the loop over `train`.

    Parameters
    ----------
    learners : Learners
        Of the network that is trained, in place.
    state : State
        Where the run stands: at its beginning, or where a checkpoint was taken.
    train : Examples
        From `network_rows`.
    judge : Judge
        With validation rows the weights of the epoch with the lowest validation loss are kept, or
        of that with the settings' best metric; otherwise those of the last epoch.
    stop : StopRequest
        Looked at before each minibatch.

    Attributes
    ----------
    checkpoint : callable, optional
        Called between two minibatches, every `checkpoint_seconds` and when a signal ends the
        run, and at its own end where the settings say so: it may `capture` the state.
    pause_after : float
        After so many epochs it ends as if a signal had come.

    Raises
    ------
    TrainingError
        From `run`, when the loss diverges.
    """

    checkpoint: Callable[[State], None] | None = None
    pause_after: float = math.inf

    def __init__(
        self,
        learners: Learners,
        state: State,
        settings: Settings,
        train: Examples,
        *,
        judge: Judge,
        observer: Observer,
        stop: StopRequest,
    ) -> None:
        self.learners, self.state, self.settings = learners, state, settings
        self.train, self.judge, self.observer, self.stop = train, judge, observer, stop
        self.network = learners.network
        self._windows = Windows(train, state.sizes.window, self.network.members)
        self._pause_at = self._show_at = time.perf_counter() + PROGRESS_SECONDS
        self._checkpoint_at = math.inf

    def run(self) -> Result:
        """Train until the epochs are over, patience runs out or a signal comes.

        Begins where `state` stands.
        """
        state, settings = self.state, self.settings
        p, trajectory = state.progress, state.trajectory
        begun_after, interrupted, failure = len(p.records), False, None
        if trajectory is not None and not trajectory.epochs:
            trajectory.add(0, state.parameters)
        begin = time.perf_counter()
        if self.checkpoint is not None:
            self._checkpoint_at = begin + settings.checkpoint_seconds
            self._pause_at = min(self._show_at, self._checkpoint_at)
        with np.errstate(all="ignore"):  # a loss that overflows is told once, as an error
            while not (interrupted or failure or self.ended):
                try:
                    epoch = len(p.records) + 1
                    interrupted = epoch > self.pause_after or not self._epoch(epoch)
                except Diverged as diverged:
                    if not settings.rollback:
                        raise
                    failure = roll_back(state, diverged, self.observer)
        seconds = time.perf_counter() - begin
        stays = interrupted or (settings.checkpoint_end and failure is None)
        if stays and self.checkpoint is not None:
            self.checkpoint(state)
        np.copyto(state.parameters, state.best)
        if state.steps is not None:
            state.steps.go_back(len(p.records))  # those of an epoch that did not end
        rows = (len(p.records) - begun_after) * self._rows
        return Result(
            records=p.records,
            best_epoch=p.best_epoch,
            best_epochs=tuple(p.best_epochs),
            stopped_early=self._out_of_patience(),
            interrupted=interrupted,
            failure=failure,
            seconds=seconds,
            rows_per_second=rows / max(seconds, 1e-9),
            trajectory=None if trajectory is None else trajectory.trajectory(),
            steps=None if state.steps is None else state.steps.steps(),
        )

    @property
    def ended(self) -> bool:
        """Whether the epochs are over, or patience has run out."""
        return len(self.state.progress.records) >= self.settings.epochs or self._out_of_patience()

    @property
    def _rows(self) -> int:
        """How many rows an epoch takes, those of each member counted."""
        return self.state.sizes.train * self.network.members

    def _out_of_patience(self) -> bool:
        """Return whether even the member whose best epoch is the latest has waited long enough."""
        p, settings = self.state.progress, self.settings
        if settings.patience is None:
            return False
        waited = len(p.records) - settings.patience_factor * max(p.best_epochs)
        return waited >= settings.patience

    def _epoch(self, epoch: int) -> bool:
        """Train for an epoch, or the rest of it, and judge it; return False when stopped."""
        state, begin = self.state, time.perf_counter()
        rows = self._rows - (state.epoch.first + state.epoch.done) * self.network.members
        train_loss = self._train_epoch(epoch)
        if train_loss is None:
            return False
        seconds = time.perf_counter() - begin
        last_row, judged = state.sizes.train, self.judge.figures()
        validation_loss, metric = judged.validation_loss, judged.metric
        if validation_loss is not None and not math.isfinite(validation_loss):
            raise self._diverged(f"validation loss became {validation_loss}", epoch, last_row)
        if validation_loss is None and math.isnan(metric):
            raise self._diverged("an output is not finite", epoch, last_row)
        if not np.isfinite(state.parameters).all():  # beside a loss that is: tanh(inf) is 1
            raise self._diverged("a weight is not finite", epoch, last_row)
        record = EpochRecord(
            epoch=epoch,
            train_loss=train_loss,
            learning_rate=state.learning_rate,
            rows_per_second=rows / max(seconds, 1e-9),
            penalty=self.network.reported_penalty(),
            **judged._asdict(),
        )
        is_best = state.end_epoch(record)
        self.observer.epoch(record, is_best and validation_loss is not None)
        p = state.progress
        if p.high == epochs_to_stay(state.sizes.steps(last_row)):
            grew = f"loss grew from {p.lowest:.3g} to {train_loss:.3g} and stays there"
            raise self._diverged(grew, epoch, last_row)
        return True

    def _train_epoch(self, epoch: int) -> float | None:
        """Go once over the rows; return the mean of the minibatch losses, None when stopped."""
        state, e, n = self.state, self.state.epoch, self.state.sizes.train
        order = None
        if state.sizes.batch < n or self.network.members > 1:
            e.order = state.shuffling.bit_generator.state
            order = self.learners.order(len(self.train), n, state.shuffling)
        for first in range(e.first, n, state.sizes.window):
            e.first = first
            window = self._windows.gather(order, first)
            logits = state.logits[..., : len(window)]
            if not self._train_window(epoch, window, logits):
                return None
            losses = self.network.head.losses(logits, window.Y.swapaxes(-1, -2))
            s = window.weights
            e.loss_sum += float(losses.sum(dtype=np.float64) if s is None else total(losses, s))
            if not math.isfinite(e.loss_sum):
                raise self._lost(losses, epoch, first)
            if state.steps is not None:
                state.steps.add(_of_batches(losses if s is None else losses * s, state.sizes.batch))
            e.weight_sum += float(losses.size if s is None else s.sum(dtype=np.float64))
            e.done = 0
        state.epoch = EpochUnderWay()
        return e.loss_sum / e.weight_sum

    def _train_window(self, epoch: int, window: Examples, logits: Array) -> bool:
        """Update the parameters from each minibatch in turn; return False when stopped.

        The logits (K, N) that each step saw are kept: their losses are worked out together.
        Several learners look up only at the end of the window.
        """
        e, sizes, rows = self.state.epoch, self.state.sizes, len(window)
        each = self.learners.each
        at_once = sizes.window if len(each) > 1 else each[0][0].rows_at_once(sizes.batch)
        for start in range(e.done, rows, at_once):
            if self.stop.signal is not None:
                e.done = start
                return False
            stop = min(start + at_once, rows)
            alphas = self._alphas(epoch, start, stop)
            some, of_some = window[start:stop], logits[..., start:stop]
            if len(each) == 1:
                each[0][0].learn(some, of_some, alphas, sizes.batch, self.settings.clip_norm)
            else:
                self.learners.map(partial(self._learn, some, of_some, alphas), each)
            self.state.learning_rate = alphas[-1]
            now = time.perf_counter()
            if now > self._pause_at:
                e.done = stop
                self._pause(epoch, now)
        return True

    def _learn(
        self, rows: Examples, logits: Array, alphas: list[float], of: tuple[Learner, Members]
    ) -> None:
        """Have one of several learners take its steps from its part of the rows."""
        learner, members = of
        batch, norm = self.state.sizes.batch, self.settings.clip_norm
        learner.learn(rows.of(members), logits[members], alphas, batch, norm)

    def _alphas(self, epoch: int, start: int, stop: int) -> list[float]:
        """Return the learning rates of the steps from the window's row `start` on, to `stop`."""
        state, sizes = self.state, self.state.sizes
        rate = self.settings.learning_rate * 0.5 ** len(state.progress.rollbacks)
        first, at = state.epoch.first, state.schedule.at
        if state.schedule.stays:
            return [rate * at(epoch - 1)] * -(-(stop - start) // sizes.batch)
        return [
            rate * at(epoch - 1 + (first + (row + min(row + sizes.batch, stop)) / 2) / sizes.train)
            for row in range(start, stop, sizes.batch)
        ]

    def _pause(self, epoch: int, now: float) -> None:
        """Say how far the epoch is, and have a checkpoint taken, as far as it is time."""
        e = self.state.epoch
        if now > self._show_at:
            self._show_at = now + PROGRESS_SECONDS
            self.observer.progress(epoch, (e.first + e.done) / self.state.sizes.train)
        if self.checkpoint is not None and now > self._checkpoint_at:
            self.checkpoint(self.state)
            self._checkpoint_at = time.perf_counter() + self.settings.checkpoint_seconds
        self._pause_at = min(self._show_at, self._checkpoint_at)

    def _lost(self, losses: Array, epoch: int, first: int) -> Diverged:
        """Return the error for the window's first loss that is not finite, or a sum that is not."""
        of_rows = losses.reshape(-1, losses.shape[-1])
        odd = np.argwhere(~np.isfinite(of_rows.T))
        row, member = odd[0].tolist() if len(odd) else (losses.shape[-1] - 1, None)
        loss = math.inf if member is None else of_rows[member, row]
        return self._diverged(f"loss became {loss}", epoch, first + row + 1)

    def _diverged(self, what: str, epoch: int, row: int) -> Diverged:
        """Return the error, with the step that ends with the epoch's row `row` or after it."""
        return Diverged(what, epoch, self.state.sizes.steps(row), self.state.learning_rate)


def _of_batches(losses: Array, batch: int) -> Array:
    """Return the mean loss of each minibatch, of its rows' losses times their weights (..., N)."""
    losses = losses.reshape(-1, losses.shape[-1]).mean(axis=0)  # over the members
    starts = np.arange(0, len(losses), batch)
    rows = np.diff(starts, append=len(losses))
    means: Array = np.add.reduceat(losses, starts, dtype=np.float64) / rows
    return means
