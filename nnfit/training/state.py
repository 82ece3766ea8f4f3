"""Where a run stands: all that its next steps depend on, for the loop to move on.

How that is taken out as arrays and put back is in `snapshot`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnfit.errors import TrainingError
from nnfit.nn.arrays import Array
from nnfit.nn.network import Network
from nnfit.nn.optimizers import Optimizer
from nnfit.nn.schedules import Schedule
from nnfit.observer import EpochRecord, Observer
from nnfit.training.divergence import ADVICE, MAX_ROLLBACKS, Diverged, is_high
from nnfit.training.settings import Settings, Sizes
from nnfit.training.trajectory import TrajectoryKeeper


@dataclass(kw_only=True)
class Progress:
    """The epochs that ended, and what follows from their figures."""

    records: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf
    good_epoch: int = 0  # after which the parameters were those to go back to; 0: the initial ones
    lowest: float = math.inf  # training loss
    high: int = 0  # epochs running that its loss has been high
    rollbacks: list[int] = field(default_factory=list)  # the epochs that had ended at each

    def add(self, record: EpochRecord) -> tuple[bool, bool]:
        """Take in an epoch; return whether it began with good weights, and ended with the best.

        Good are those to go back to where no validation loss judges them: the ones that the epoch
        of the lowest training loss began with.
        """
        loss, validation = record.train_loss, record.validation_loss
        self.records.append(record)
        high = is_high(loss, self.lowest, self.records[0].train_loss)
        self.high = self.high + 1 if high else 0
        began_well = validation is None and loss < self.lowest
        if began_well:
            self.good_epoch = self.best_epoch
        self.lowest = min(self.lowest, loss)
        is_best = validation is None or validation < self.best_loss
        if is_best:
            self.best_epoch = record.epoch
        if is_best and validation is not None:
            self.best_loss = validation
            self.good_epoch = record.epoch
        return began_well, is_best

    def go_back(self) -> None:
        """Take the good weights for the best ones."""
        self.high = 0
        self.best_epoch = self.good_epoch


@dataclass(kw_only=True)
class EpochUnderWay:
    """How far the epoch under way has come."""

    order: Mapping[str, Any] = field(default_factory=dict)  # state of the stream that drew it
    first: int = 0  # rows before the window under way
    done: int = 0  # rows of that window behind the last pause
    loss_sum: float = 0.0
    weight_sum: float = 0.0


@dataclass(kw_only=True)
class State:
    """A run between two of its steps; the arrays are written in place.

    `parameters` (P,) are the network's own, `best` those to keep. `good` are those to go back to
    where no validation loss judges them, else None. `logits` (K, window) has what the steps of
    the window under way saw.
    """

    sizes: Sizes
    parameters: Array
    best: Array
    good: Array | None
    optimizer: Optimizer
    schedule: Schedule
    shuffling: np.random.Generator  # the order of the rows
    dropout: np.random.Generator  # the masks
    logits: Array
    learning_rate: float  # of the last step
    trajectory: TrajectoryKeeper | None
    progress: Progress = field(default_factory=Progress)
    epoch: EpochUnderWay = field(default_factory=EpochUnderWay)

    @classmethod
    def begin(
        cls,
        network: Network,
        optimizer: Optimizer,
        schedule: Schedule,
        settings: Settings,
        sizes: Sizes,
        *,
        shuffling: np.random.Generator,
        dropout: np.random.Generator,
    ) -> State:
        """Return the state before the first step of a `network` that is initialised."""
        flat = network.parameters.flat
        keeper = TrajectoryKeeper(sizes.epochs, flat.nbytes) if settings.keep_trajectory else None
        return cls(
            sizes=sizes,
            parameters=flat,
            best=flat.copy(),
            good=None if sizes.validation else flat.copy(),
            optimizer=optimizer,
            schedule=schedule,
            shuffling=shuffling,
            dropout=dropout,
            logits=np.empty((network.architecture.sizes[-1], sizes.window), network.dtype),
            learning_rate=settings.learning_rate,
            trajectory=keeper,
        )

    def end_epoch(self, record: EpochRecord) -> bool:
        """Take in the epoch that ended, with its weights; return whether they are the best."""
        began_well, is_best = self.progress.add(record)
        if began_well and self.good is not None:
            np.copyto(self.good, self.best)
        if is_best:
            np.copyto(self.best, self.parameters)
        if self.trajectory is not None:
            self.trajectory.add(record.epoch, self.parameters)
        self.schedule.end_epoch(record.validation_loss)
        return is_best


def roll_back(state: State, diverged: Diverged, observer: Observer) -> TrainingError | None:
    """Go back to the best weights with half the learning rate, or return why the run ends."""
    p = state.progress
    p.go_back()
    state.epoch = EpochUnderWay()
    if state.good is not None:
        np.copyto(state.best, state.good)
    if len(p.rollbacks) == MAX_ROLLBACKS:
        return TrainingError(f"{diverged.what} after {MAX_ROLLBACKS} rollbacks; {ADVICE}")
    np.copyto(state.parameters, state.best)
    state.optimizer.t = 0
    for moment in state.optimizer.state.values():
        moment.fill(0.0)
    p.rollbacks.append(len(p.records))
    weights = f"the weights of epoch {p.best_epoch}" if p.best_epoch else "the initial weights"
    observer.warning(
        f"{diverged.what}; going back to {weights} with half the learning rate "
        f"({len(p.rollbacks)} of {MAX_ROLLBACKS})"
    )
    return None
