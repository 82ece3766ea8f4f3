"""The example to explain: one row of a config's or model's data, and the network it goes through.

The row is the one that has its number in the file, whichever part it was drawn into.
"""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnfit.dataset.encoding import Part
from nnfit.dataset.reading import read_named
from nnfit.errors import ConfigError, DataError, NnfitError
from nnfit.inside.own_rows import learned_rows
from nnfit.inside.sources import (
    ConfigSource,
    Source,
    Table,
    encoded,
    initialised,
    opened,
    own_table,
    pieces,
    say_own,
)
from nnfit.model.members import one_member
from nnfit.model.model import Model
from nnfit.model.streaming import csv_format
from nnfit.nn.arrays import Array
from nnfit.nn.network import Network
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows
from nnfit.table.targets import drop_rows_without_target, rows_with_target


@dataclass(frozen=True, kw_only=True)
class Example:
    """One row and its network.

    `source` and `data` are as the user named them; `model` has a float64 network without
    dropout, a config's as training starts; `row` is a part of one row, `raw` the same as it was
    read; `drawn` says into which
    part a config's row was drawn, None for a model's; `training` has the rows of an epoch's step;
    `notes` tell what differs from training, a sentence each.
    """

    source: str
    model: Model
    data: str
    row: Part
    raw: NamedRows
    drawn: str | None
    training: Part | None
    notes: tuple[str, ...]


def find_example(
    source: Source,
    data: Any,
    row: int,
    epoch_step: bool,
    observer: Observer,
    member: int | None = None,
) -> Example:
    """Return the data row `row`, from 1, and with `epoch_step` the rows to train on.

    The network is that of `member`, as `one_member` takes it.

    Raises
    ------
    NnfitError
        When there is no such row or member, it has no target, or a model's data is not here.
    """
    if row < 1:
        raise ConfigError(f"--row: got {row}; rows are counted from 1")
    of = opened(source)
    if isinstance(of, tuple):
        model = one_member(*of, member, observer)
        return _of_model(model, of[1], data, row, epoch_step, observer, member)
    return _of_config(of, data, row, epoch_step, observer, member)


def _of_config(
    source: ConfigSource,
    data: Any,
    row: int,
    epoch_step: bool,
    observer: Observer,
    member: int | None,
) -> Example:
    """Return a row of the config's data, and the network as it is initialised."""
    kept: dict[str, NamedRows] = {}
    file, dataset, network = initialised(source, data, observer, kept)
    config = file.config.model_dump(mode="json")
    # a held-out CSV of its own numbers its own rows
    mine = {
        name: part
        for name, part in dataset.parts.items()
        if not isinstance(config["data"].get(name), str)
    }
    drawn = next((name for name, part in mine.items() if row in part.numbers), None)
    if drawn is None:
        last = max(int(part.numbers.max()) for part in mine.values())
        raise _no_such_row(dataset.name, row, dataset.targets, last)
    model = Model(
        encoder=dataset.encoding.encoder,
        network=network,
        targets=dataset.targets,
        labels=dataset.labels,
        scaler=dataset.encoding.scaler,
        config=config,
    )
    model = one_member(model, file.name, member, observer)
    one = _only(mine[drawn], row)
    training = dataset.parts["train"]
    if dataset.folds is not None:
        training = _rows_of(training, dataset.folds != (member or 1) - 1)
    return Example(
        source=file.name, model=_plain(model), data=dataset.name, row=one,
        raw=_numbered(kept[drawn], row), drawn=drawn,
        training=training if epoch_step else None, notes=_notes(model, one),
    )  # fmt: skip


