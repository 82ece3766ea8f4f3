"""A `State` as plain values and arrays, and back: what a checkpoint holds.

What follows from the history (the best epoch, the state of the schedule) is worked out from it
again, so that the two can't contradict each other. Files are not known here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnfit.nn.arrays import Array, Described
from nnfit.training import history
from nnfit.training.divergence import MAX_ROLLBACKS
from nnfit.training.state import State


def capture(state: State) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return where the run stands, as values for JSON and as arrays; nothing is copied."""
    p, epoch, keeper = state.progress, state.epoch, state.trajectory
    values = {
        "epochs": len(p.records),
        "first": epoch.first,
        "done": epoch.done,
        "optimizer_steps": state.optimizers[0].t,
        "rollbacks": p.rollbacks,
        "path_points": 0 if keeper is None else len(keeper.epochs),
        "shuffling": epoch.order or state.shuffling.bit_generator.state,
        **{name: rng.bit_generator.state for name, rng in _dropouts(state)},
    }
    arrays = _arrays(state, epoch.done)
    arrays["running"] = np.array([epoch.loss_sum, epoch.weight_sum, state.learning_rate])
    if keeper is not None:
        trajectory = keeper.trajectory()
        arrays |= {"path_epochs": trajectory.epochs, "path_parameters": trajectory.parameters}
    if state.steps is not None:
        arrays["step_losses"] = state.steps.steps().losses
    figures = history.to_arrays(p.records).items()
    return values, arrays | {f"history_{name}": array for name, array in figures}


def _arrays(state: State, done: int) -> dict[str, Array]:
    """Return the arrays that a state has from its beginning on, `done` rows into a window."""
    return {
        "parameters": state.parameters,
        "best": state.best,
        **({} if state.good is None else {"good": state.good}),
        **{
            f"moment_{name}{number}": moment
            for number, optimizer in zip(_numbers(state.optimizers), state.optimizers, strict=True)
            for name, moment in optimizer.state.items()
        },
        "logits": state.logits[..., :done],
    }


def _numbers(each: Sequence[object]) -> list[str]:
    """Return what the names of each one's end with: nothing where it is the only one."""
    return [""] if len(each) == 1 else [f"_{i}" for i in range(len(each))]


def _dropouts(state: State) -> list[tuple[str, np.random.Generator]]:
    """Return each member's stream of masks, and its name."""
    names = [f"dropout{number}" for number in _numbers(state.dropout)]
    return list(zip(names, state.dropout, strict=True))


def describe(state: State, values: Mapping[str, Any]) -> Described:
    """Return the shape and dtype of every array that belongs to `values`, after checking these.

    Raises
    ------
    ValueError
        When `values` are not what `capture` returns for a state of these sizes.
    """
    sizes = state.sizes
    epochs = _count(values, "epochs", sizes.epochs)
    first = _count(values, "first", sizes.train - 1)
    rows = min(sizes.window, sizes.train - first)
    done = _count(values, "done", rows)
    if first % sizes.window or (done % sizes.batch and done != rows):
        raise ValueError("stands between two minibatches of another size")
    _count(values, "optimizer_steps", 2**63)
    rollbacks = values.get("rollbacks")
    if not (
        isinstance(rollbacks, list)
        and len(rollbacks) <= MAX_ROLLBACKS
        and all(type(at) is int and 0 <= at <= epochs for at in rollbacks)
    ):
        raise ValueError("'rollbacks' is not a list of epochs")
    for name in ("shuffling", *(name for name, _ in _dropouts(state))):
        _check_stream(values, name)
    described = {name: (a.shape, a.dtype) for name, a in _arrays(state, done).items()}
    described["running"] = ((3,), np.dtype(np.float64))
    points = _count(values, "path_points", 0 if state.trajectory is None else epochs + 1)
    if state.trajectory is not None:
        flat = state.parameters
        described["path_epochs"] = ((points,), np.dtype(np.int64))
        described["path_parameters"] = ((points, len(flat)), flat.dtype)
    if state.steps is not None:
        n = epochs * state.steps.per_epoch + first // sizes.batch
        described["step_losses"] = ((min(n, history.MAX_STEPS),), np.dtype(np.float64))
    by_metric = state.progress.by != "loss"
    return described | history.describe(epochs, _judged_members(state), by_metric)


def _judged_members(state: State) -> int:
    """Return how many members there are whose losses on validation rows are kept."""
    return state.progress.members if state.sizes.validation else 1


def restore(state: State, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Put a fresh `state` where another stood; the shapes and dtypes are those of `describe`.

    Raises
    ------
    ValueError
        When the history or the running values are not those of such a run.
    """
    figures = {name: arrays[f"history_{name}"] for name in history.FIELDS}
    for name in (history.MEMBER_LOSSES, history.MEMBER_METRICS):
        if f"history_{name}" in arrays:
            figures[name] = arrays[f"history_{name}"]
    records = history.from_arrays(figures)
    judged, by_metric = state.sizes.validation > 0, state.progress.by != "loss"
    for number, record in enumerate(records, start=1):
        loss = record.validation_loss
        if record.epoch != number or not math.isfinite(record.train_loss):
            raise ValueError("'history' is not of one epoch after the other")
        if (loss is not None) != judged or not math.isfinite(loss or 0.0):
            raise ValueError("'history' has a validation loss where there are no such rows")
        if not all(map(math.isfinite, record.member_losses)):
            raise ValueError("'history' has a member's validation loss that is not finite")
        if by_metric and (record.metric is None or any(map(math.isnan, record.member_metrics))):
            raise ValueError("'history' has no metric where that says which epoch is the best")
    running = arrays["running"].tolist()
    if not all(0.0 <= value < math.inf for value in running):
        raise ValueError("'running' holds other than sums and a learning rate")
    _check_numbers(arrays, between_epochs=not (values["first"] or values["done"]))
    p, epoch = state.progress, state.epoch
    p.rollbacks = list(values["rollbacks"])
    for ended, record in enumerate(records):
        if ended in p.rollbacks:
            p.go_back()
        p.add(record)
        state.schedule.end_epoch(record.validation_loss)
    if len(records) in p.rollbacks:
        p.go_back()
    epoch.first, epoch.done = values["first"], values["done"]
    epoch.loss_sum, epoch.weight_sum, state.learning_rate = running
    for optimizer in state.optimizers:
        optimizer.t = values["optimizer_steps"]
    for name, own in _arrays(state, epoch.done).items():
        np.copyto(own, arrays[name])
    if state.trajectory is not None:
        state.trajectory.restore(arrays["path_epochs"], arrays["path_parameters"])
    if state.steps is not None:
        state.steps.restore(arrays["step_losses"])
    state.shuffling.bit_generator.state = values["shuffling"]  # the order is drawn again
    for name, rng in _dropouts(state):
        rng.bit_generator.state = values[name]


def _check_numbers(arrays: Mapping[str, Array], between_epochs: bool) -> None:
    """Check that what an epoch ends with is finite; within one, a loss that is not may be to come.

    A moment may overflow where the step along it does not.
    """
    for name in ("best", "good", "path_parameters", *(("parameters",) if between_epochs else ())):
        if name in arrays and not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name!r} holds numbers that are not finite")
    for name, array in arrays.items():
        if between_epochs and name.startswith("moment_") and np.isnan(array).any():
            raise ValueError(f"{name!r} holds NaN")


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
