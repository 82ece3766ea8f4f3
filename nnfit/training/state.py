"""Where a run stands: all that its next steps depend on, taken out of a `Fit` and put back.

What follows from the history (the best epoch, the state of the schedule) is worked out from it
again, so that the two can't contradict each other. Files are not known here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfit.errors import TrainingError
from nnfit.nn.arrays import Array, Described
from nnfit.observer import EpochRecord
from nnfit.training.divergence import ADVICE, MAX_ROLLBACKS, Diverged, is_high
from nnfit.training.history import FIELDS, from_arrays, to_arrays

if TYPE_CHECKING:
    from nnfit.training.fit import Fit


@dataclass
class Progress:
    """The epochs that ended, and how far the one under way has come.

    `best` are the parameters (P,) to keep. `good` are those to go back to where no validation
    loss judges them, else None: the ones that the epoch of the lowest training loss began with.
    """

    best: Array
    good: Array | None
    records: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf
    good_epoch: int = 0  # after which the parameters were `good`; 0: the initial ones
    lowest: float = math.inf  # training loss
    high: int = 0  # epochs running that its loss has been high
    rollbacks: list[int] = field(default_factory=list)  # the epochs that had ended at each
    # the epoch under way
    order: Mapping[str, Any] = field(default_factory=dict)  # state of the stream that drew it
    first: int = 0  # rows before the window under way
    done: int = 0  # rows of that window behind the last pause
    loss_sum: float = 0.0
    weight_sum: float = 0.0

    def begin_epoch(self) -> None:
        """Forget the epoch under way."""
        self.first = self.done = 0
        self.loss_sum = self.weight_sum = 0.0

    def add(self, record: EpochRecord) -> tuple[bool, bool]:
        """Take in an epoch; return whether it began with good weights, and ended with the best."""
        loss, validation = record.train_loss, record.validation_loss
        self.records.append(record)
        self.high = self.high + 1 if self._is_high(loss) else 0
        began_well = validation is None and loss < self.lowest
        if began_well:
            self.good_epoch = self.best_epoch
        self.lowest = min(self.lowest, loss)
        is_best = validation is None or validation < self.best_loss
        if is_best:
            self.best_epoch = record.epoch
            self.best_loss = math.inf if validation is None else validation
        return began_well, is_best

    def go_back(self) -> None:
        """Take the good weights for the best ones, and begin the epoch anew."""
        self.high = 0
        if self.good is not None:
            self.best_epoch = self.good_epoch
        self.begin_epoch()

    def _is_high(self, loss: float) -> bool:
        return is_high(loss, self.lowest, self.records[0].train_loss)


def roll_back(fit: Fit, diverged: Diverged) -> TrainingError | None:
    """Go back to the best weights with half the learning rate, or return why the run ends.

    Raises
    ------
    Diverged
        Where the config asks for no rollback.
    """
    p, parameters = fit.progress, fit.network.parameters.flat
    if not fit.settings.rollback:
        raise diverged
    p.go_back()
    if p.good is not None:
        np.copyto(p.best, p.good)
    if len(p.rollbacks) == MAX_ROLLBACKS:
        return TrainingError(f"{diverged.what} after {MAX_ROLLBACKS} rollbacks; {ADVICE}")
    np.copyto(parameters, p.best)
    fit.optimizer.t = 0
    for moment in fit.optimizer.state.values():
        moment.fill(0.0)
    p.rollbacks.append(len(p.records))
    weights = f"the weights of epoch {p.best_epoch}" if p.best_epoch else "the initial weights"
    fit.observer.warning(
        f"{diverged.what}; going back to {weights} with half the learning rate "
        f"({len(p.rollbacks)} of {MAX_ROLLBACKS})"
    )
    return None


def capture(fit: Fit) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return where the run stands, as values for JSON and as arrays; nothing is copied."""
    p = fit.progress
    values = {
        "epochs": len(p.records),
        "first": p.first,
        "done": p.done,
        "optimizer_steps": fit.optimizer.t,
        "rollbacks": p.rollbacks,
        "path_points": 0 if fit.path is None else len(fit.path.epochs),
        "shuffling": p.order or fit.shuffling.bit_generator.state,
        "dropout": fit.dropout.bit_generator.state,
    }
    arrays = {
        "parameters": fit.network.parameters.flat,
        "best": p.best,
        **({} if p.good is None else {"good": p.good}),
        **{f"moment_{name}": moment for name, moment in fit.optimizer.state.items()},
        "logits": fit.logits[:, : p.done],
        "running": np.array([p.loss_sum, p.weight_sum, fit.learning_rate]),
        **_path_arrays(fit),
        **{f"history_{name}": array for name, array in to_arrays(p.records).items()},
    }
    return values, arrays


