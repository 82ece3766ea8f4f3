"""What a config and the rows to learn from settle before any row is encoded.

Plain data, which any process can be handed; what the training rows teach is in `encoding`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from nnfit.config.presets import Shape
from nnfit.config.reading import ConfigFile
from nnfit.config.schema import Config
from nnfit.errors import listed, quoted
from nnfit.nn.names import RESIDUAL_LOSSES, outputs_of_target
from nnfit.observer import Observer
from nnfit.table.columns import Column, Kind, decide_columns
from nnfit.table.finding import first_dressed, look_like_thousands
from nnfit.table.labels import LabelEncoder
from nnfit.table.rows import NamedRows
from nnfit.table.spelling import Spelling, Written
from nnfit.table.survey import copies_of_target
from nnfit.table.targets import target_spellings
from nnfit.table.task import decide_task, refuse_one_row
from nnfit.table.words import columns_with_words


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What is true of the table `name` and of all its parts.

    `labels` is set for classification. `loss` and `n_outputs` depend on the classes. `words` are
    the columns in which NA, null and the like are values, no gaps. `spellings` are those of a
    regression's targets whose numbers are not plain.
    """

    name: str
    targets: tuple[str, ...]
    columns: tuple[Column, ...]
    labels: LabelEncoder | None
    loss: str
    n_outputs: int
    words: tuple[str, ...]
    spellings: Mapping[str, Spelling] = field(default_factory=dict)

    @property
    def task(self) -> str:
        return "regression" if self.labels is None else "classification"

    def text_columns(self, decimal: str) -> list[str]:
        """Return the columns that a CSV reader leaves as they are spelt.

        Labels, categories, and numbers that it would misread by its `decimal` mark.
        """
        found = {column.name: column.spelling for column in self.columns} | dict(self.spellings)
        return [
            *(() if self.labels is None else [self.labels.target]),
            *(column.name for column in self.columns if column.kind == "categorical"),
            *(name for name, one in found.items() if one is not None and one.is_misread(decimal)),
        ]


def decide(file: ConfigFile, rows: NamedRows, observer: Observer) -> Decisions:
    """Return what is decided on all rows that have a target, before any is held out.

    Raises
    ------
    ConfigError, DataError
        Each with its place.
    """
    config = file.config
    data = config.data
    written = Written.of(data)
    refuse_one_row(rows)
    if config.task != data.task:
        observer.note(f"task: {config.task} (loss {config.loss})")
    task = decide_task(rows, data.target, config.task, observer, written)
    spellings = target_spellings(rows, data.target, written) if task == "regression" else {}
    columns = decide_columns(rows, data, config.features, file.where("features"), observer)
    labels = None
    if task == "classification":
        labels = LabelEncoder.fit(rows.column(data.target[0]), observer)
    _tell_of_spellings(rows, columns, spellings, written, observer)
    loss, n_outputs = choose_head(config, labels)
    classes = () if labels is None else labels.classes
    features = [column.name for column in columns]
    groups = () if data.groups is None else (data.groups,)
    copies = copies_of_target(rows, features, data.target, labels is not None)
    if copies:
        one = len(copies) == 1
        observer.warning(
            f"{rows.name}: {quoted(copies)} {'tells' if one else 'tell'} the target "
            f"{listed(map(repr, data.target))} one to one. Add {'it' if one else 'them'} to "
            f"data.exclude if {'it is' if one else 'they are'} the target in other words"
        )
    if labels is not None:
        said, much = labels.majority(rows)
        cure = "; class_weight: balanced weighs the others up"
        observer.note(said + cure * (much and config.class_weight is None))
    return Decisions(
        name=rows.name,
        targets=data.target,
        columns=tuple(columns),
        labels=labels,
        loss=loss,
        n_outputs=n_outputs,
        words=columns_with_words(rows, [*features, *groups], data.target[0], classes),
        spellings=spellings,
    )


def _tell_of_spellings(
    rows: NamedRows,
    columns: Sequence[Column],
    targets: Mapping[str, Spelling],
    written: Written,
    observer: Observer,
) -> None:
    """Tell the observer which columns have numbers that are not written as the config says."""
    dressed: dict[Spelling, list[str]] = {}
    found = {column.name: column.spelling for column in columns} | dict(targets)
    for name, spelling in found.items():
        if spelling is not None and spelling != written.spelling:
            dressed.setdefault(spelling, []).append(name)
    for spelling, names in dressed.items():
        cell, value = first_dressed(rows.column(names[0]), spelling, written)
        observer.note(f"{quoted(names)}: text read as numbers, {cell!r} as {value:.12g}")
    if written.decimal == "." and any(spelling.decimal == "," for spelling in dressed):
        numeric = [c.name for c in columns if c.kind == "numeric"] + [*targets]
        plain = [name for name in numeric if found.get(name) is None]
        doubtful = [name for name in plain if look_like_thousands(rows.column(name))]
        if doubtful:
            observer.warning(
                f"{rows.name}: {quoted(doubtful)}: read with decimal points, beside decimal "
                'commas in others. If 1.234 is 1234 here, set data.decimal to ","'
            )


def choose_head(config: Config, labels: LabelEncoder | None) -> tuple[str, int]:
    """Return the loss and the number of outputs; `head` tells whether they can be."""
    loss, output = config.loss, config.model.output_activation
    if labels is None:
        loss = "mse" if loss == "auto" else loss
        return loss, len(config.data.target) * outputs_of_target(loss, config.quantiles)
    n_classes = len(labels.classes)
    may_be_one = n_classes == 2 and output != "softmax"
    if loss == "auto":
        loss = "binary_cross_entropy" if may_be_one else "cross_entropy"
    one = loss == "binary_cross_entropy" or (may_be_one and loss in RESIDUAL_LOSSES)
    return loss, 1 if one else n_classes


def shape_of(
    rows: NamedRows, columns: Sequence[Column], n_outputs: int, labels: LabelEncoder | None
) -> Shape:
    """Return what a preset's values depend on, of all rows that have a target."""
    task = "regression" if labels is None else "classification"
    rarest = len(rows) if labels is None else int(np.bincount(labels.read(rows)).min())
    numbers = count_kinds(columns).get("numeric", 0)
    return Shape(len(rows), len(columns), n_outputs, task, rarest, numbers)


def count_kinds(columns: Sequence[Column]) -> dict[str, int]:
    """Return how many columns there are of each kind that occurs."""
    counts = Counter(column.kind for column in columns)
    return {kind: counts[kind] for kind in get_args(Kind) if kind in counts}
