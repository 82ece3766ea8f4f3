"""Combinations of valid values that make no sense, found from the config alone.

Ranges and types are the schema's; what depends on the table is found when the table is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from nnfit.config.scalars import shown
from nnfit.config.schema import Config
from nnfit.errors import joined
from nnfit.nn import names

_CROSS_ENTROPY = {
    name: loss.output_activation for name, loss in names.LOSSES.items() if loss.needs_classes
}


class Conflict(NamedTuple):
    """Why the values of `keys` do not go together; the first key is where to say so."""

    keys: tuple[str, ...]
    text: str


def conflicts(config: Config) -> Iterator[Conflict]:
    """Yield every combination in `config` that makes no sense."""
    yield from _columns(config)
    yield from _held_out(config)
    yield from _task(config)
    yield from _best(config)
    yield from _output(config)
    yield from _distribution(config)
    yield from _layers(config)
    yield from _optimizer(config)
    yield from _schedule(config)


def _columns(config: Config) -> Iterator[Conflict]:
    data = config.data
    for key, what in (
        ("include", "a target is never an input"),
        ("exclude", "a target is never an input anyway"),
        ("categorical", "expected inputs. For classes set data.task: classification"),
    ):
        named = set(getattr(data, key) or ())
        for name in data.target:
            if name in named:
                yield Conflict(
                    (f"data.{key}", "data.target"), f"names the target {shown(name)}; {what}"
                )
    for key, name in data.roles.items():
        if name in data.target:
            yield Conflict((f"data.{key}", "data.target"), f"names the target {shown(name)}")
    if data.groups is not None and data.time is not None:
        yield Conflict(
            ("data.time", "data.groups"),
            "spans of time cut through groups; expected one of data.time and data.groups",
        )
    if data.thousands == data.decimal:
        yield Conflict(
            ("data.thousands", "data.decimal"),
            f"got {shown(data.thousands)}, which data.decimal is; expected two marks",
        )
    if data.comment == data.delimiter:
        yield Conflict(
            ("data.comment", "data.delimiter"),
            f"got {shown(data.comment)}, which data.delimiter is; expected two characters",
        )
    included = set(data.include or ())
    for name in data.exclude:
        if name in included:
            yield Conflict(
                ("data.exclude", "data.include"),
                f"names {shown(name)}, which data.include names too; expected it in one of them",
            )


def _held_out(config: Config) -> Iterator[Conflict]:
    data = config.data
    if data.fraction("validation") + data.fraction("test") >= 1:
        yield Conflict(
            ("data.test", "data.validation"),
            f"data.validation {data.validation} and data.test {data.test} leave no row to train "
            "on; expected a sum < 1",
        )
    readers = [f"data.{key}" for key, path in data.tables.items() if path == "-"]
    for key in readers[1:]:
        yield Conflict(
            (key, readers[0]),
            f"got '-' (stdin), which {readers[0]} reads already; expected the path of a CSV",
        )
    if data.has_folds and config.model.members == 1:
        yield Conflict(
            ("data.validation", "model.members"),
            "got 'folds' with model.members 1; each member holds out one fold. Set model.members "
            "to 2 or more, such as 5",
        )
    if config.calibrate == "auto" and not data.validation:
        yield Conflict(
            ("calibrate", "data.validation"),
            "got auto with data.validation 0; expected held-out rows, by which a temperature is "
            "found. Set data.validation to 0.2, say, or to folds",
        )
    if config.training.keep_path and config.model.members > 1:
        yield Conflict(
            ("training.keep_path", "model.members"),
            f"got true with model.members {config.model.members}; a path is that of one network. "
            "Set model.members: 1, or remove it",
        )
    if config.training.refit and not data.has_folds:
        yield Conflict(
            ("training.refit", "data.validation"),
            f"got true with data.validation {data.validation}; the folds tell how many epochs to "
            "train. Set data.validation: folds, and model.members",
        )
    if config.training.refit and config.optimizer.schedule == "plateau":
        yield Conflict(
            ("training.refit", "optimizer.schedule"),
            "got true with 'plateau', which falls by a validation loss, and a refit has none. "
            "Choose another schedule",
        )
    if data.validation == 0:
        needs = "needs a validation loss, but data.validation is 0. Hold out rows, such as 0.2"
        if config.training.patience is not None:
            yield Conflict(("training.patience", "data.validation"), needs)
        if config.optimizer.schedule == "plateau":
            yield Conflict(("optimizer.schedule", "data.validation"), f"'plateau' {needs}")


def _task(config: Config) -> Iterator[Conflict]:
    data, loss = config.data, config.loss
    several = len(data.target) > 1
    if several and data.task == "classification":
        yield Conflict(
            ("data.task", "data.target"),
            f"got 'classification' with {len(data.target)} targets; several targets are always "
            "regression",
        )
    regression = "data.target" if several else "data.task"
    if several or data.task == "regression":
        is_regression = "several targets are regression" if several else "data.task is regression"
        if loss in _CROSS_ENTROPY:
            yield Conflict(
                ("loss", regression),
                f"got {shown(loss)}, but {is_regression}; "
                f"expected {joined(('auto', *names.QUANTITY_LOSSES), 'or')}",
            )
        if config.class_weight is not None:
            yield Conflict(
                ("class_weight", regression), f"needs classes, but {is_regression}. Remove it"
            )
    if config.training.label_smoothing and loss in names.QUANTITY_LOSSES:
        yield Conflict(
            ("training.label_smoothing", "loss"),
            f"needs a cross-entropy, got loss {loss}; expected 0. Remove it",
        )
    elif config.training.label_smoothing and (several or data.task == "regression"):
        yield Conflict(
            ("training.label_smoothing", regression),
            f"needs classes, but {is_regression}. Remove it",
        )
    if config.preprocessing.target == "standardize":
        for key, value in (("data.task", data.task), ("loss", loss)):
            if value == "classification" or value in _CROSS_ENTROPY:
                said = f"got 'standardize', but {key} is {value}; classes have no scale."
                yield Conflict(("preprocessing.target", key), f"{said} Leave it at auto")
                break


def _best(config: Config) -> Iterator[Conflict]:
    best, data, loss = config.training.best, config.data, config.loss
    if best == "loss":
        return
    if data.validation == 0:
        yield Conflict(
            ("training.best", "data.validation"),
            f"got {shown(best)}, which judges held-out rows, but data.validation is 0. "
            "Hold out rows, such as 0.2",
        )
    if len(data.target) > 1:
        key, task, why = "data.target", "regression", "several targets are regression"
    elif loss in _CROSS_ENTROPY:
        key, task, why = "loss", "classification", f"loss {loss} needs classes"
    else:
        key, task, why = "data.task", data.task, f"data.task is {data.task}"
    known = [] if task == "auto" else names.metrics_of(task)
    if known and best not in known:
        known = [name for name in known if name in names.BEST_METRICS]
        yield Conflict(
            ("training.best", key),
            f"got {shown(best)}, but {why}; expected {joined(('loss', *known), 'or')}",
        )


def _output(config: Config) -> Iterator[Conflict]:
    output, loss = config.model.output_activation, config.loss
    if output == "auto":
        return
    if loss in _CROSS_ENTROPY and output != _CROSS_ENTROPY[loss]:
        what = names.OUTPUT_ACTIVATIONS[output].probability or "gives no probability"
        yield Conflict(
            ("model.output_activation", "loss"),
            f"the output {shown(output)} {what}; {loss} needs {_CROSS_ENTROPY[loss]}. "
            "Leave model.output_activation at auto",
        )
    elif (
        loss == "auto"
        and config.data.task == "classification"
        and output not in _CROSS_ENTROPY.values()
    ):
        yield Conflict(
            ("model.output_activation", "loss", "data.task"),
            f"the output {shown(output)} gives no probability; cross-entropy needs one. "
            "Leave model.output_activation at auto",
        )


def _distribution(config: Config) -> Iterator[Conflict]:
    loss, output = config.loss, config.model.output_activation
    if loss != "quantile" and config.quantiles != names.QUANTILES:
        yield Conflict(
            ("quantiles", "loss"), f"needs the loss quantile, got loss {loss}. Remove it"
        )
    if loss not in names.DISTRIBUTION_LOSSES:
        return
    if config.data.task == "classification":
        classes = ("auto", *names.RESIDUAL_LOSSES, *_CROSS_ENTROPY)
        yield Conflict(
            ("loss", "data.task"),
            f"got {shown(loss)}, but data.task is classification; expected {joined(classes, 'or')}",
        )
    elif config.class_weight is not None and config.data.task == "auto":
        yield Conflict(
            ("class_weight", "loss"), f"needs classes, but loss {loss} is of quantities. Remove it"
        )
    if output not in ("auto", names.LOSSES[loss].output_activation):
        yield Conflict(
            ("model.output_activation", "loss"),
            f"got {shown(output)}, but the loss {loss} has an output of its own. Leave it at auto",
        )
    if loss == "poisson" and config.preprocessing.target == "standardize":
        yield Conflict(
            ("preprocessing.target", "loss"),
            "got 'standardize', but the loss is poisson, of counts as they are. Leave it at auto",
        )


def _layers(config: Config) -> Iterator[Conflict]:
    model = config.model
    if isinstance(model.activation, tuple) and len(model.activation) != len(model.hidden_sizes):
        yield Conflict(
            ("model.activation", "model.hidden_sizes"),
            f"got a list of {len(model.activation)} for {len(model.hidden_sizes)} hidden layers; "
            "expected a name for each, or one name for all",
        )


def _optimizer(config: Config) -> Iterator[Conflict]:
    optimizer = config.optimizer
    for key in ("momentum", "nesterov", "betas"):
        able, value = names.users(names.OPTIMIZERS, key), getattr(optimizer, key)
        if value != type(optimizer).model_fields[key].default and optimizer.name not in able:
            yield Conflict(
                (f"optimizer.{key}", "optimizer.name"),
                f"got {shown(value)} with {optimizer.name}; only {joined(able, 'and')} "
                f"{'uses' if len(able) == 1 else 'use'} {key}. "
                f"Set optimizer.name: {able[0]}, or remove it",
            )
    uses = names.OPTIMIZERS[optimizer.name].uses
    if optimizer.nesterov and "nesterov" in uses and not optimizer.momentum:
        yield Conflict(
            ("optimizer.nesterov", "optimizer.momentum"),
            "got true with momentum 0; expected optimizer.momentum > 0, such as 0.9",
        )


def _schedule(config: Config) -> Iterator[Conflict]:
    optimizer, epochs = config.optimizer, config.training.epochs
    if optimizer.warmup_epochs >= epochs:
        yield Conflict(
            ("optimizer.warmup_epochs", "training.epochs"),
            f"got {optimizer.warmup_epochs}; expected less than training.epochs, which is {epochs}",
        )
    for key in ("schedule_factor", "schedule_epochs"):
        able, value = names.users(names.SCHEDULES, key), getattr(optimizer, key)
        if value is not None and optimizer.schedule not in able:
            yield Conflict(
                (f"optimizer.{key}", "optimizer.schedule"),
                f"got {value} with schedule {optimizer.schedule}; only {joined(able, 'and')} "
                "use it. Remove it",
            )
