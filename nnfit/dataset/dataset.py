"""From a config and a CSV to arrays: what was decided about the table, and its encoded parts.

No network is built here; `loss` and `output_activation` are settled since they depend on the
classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnfit.config.reading import ConfigFile
from nnfit.csv.reading import CsvFormat, read_table
from nnfit.dataset.head import check_size, choose_head, choose_target_scaling
from nnfit.dataset.part import Part, encode_rows, weighted
from nnfit.errors import DataError
from nnfit.nn.arrays import Array
from nnfit.observer import Observer
from nnfit.table.columns import (
    Column,
    decide_columns,
    require_columns_named,
    with_text_names,
)
from nnfit.table.encoding import Encoder
from nnfit.table.fitting import fit_encoder
from nnfit.table.labels import LabelEncoder
from nnfit.table.splitting import split
from nnfit.table.targets import (
    TargetScaler,
    decide_task,
    drop_rows_without_target,
)

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Dataset:
    """What the data decided, and its parts; `validation` and `test` may be missing."""

    name: str
    task: str
    targets: tuple[str, ...]
    columns: list[Column]
    encoder: Encoder
    labels: LabelEncoder | None
    scaler: TargetScaler | None
    loss: str
    output_activation: str
    n_outputs: int
    parts: dict[str, Part]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Rows:
    """A piece of a table with the numbers its rows have in the file."""

    frame: pd.DataFrame
    name: str
    numbers: Array

    def take(self, places: Array) -> _Rows:
        """Return the rows at `places`, ascending; all of them are not copied."""
        if len(places) == len(self.frame):
            return self
        return _Rows(self.frame.iloc[places], self.name, self.numbers[places])


class _Notes(Observer):
    """Passes everything on and remembers the notes, which the plan shows."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)

    def warning(self, text: str) -> None:
        self.observer.warning(text)

    def reading(self, name: str, done: int, total: int | None) -> None:
        self.observer.reading(name, done, total)


def prepare(
    file: ConfigFile, frame: pd.DataFrame | None, rng: np.random.Generator, observer: Observer
) -> Dataset:
    """Read, decide, split, and encode with what the training rows teach.

    Parameters
    ----------
    file : ConfigFile
    frame : DataFrame, optional
        Used instead of the CSV that `data.path` names.
    rng : Generator
        Draws the held-out rows.
    observer : Observer
        Hears of warnings and progress; what was decided is in `notes`.

    Raises
    ------
    ConfigError, DataError
        Each with its place.
    """
    config, data = file.config, file.config.data
    notes = _Notes(observer)
    rows = _read(file, frame, notes)
    task = decide_task(rows.frame, data.target, data.task, rows.name, notes, rows.numbers)
    columns = decide_columns(
        rows.frame,
        rows.name,
        targets=data.target,
        include=data.include,
        exclude=data.exclude,
        categorical=data.categorical,
        weight=data.weight,
        observer=notes,
        rows=rows.numbers,
        features=config.features,
        where=file.where("features"),
    )
    labels = codes = None
    if task == "classification":
        labels = LabelEncoder.fit(rows.frame[data.target[0]], rows.name, notes, rows.numbers)
        codes = labels.encode(rows.frame[data.target[0]], rows.name, rows.numbers)
    pieces = _split(file, rows, codes, rng, notes)
    train = pieces["train"]
    encoder = fit_encoder(
        train.frame,
        columns,
        features=config.features,
        numeric=config.preprocessing.numeric,
        missing=config.preprocessing.missing,
        max_categories=config.preprocessing.max_categories,
        name=train.name,
        observer=notes,
        rows=train.numbers,
        where=file.where("features"),
    )
    loss, output, n_outputs = choose_head(file, task, labels)
    check_size(file, encoder.n_inputs, n_outputs)
    scaler = None
    if labels is None:
        method = choose_target_scaling(file, output, notes)
        scaler = TargetScaler.fit(
            TargetScaler(data.target, (), ()).read(train.frame, train.name, train.numbers),
            data.target,
            method,
            train.name,
            notes,
        )
    parts = {}
    for name, piece in pieces.items():
        part = encode_rows(
            piece.frame,
            piece.name,
            piece.numbers,
            encoder,
            labels,
            scaler,
            loss,
            n_outputs,
            np.dtype(config.training.dtype),
        )
        where = file.where("class_weight")
        parts[name] = weighted(
            part, name, piece.frame, piece.name, data.weight, config.class_weight, labels, where
        )
    return Dataset(
        rows.name,
        task,
        data.target,
        columns,
        encoder,
        labels,
        scaler,
        loss,
        output,
        n_outputs,
        parts,
        tuple(notes.texts),
    )


def _read(
    file: ConfigFile, frame: pd.DataFrame | None, observer: Observer, path: str | None = None
) -> _Rows:
    """Return the rows that have a target, from a DataFrame or a CSV."""
    data = file.config.data
    if frame is None:
        name = path or file.resolve(data.path)
        fmt = CsvFormat(data.delimiter, data.header, data.missing_values)
        # as text, so that labels come back as they were spelt
        text = [*data.target, *data.categorical] if data.task != "regression" else data.categorical
        frame = read_table(name, fmt, text, observer)
        name = "<stdin>" if name == "-" else name
    else:
        name = "data"
        frame = with_text_names(frame, name)
    require_columns_named("data.target", data.target, list(frame.columns), name)
    frame, numbers = drop_rows_without_target(frame, data.target, name, observer)
    return _Rows(frame, name, numbers)


def _split(
    file: ConfigFile, rows: _Rows, codes: Array | None, rng: np.random.Generator, observer: Observer
) -> dict[str, _Rows]:
    """Return the pieces by name: drawn from `rows`, or read from CSVs of their own."""
    data = file.config.data
    fractions = [
        held_out if isinstance(held_out, float) else 0.0
        for held_out in (data.validation, data.test)
    ]
    try:
        places = split(len(rows.frame), codes, fractions[0], fractions[1], rng)
    except ValueError as err:
        raise DataError(f"{rows.name}: {err}. Set data.validation: 0 and data.test: 0") from err
    pieces = {
        name: rows.take(where) for name, where in zip(PARTS, places, strict=True) if len(where)
    }
    for name, held_out in (("validation", data.validation), ("test", data.test)):
        if isinstance(held_out, str):
            pieces[name] = _read(file, None, observer, file.resolve(held_out))
    return pieces


def count_kinds(columns: Sequence[Column]) -> dict[str, int]:
    """Return how many columns there are of each kind that occurs."""
    counts = {
        kind: sum(column.kind == kind for column in columns)
        for kind in ("numeric", "categorical", "boolean")
    }
    return {kind: n for kind, n in counts.items() if n}
