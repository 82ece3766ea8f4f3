"""The rows of a model's own data, and which part each fell to: found again by seed and fingerprint.

Where no CSV is named, it is looked for by the name that the config gave it.
"""

from __future__ import annotations

import os

import numpy as np

from nnfit.config.reading import at_home
from nnfit.dataset.reading import read_named
from nnfit.errors import DataError
from nnfit.model.evaluation import Evaluation
from nnfit.model.model import Model
from nnfit.model.streaming import csv_format, evaluate_pieces
from nnfit.observer import Observer
from nnfit.table.arrangement import Arrangement
from nnfit.table.fingerprint import Fingerprint
from nnfit.table.rows import NamedRows
from nnfit.table.splitting import PARTS, Indices, folds, split
from nnfit.table.targets import drop_rows_without_target
from nnfit.training.streams import stream
from nnfit.training.threads import blas_threads


def own_csv(model: Model, name: str, held_out: str | None = None) -> str | None:
    """Return the CSV that `data.path` named when training, or that of `held_out`, if it is here.

    `name` is the model's file. A model names its CSVs as its config did, so that its bytes don't
    tell where it was trained.
    """
    stored = held_out or model.kept.data.path
    folders = (".", os.path.dirname(name), "configs")
    places = [os.path.normpath(os.path.join(folder, stored)) for folder in folders]
    places.append(at_home(stored))
    return next((place for place in places if os.path.isfile(place)), None)


def own_rows(model: Model, name: str, part: str, path: str | None, observer: Observer) -> NamedRows:
    """Return the rows that fell to `part`: train, validation or test.

    They are looked for in the CSV at `path`, or else where the config named it.

    Raises
    ------
    DataError
        If there was no such part, or there is no such CSV, or it holds other rows.
    """
    data = model.kept.data
    if part == "validation" and data.has_folds:
        raise DataError(
            f"{name}: has no validation rows; each of its members held out a fold of the training "
            "rows (data.validation: folds). Use --split train, or leave it out"
        )
    table = _own_table(model, name, part, path, observer)
    if part != "train" and isinstance(data.held_out(part), str):
        return table
    return table.take(drawn_parts(model, table)[PARTS.index(part)])


def _own_table(
    model: Model, name: str, part: str, path: str | None, observer: Observer
) -> NamedRows:
    """Return the whole table that the rows of `part` are of, once it is sure to be the same."""
    data = model.kept.data
    share = None if part == "train" else data.held_out(part)
    held_out = share if isinstance(share, str) else None
    if share == 0.0:
        raise DataError(f"{name}: was trained without {part} rows; data.{part} is 0")
    if not model.fingerprints:
        raise DataError(
            f"{name}: keeps no fingerprint of its data, by which its {part} rows could be known. "
            "Train it again, or leave out --split"
        )
    path = own_csv(model, name, held_out) if path is None else path
    if path is None:
        stored = held_out or data.path
        what = "stdin or a DataFrame" if stored == "-" else repr(stored)
        raise DataError(
            f"{name}: its {part} rows are of {what}, which is not here. Name that CSV after it"
        )
    # the target as training read it
    text = () if data.task == "regression" else model.targets
    rows = read_named(path, csv_format(model), [*model.text_columns, *text], observer)
    rows = drop_rows_without_target(rows, model.targets, observer)
    found = Fingerprint(model.encoder).add(rows, model.outcome.truth(rows)).value
    if found != model.fingerprints.get(part if held_out else "data"):
        raise DataError(
            f"{rows.name}: is not the data that {name} was trained on, whose {part} rows are asked "
            "for; expected the same rows in the same order. Name that CSV, or leave out --split"
        )
    if held_out:
        return rows
    arrangement = _arrangement(model, rows)
    if arrangement.fingerprint != model.fingerprints.get("arrangement"):
        column = data.roles["time" if data.groups is None else "groups"]
        raise DataError(
            f"{rows.name}: column {column!r} is not the one that {name} was trained with, by which "
            "its rows were split; expected the same cells. Name that CSV, or leave out --split"
        )
    return rows