def describe(fit: Fit, values: Mapping[str, Any]) -> Described:
    """Return the shape and dtype of every array that belongs to `values`, after checking these.

    Raises
    ------
    ValueError
        When `values` are not what `capture` returns for such a run.
    """
    n = len(fit.train)
    epochs = _count(values, "epochs", fit.settings.epochs)
    first = _count(values, "first", n - 1)
    rows = min(fit.window_rows, n - first)
    done = _count(values, "done", rows)
    if first % fit.window_rows or (done % fit.batch_size and done != rows):
        raise ValueError("stands between two minibatches of another size")
    _count(values, "optimizer_steps", 2**63)
    rollbacks = values.get("rollbacks")
    if not (
        isinstance(rollbacks, list)
        and len(rollbacks) <= MAX_ROLLBACKS
        and all(type(at) is int and 0 <= at <= epochs for at in rollbacks)
    ):
        raise ValueError("'rollbacks' is not a list of epochs")
    for name in ("shuffling", "dropout"):
        _check_stream(values, name)
    flat = fit.network.parameters.flat
    path: Described = {}
    points = _count(values, "path_points", 0 if fit.path is None else epochs + 1)
    if fit.path is not None:
        path["path_epochs"] = ((points,), np.dtype(np.int64))
        path["path_parameters"] = ((points, len(flat)), flat.dtype)
    names = ["parameters", "best", *(f"moment_{name}" for name in fit.optimizer.state)]
    if fit.progress.good is not None:
        names.append("good")
    return {
        **dict.fromkeys(names, (flat.shape, flat.dtype)),
        "logits": ((len(fit.logits), done), flat.dtype),
        "running": ((3,), np.dtype(np.float64)),
        **path,
        **{
            f"history_{name}": ((epochs,), np.dtype(np.int64 if name == "epoch" else np.float64))
            for name in FIELDS
        },
    }


def restore(fit: Fit, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Put a fresh `fit` where another stood; the shapes and dtypes are those of `describe`.

    Raises
    ------
    ValueError
        When the history or the running values are not those of such a run.
    """
    records = from_arrays({name: arrays[f"history_{name}"] for name in FIELDS})
    judged = fit.validation is not None
    for epoch, record in enumerate(records, start=1):
        loss = record.validation_loss
        if record.epoch != epoch or not math.isfinite(record.train_loss):
            raise ValueError("'history' is not of one epoch after the other")
        if (loss is not None) != judged or not math.isfinite(loss or 0.0):
            raise ValueError("'history' has a validation loss where there are no such rows")
    running = arrays["running"].tolist()
    if not all(0.0 <= value < math.inf for value in running):
        raise ValueError("'running' holds other than sums and a learning rate")
    p = fit.progress
    p.rollbacks = list(values["rollbacks"])
    for ended, record in enumerate(records):
        if ended in p.rollbacks:
            p.go_back()
        p.add(record)
        fit.schedule.end_epoch(record.validation_loss)
    if len(records) in p.rollbacks:
        p.go_back()
    p.first, p.done = values["first"], values["done"]
    p.loss_sum, p.weight_sum, fit.learning_rate = running
    np.copyto(fit.network.parameters.flat, arrays["parameters"])
    np.copyto(p.best, arrays["best"])
    if p.good is not None:
        np.copyto(p.good, arrays["good"])
    fit.optimizer.t = values["optimizer_steps"]
    for name, moment in fit.optimizer.state.items():
        np.copyto(moment, arrays[f"moment_{name}"])
    np.copyto(fit.logits[:, : p.done], arrays["logits"])
    if fit.path is not None:
        fit.path.restore(arrays["path_epochs"], arrays["path_parameters"])
    fit.shuffling.bit_generator.state = values["shuffling"]  # the order is drawn again
    fit.dropout.bit_generator.state = values["dropout"]


def _path_arrays(fit: Fit) -> dict[str, Array]:
    """Return the path kept so far, where one is."""
    if fit.path is None:
        return {}
    path = fit.path.path()
    return {"path_epochs": path.epochs, "path_parameters": path.parameters}


def _count(values: Mapping[str, Any], name: str, most: int) -> int:
    """Return a number from 0 to `most`."""
    value = values.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name!r} is not an integer from 0 to {most}")
    return value


def _check_stream(values: Mapping[str, Any], name: str) -> None:
    """Check the state of a PCG64, NumPy's default stream."""
    state = values.get(name)
    if isinstance(state, dict) and state.keys() == _STREAM.keys():
        inner = state["state"]
        if isinstance(inner, dict) and inner.keys() == _STREAM["state"].keys():
            numbers = [*((inner[key], 2**128) for key in inner)]
            numbers += [(state["has_uint32"], 2), (state["uinteger"], 2**32)]
            if state["bit_generator"] == _STREAM["bit_generator"] and all(
                type(number) is int and 0 <= number < limit for number, limit in numbers
            ):
                return
    raise ValueError(f"{name!r} is not the state of a random stream")


_STREAM: dict[str, Any] = dict(np.random.PCG64(0).state)
