"""What a run is told, and where it stands: all that its next steps depend on.

The loop moves it on; how it is taken out as arrays and put back is in `snapshot`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nnfit.errors import TrainingError, listed
from nnfit.nn.arrays import Array
from nnfit.nn.names import ERRORS
from nnfit.nn.schedules import Schedule
from nnfit.observer import EpochRecord, Observer
from nnfit.training.divergence import ADVICE, MAX_ROLLBACKS, Diverged, is_high
from nnfit.training.examples import Examples
from nnfit.training.history import StepRecorder, TrajectoryKeeper
from nnfit.training.learners import Learners

WINDOW_BYTES = 2**20  # rows gathered at once: they should stay in the second-level cache


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The part of the config that the loop itself needs."""

    epochs: int
    batch_size: int
    learning_rate: float
    best: str = "loss"  # or the metric of the validation rows by which an epoch is the best
    patience: int | None = None
    patience_factor: float = 1.0  # of the best epoch, after which so many are waited for a better
    clip_norm: float | None = None
    rollback: bool = False  # where the loss diverges, instead of an error
    checkpoint_seconds: float = math.inf
    checkpoint_end: bool = False  # that of a run that ends by itself too: more work follows
    keep_trajectory: bool = False
    record_steps: bool = False


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much there is, and what an epoch's rows are cut into; all but `epochs` are rows."""

    epochs: int
    train: int  # of each member
    validation: int  # 0: none are held out
    batch: int
    window: int  # whole minibatches, unless the rows end

    @classmethod
    def of(cls, settings: Settings, train: Examples, n_train: int, n_validation: int) -> Sizes:
        """Return the sizes of a run over these rows, of which a member sees `n_train` an epoch."""
        batch = min(settings.batch_size, n_train)
        steps = max(1, WINDOW_BYTES // (train.X.itemsize * train.X.shape[1] * batch))
        return cls(
            epochs=settings.epochs,
            train=n_train,
            validation=n_validation,
            batch=batch,
            window=min(steps * batch, n_train),
        )

    def steps(self, rows: int) -> int:
        """Return the number of the epoch's step that ends with its row `rows`, counted from 1."""
        return math.ceil(rows / self.batch)


class Ended(NamedTuple):
    """An epoch that ended: whether it began with good weights, and whose it ended with are best.

    `best` says that those of all members together are.
    """

    began_well: bool
    better: Sequence[int]
    best: bool


@dataclass(kw_only=True)
class Progress:
    """The epochs that ended, and what follows from their figures, for each of `members`.

    The best epoch is the one of the best metric `by`, or of the lowest validation loss, which also
    decides between equal metrics.
    """

    members: int = 1
    by: str = "loss"
    records: list[EpochRecord] = field(default_factory=list)
    best_epochs: list[int] = field(init=False)
    best_ranks: list[tuple[float, float]] = field(init=False)
    best_rank: tuple[float, float] = (math.inf, math.inf)  # that of all members together
    good_epochs: list[int] = field(init=False)  # of the parameters to go back to; 0: initial ones
    lowest: float = math.inf  # training loss
    high: int = 0  # epochs running that its loss has been high
    rollbacks: list[int] = field(default_factory=list)  # the epochs that had ended at each

    @property
    def best_epoch(self) -> int:
        """The mean of the members' best epochs; 0 before the first has ended."""
        return round(sum(self.best_epochs) / self.members)

    def __post_init__(self) -> None:
        self.best_epochs, self.good_epochs = [0] * self.members, [0] * self.members
        self.best_ranks = [self.best_rank] * self.members

    def add(self, record: EpochRecord) -> Ended:
        """Take in an epoch.

        Good weights are those to go back to where no validation loss judges them: the ones that the
        epoch of the lowest training loss began with.
        """
        loss, validation = record.train_loss, record.validation_loss
        self.records.append(record)
        high = is_high(loss, self.lowest, self.records[0].train_loss)
        self.high = self.high + 1 if high else 0
        began_well = validation is None and loss < self.lowest
        if began_well:
            self.good_epochs = list(self.best_epochs)
        self.lowest = min(self.lowest, loss)
        if validation is None:
            self.best_epochs = [record.epoch] * self.members
            return Ended(began_well, range(self.members), best=False)
        rank = self._rank(validation, record.metric)
        best, self.best_rank = rank < self.best_rank, min(rank, self.best_rank)
        better = []
        losses = record.member_losses or (validation,)
        metrics = record.member_metrics or (record.metric,) * len(losses)
        for i, own in enumerate(map(self._rank, losses, metrics)):
            if own < self.best_ranks[i]:
                better.append(i)
                self.best_ranks[i], self.best_epochs[i] = own, record.epoch
                self.good_epochs[i] = record.epoch
        return Ended(began_well, better, best)

    def _rank(self, loss: float, metric: float | None) -> tuple[float, float]:
        """Return what is the lower, the better an epoch is."""
        if self.by == "loss" or metric is None:
            return 0.0, loss
        return metric if self.by in ERRORS else -metric, loss

    def go_back(self) -> None:
        """Take the good weights for the best ones."""
        self.high = 0
        self.best_epochs = list(self.good_epochs)


@dataclass(kw_only=True)
class EpochUnderWay:
    """How far the epoch under way has come."""

    order: Mapping[str, Any] = field(default_factory=dict)  # state of the stream that drew it
    first: int = 0  # rows before the window under way
    done: int = 0  # rows of that window behind the last pause
    loss_sum: float = 0.0
    weight_sum: float = 0.0


class State:
    """A run between two of its steps, at first before those of a `network` that is initialised.

    The arrays are written in place: `parameters` (P,) are the network's own, `best` those to
    keep. `good` are those to go back to where no validation loss judges them, else None. `logits`
    (K, window) has what the steps of the window under way saw. `learning_rate` is that of the
    last step; `shuffling` draws the order of the rows, and the `dropout` of each member its masks.
    Of several members the arrays have a first axis more.
    """

    def __init__(
        self,
        learners: Learners,
        schedule: Schedule,
        settings: Settings,
        *,
        sizes: Sizes,
        shuffling: np.random.Generator,
        dropout: Sequence[np.random.Generator],
    ) -> None:
        network = learners.network
        flat, n_outputs = network.parameters.flat, network.architecture.sizes[-1]
        self.optimizers, self.schedule, self.sizes = learners.optimizers, schedule, sizes
        self.shuffling, self.dropout = shuffling, dropout
        self.parameters, self.best = flat, flat.copy()
        self.good = None if sizes.validation else flat.copy()
        members = flat.shape[:-1]
        self.logits: Array = np.empty((*members, n_outputs, sizes.window), network.dtype)
        self.learning_rate = settings.learning_rate
        keep = settings.keep_trajectory
        self.trajectory = TrajectoryKeeper(sizes.epochs, flat.nbytes) if keep else None
        steps = sizes.steps(sizes.train)
        self.steps = StepRecorder(sizes.epochs, steps) if settings.record_steps else None
        self.progress, self.epoch = (
            Progress(members=network.members, by=settings.best),
            EpochUnderWay(),
        )
        self._of_members = [a.reshape(network.members, -1) for a in (self.best, self.parameters)]

    def end_epoch(self, record: EpochRecord) -> bool:
        """Take in the epoch that ended, with its weights; return whether it is the best."""
        ended = self.progress.add(record)
        if ended.began_well and self.good is not None:
            np.copyto(self.good, self.best)
        best, parameters = self._of_members
        for i in ended.better:
            np.copyto(best[i], parameters[i])
        if self.trajectory is not None:
            self.trajectory.add(record.epoch, self.parameters)
        self.schedule.end_epoch(record.validation_loss)
        return ended.best


def roll_back(state: State, diverged: Diverged, observer: Observer) -> TrainingError | None:
    """Go back to the best weights with half the learning rate, or return why the run ends."""
    p = state.progress
    p.go_back()
    state.epoch = EpochUnderWay()
    if state.steps is not None:
        state.steps.go_back(len(p.records))
    if state.good is not None:
        np.copyto(state.best, state.good)
    if len(p.rollbacks) == MAX_ROLLBACKS:
        return TrainingError(f"{diverged.what} after {MAX_ROLLBACKS} rollbacks; {ADVICE}")
    np.copyto(state.parameters, state.best)
    for optimizer in state.optimizers:
        optimizer.t = 0
        for moment in optimizer.state.values():
            moment.fill(0.0)
    p.rollbacks.append(len(p.records))
    epochs = sorted({*p.best_epochs})
    weights = f"the weights of epoch {listed(epochs)}" if epochs != [0] else "the initial weights"
    observer.warning(
        f"{diverged.what}; going back to {weights} with half the learning rate "
        f"({len(p.rollbacks)} of {MAX_ROLLBACKS})"
    )
    return None