def evaluate_split(
    model: Model, name: str, part: str, path: str | None, observer: Observer
) -> Evaluation:
    """Return the predictions beside the targets of the rows that `own_rows` finds.

    With folds those of validation are all training rows, each judged by the member that held it
    out.
    """
    if part == "validation" and model.kept.data.has_folds and model.network.members > 1:
        return _evaluate_folds(model, name, path, observer)
    rows = own_rows(model, name, part, path, observer)
    return evaluate_pieces(model, f"{rows.name} ({part})", [rows], observer)


def _evaluate_folds(model: Model, name: str, path: str | None, observer: Observer) -> Evaluation:
    """Return what each member says of its fold, beside the targets."""
    table, members = _own_table(model, name, "train", path, observer), model.network.members
    train, held_by = _drawn_folds(model, table, members)
    rows = table.take(train)
    evaluation = model.evaluation(f"{rows.name} (validation)")
    with blas_threads(1):
        for i in range(members):
            evaluation.add(rows.take(np.flatnonzero(held_by == i)), outputs=model.member(i).outputs)
    return evaluation


def learned_rows(
    model: Model, table: NamedRows, observer: Observer, member: int | None = None
) -> NamedRows:
    """Return the rows that the model learned from, when `table` is the one it was trained on.

    They are drawn again from the config's seed; a table of another length is another table, and
    all its rows are returned. Of several members `model` is the one of that number, from 1 as by
    default, which has not learned from the fold that it held out.
    """
    data, counts = model.kept.data, model.trained.rows
    drawn = ["train", *(name for name in PARTS[1:] if not isinstance(data.held_out(name), str))]
    expected = sum(counts.get(name, 0) for name in drawn)
    if len(table) != expected:
        observer.note(
            f"{table.name}: {len(table)} rows, the model was trained on a table of {expected}; "
            "the loss is that of all of them"
        )
        return table
    members = len(model.trained.best_epochs)
    if not (data.has_folds and members):
        return table.take(drawn_parts(model, table)[0])
    train, held_by = _drawn_folds(model, table, members)
    own = train[held_by != (member or 1) - 1]
    observer.note(
        f"{table.name}: the loss is that of the {len(own)} of {len(train)} training rows that the "
        "member did not hold out"
    )
    return table.take(own)


def _drawn_folds(model: Model, table: NamedRows, members: int) -> tuple[Indices, Indices]:
    """Return the places of the training rows, and the member, from 0, that held each one out."""
    rng = stream(model.kept.seed, "split")
    train = drawn_parts(model, table, rng)[0]
    rows, arrangement = table.take(train), _arrangement(model, table).take(train)
    codes = None if model.labels is None else model.labels.read(rows)
    try:
        return train, folds(len(rows), codes, members, rng, arrangement, model.classes)
    except ValueError as err:  # of a model whose config was not that of its data
        raise DataError(f"{rows.name}: the model's config does not fit its rows: {err}") from err


def _arrangement(model: Model, rows: NamedRows) -> Arrangement:
    data = model.kept.data
    return Arrangement.of(rows, data.roles, data.written)


def drawn_parts(
    model: Model, rows: NamedRows, rng: np.random.Generator | None = None
) -> tuple[Indices, Indices, Indices]:
    """Return the places of the training, validation and test rows among all, drawn again.

    `rng` is the stream of the split at its beginning; the folds are drawn from it next.
    """
    data = model.kept.data
    codes = None if model.labels is None else model.labels.read(rows)
    shares = (data.held_out(part) for part in PARTS[1:])
    validation, test = (0.0 if isinstance(share, str) else share for share in shares)
    try:
        rng, arrangement = rng or stream(model.kept.seed, "split"), _arrangement(model, rows)
        return split(len(rows), codes, validation, test, rng, arrangement)
    except ValueError as err:  # of a model whose config was not that of its data
        raise DataError(f"{rows.name}: the model's config does not fit its rows: {err}") from err