def _of_model(
    model: Model,
    name: str,
    data: Any,
    row: int,
    epoch_step: bool,
    observer: Observer,
    member: int | None,
) -> Example:
    """Return a row of the model's data, and the trained network."""
    table = own_table(model, name, data)
    if table is None:
        stored = model.kept.data.path
        raise DataError(f"{name}: its training data {stored!r} is not here; name a CSV after it")
    training = None
    if epoch_step:
        rows = table
        if isinstance(rows, str):
            rows = read_named(rows, csv_format(model), model.text_columns, observer)
        rows = drop_rows_without_target(rows, model.targets, observer)
        called, one = rows.name, encoded(model, rows, "train")
        if row not in one.numbers:
            raise _no_such_row(called, row, model.targets, int(one.numbers.max()))
        own = learned_rows(model, rows, observer, member).numbers
        training = _rows_of(one, np.isin(one.numbers, own))
        one, raw = _only(one, row), _numbered(rows, row)
    else:
        raw = _one_row(model, table, row, observer)
        called, one = raw.name, encoded(model, raw)
    if data is None:
        say_own(table, name, observer)
    return Example(
        source=name, model=_plain(model), data=called, row=one, raw=raw, drawn=None,
        training=training, notes=_notes(model, one),
    )  # fmt: skip


def _one_row(model: Model, table: Table, row: int, observer: Observer) -> NamedRows:
    """Return the row of a table that is read block by block."""
    last = 0
    with contextlib.closing(pieces(model, table, observer)) as blocks:
        for rows in blocks:
            if row <= last + len(rows):
                one = rows.between(row - last - 1, row - last)
                if not len(rows_with_target(one, model.targets)):
                    raise _no_such_row(rows.name, row, model.targets, row)
                return one
            last += len(rows)
    raise _no_such_row(rows.name, row, model.targets, last)


def _no_such_row(name: str, row: int, targets: tuple[str, ...], last: int) -> NnfitError:
    if row <= last:
        target = " and ".join(map(repr, targets))
        return DataError(f"{name}, row {row}: no value in {target}; choose another with --row")
    return ConfigError(f"--row: got {row}; {name} ends with row {last}")


def _only(part: Part, row: int) -> Part:
    """Return the part with the row of that number alone."""
    return _rows_of(part, part.numbers == row)


def _rows_of(part: Part, which: Array) -> Part:
    """Return the part with the rows for which `which` (N,) is true."""
    arrays: dict[str, Any] = {k: None if a is None else a[which] for k, a in vars(part).items()}
    return Part(**arrays)


def _numbered(rows: NamedRows, row: int) -> NamedRows:
    """Return the row of that number, which is there."""
    return rows.take(np.flatnonzero(rows.numbers == row))


def _plain(model: Model) -> Model:
    """Return the model with its network in float64 and without dropout."""
    architecture = dataclasses.replace(model.network.architecture, dropout=0.0)
    network = Network(architecture, np.float64)
    np.copyto(network.parameters.flat, model.network.parameters.flat)
    return dataclasses.replace(model, network=network)


def _notes(model: Model, row: Part) -> tuple[str, ...]:
    """Return what differs from a step of training."""
    notes = []
    network, optimizer = model.network, model.kept.optimizer
    if network.dtype == np.float32:
        notes.append("worked out in float64 from the model's float32 weights")
    if network.architecture.dropout:
        notes.append(f"dropout {network.architecture.dropout:g} is off: every unit takes part")
    if smoothing := model.kept.training.label_smoothing:
        notes.append(f"label smoothing {smoothing:g} is off: y is the label as it is")
    if model.scaler is not None and any(scale != 1.0 for scale in model.scaler.scales):
        notes.append("y and ŷ are standardized, as the loss sees them")
    if row.weights is not None:
        notes.append(
            f"the row weighs s = {row.weights[0]:g}: in a minibatch of N rows its ℓ counts "
            "s / (N s̄), s̄ the mean weight of the training rows; shown is ℓ alone"
        )
    others = [] if optimizer.name == "sgd" else [optimizer.name]
    others += [key for key in ("momentum", "weight_decay", "clip_norm") if getattr(optimizer, key)]
    others += [f"schedule {optimizer.schedule}"] if optimizer.schedule != "constant" else []
    rates = ("bias_rate", "scale_rate")
    others += [f"{key} {rate:g}" for key in rates if (rate := getattr(optimizer, key)) != 1.0]
    others += ["the rates of ntk"] if model.kept.model.parametrization == "ntk" else []
    if others:
        notes.append(f"the update is plain gradient descent; training uses {', '.join(others)}")
    return tuple(notes)
