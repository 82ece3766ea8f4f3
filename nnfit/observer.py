"""What the work tells its onlookers: the report room shows it, a script may ignore it.

The rooms below `report` know only this base class, whose methods do nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nnfit.errors import warn


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was decided before training starts."""

    config: str  # the config's name as the user gave it
    data: str
    output: str
    task: str  # regression | classification
    targets: Sequence[str]
    classes: Sequence[str]  # empty for regression
    rows: Mapping[str, int]  # train, validation, test
    columns: Mapping[str, int]  # numeric, categorical, boolean
    n_inputs: int  # width of phi(x), the network's input
    layer_sizes: Sequence[int]  # inputs, hidden ..., outputs
    activations: Sequence[str]  # one per hidden layer, then the output's
    loss: str
    n_parameters: int
    optimizer: str  # "adam, learning rate 0.001"
    epochs: int
    batch_size: int
    dtype: str
    threads: int
    metric: str  # the name of EpochRecord.metric: accuracy | rmse, said to be train's where it is
    l2: float = 0.0  # then training lowers loss + penalty
    members: int = 1  # networks that are trained at once
    engine: str = "numpy"  # or compiled
    best: str = "loss"  # by what an epoch is the best; a metric is then that which is shown
    folds: bool = False  # each member is judged by rows that it alone is not trained on
    decided: Sequence[str] = field(default_factory=tuple)  # sentences, e.g. on the task


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One epoch's figures. `epoch` counts from 1; losses are means over the rows."""

    epoch: int
    train_loss: float
    validation_loss: float | None
    metric: float | None  # of the validation rows; without them of training rows, up to 4096
    learning_rate: float
    rows_per_second: float
    penalty: float | None = None  # that of l2 at the epoch's end; of earlier runs it is not kept
    member_losses: tuple[float, ...] = ()  # each one's validation loss, where there are several
    member_metrics: tuple[float, ...] = ()  # likewise, where they say which epoch is the best


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How a run ended."""

    model: str
    task: str
    n_parameters: int
    epochs: int  # epochs completed
    best_epoch: int  # of several members their mean, rounded
    stopped_early: bool
    interrupted: bool
    seconds: float
    rows_per_second: float
    metrics: Mapping[str, Mapping[str, Any] | None]  # train, validation, test
    train_loss: Sequence[float]
    validation_loss: Sequence[float]  # empty without validation rows
    penalty: float | None = None  # of the weights that are kept, where there is an l2
    diverged: bool = False  # after every rollback
    best_epochs: Sequence[int] = ()  # each member's own

    @property
    def best(self) -> str:
        """The epoch whose weights are kept, or between which those of the members are."""
        first, last = min(self.best_epochs, default=0), max(self.best_epochs, default=0)
        if first == last:
            return f"epoch {self.best_epoch}"
        return f"epochs {first} to {last}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found in one column of a table, and what was decided on it, in a few words."""

    column: str
    kind: str  # numeric, categorical or boolean of an input, else number, text ...
    distinct: int
    gaps: int
    example: str
    decision: str


class Observer:
    """Listens to reading and training; every method here does nothing."""

    def note(self, text: str) -> None:
        """Hear what was decided; one sentence."""

    def warning(self, text: str) -> None:
        """Hear what the user should know and may want to change; one sentence."""

    def surveyed(self, findings: Sequence[Finding]) -> None:
        """Hear what was found in each column of a table, and decided."""

    def reading(self, name: str, done: int, total: int | None) -> None:
        """Hear how many bytes of `name` have been read, of `total` where that is known."""

    def started(self, plan: Plan) -> None:
        """Hear what will be trained."""

    def progress(self, epoch: int, fraction: float) -> None:
        """Hear that `fraction` of epoch `epoch` is done."""

    def epoch(self, record: EpochRecord, best: bool) -> None:
        """Hear one epoch's figures; `best` when the validation rows say it is, so far."""

    def refitting(self, epochs: int) -> None:
        """Hear that after the members' epochs one network is trained, for so many of its own.

        Of these only the progress is told.
        """

    def many(self, what: str, done: float, total: float) -> None:
        """Hear how much of `total` runs is done; `what` they are, as in "folds"."""

    def row(self, cells: Mapping[str, Any]) -> None:
        """Hear one line, by column, of the table that is told run by run."""

    def trial(self, cells: Mapping[str, Any], best: Sequence[Mapping[str, Any]]) -> None:
        """Hear one run of those that compete, by column, and the best so far, the best first."""

    def finished(self, summary: Summary) -> None:
        """Hear how the run ended."""

    def close(self) -> None:
        """Put the terminal back in order; called once, however the work ended."""


class PythonObserver(Observer):
    """The onlooker of who calls from Python: hands warnings to `warnings`, and shows nothing."""

    def warning(self, text: str) -> None:
        warn(text)
