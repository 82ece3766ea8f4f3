"""The rows that a picture is made of: a whole CSV, or a sample of it where that is enough.

What the rows become is up to each picture.
"""

from __future__ import annotations

import numpy as np

from nnfit.dataset.reading import read_named
from nnfit.errors import require_columns
from nnfit.model.model import Model
from nnfit.model.streaming import csv_format
from nnfit.nn.arrays import Array
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows
from nnfit.table.splitting import split
from nnfit.table.targets import drop_rows_without_target
from nnfit.training.streams import stream


def at_most(rows: NamedRows, n: int, seed: int) -> NamedRows:
    """Return all rows, or `n` of them drawn with `seed`, in their order."""
    return rows.take(sample_of(len(rows), n, seed))


def sample_of(n_rows: int, n: int, seed: int) -> Array:
    """Return the places of all rows, or of `n` drawn with `seed`, ascending."""
    if n_rows <= n:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, n, replace=False))


def read_rows(model: Model, path: str, observer: Observer, *, target: bool = True) -> NamedRows:
    """Return the rows of the CSV at `path`, with `target` those in which every target is known.

    Raises
    ------
    DataError
        When it can't be read, or a column that the model needs is not there.
    """
    rows = read_named(path, csv_format(model), model.text_columns, observer)
    needed = model.judged_columns if target else model.encoder.needed_columns
    require_columns(rows.name, rows.columns, needed)
    return drop_rows_without_target(rows, model.targets, observer) if target else rows


def training_rows(model: Model, rows: NamedRows, observer: Observer) -> NamedRows:
    """Return the rows that the model learned from, when `rows` are the table it was trained on.

    The split is drawn again from the config's seed; a table of another length is another table,
    and all its rows are returned.
    """
    data, counts = model.config["data"], model.training.get("rows", {})
    drawn = [name for name in ("validation", "test") if not isinstance(data[name], str)]
    expected = sum(counts.get(name, 0) for name in ("train", *drawn))
    if len(rows) != expected:
        observer.note(
            f"{rows.name}: {len(rows)} rows, the model was trained on a table of {expected}; "
            "the loss is that of all of them"
        )
        return rows
    codes = None if model.labels is None else model.labels.read(rows)
    rng = stream(model.config["seed"], "split")
    validation, test = (data[n] if n in drawn else 0.0 for n in ("validation", "test"))
    return rows.take(split(len(rows), codes, validation, test, rng)[0])
