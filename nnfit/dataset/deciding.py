"""What a config and the rows to learn from settle before any row is encoded.

Plain data, which any process can be handed; what the training rows teach is in `encoding`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from nnfit.config.reading import ConfigFile
from nnfit.config.schema import Config
from nnfit.errors import listed, quoted
from nnfit.nn.names import QUANTITY_LOSSES
from nnfit.observer import Observer
from nnfit.table.columns import Column, Kind, decide_columns
from nnfit.table.labels import LabelEncoder
from nnfit.table.rows import NamedRows
from nnfit.table.survey import copies_of_target
from nnfit.table.targets import decide_task, refuse_one_row
from nnfit.table.words import columns_with_words


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What is true of the table `name` and of all its parts.

    `labels` is set for classification. `loss` and `n_outputs` depend on the classes. `words` are
    the columns in which NA, null and the like are values, no gaps.
    """

    name: str
    targets: tuple[str, ...]
    columns: tuple[Column, ...]
    labels: LabelEncoder | None
    loss: str
    n_outputs: int
    words: tuple[str, ...]

    @property
    def task(self) -> str:
        return "regression" if self.labels is None else "classification"


def decide(file: ConfigFile, rows: NamedRows, observer: Observer) -> Decisions:
    """Return what is decided on all rows that have a target, before any is held out.

    Raises
    ------
    ConfigError, DataError
        Each with its place.
    """
    config = file.config
    data = config.data
    refuse_one_row(rows)
    task = decide_task(rows, data.target, data.task, observer)
    columns = decide_columns(rows, data, config.features, file.where("features"), observer)
    labels = None
    if task == "classification":
        labels = LabelEncoder.fit(rows.column(data.target[0]), observer)
    loss, n_outputs = _choose_head(config, labels)
    classes = () if labels is None else labels.classes
    features = [column.name for column in columns]
    copies = copies_of_target(rows, features, data.target, labels is not None)
    if copies:
        one = len(copies) == 1
        observer.warning(
            f"{rows.name}: {quoted(copies)} {'tells' if one else 'tell'} the target "
            f"{listed(map(repr, data.target))} one to one. Add {'it' if one else 'them'} to "
            f"data.exclude if {'it is' if one else 'they are'} the target in other words"
        )
    if labels is not None and (imbalance := labels.imbalance(rows)):
        cure = "; class_weight: balanced weighs the others up" * (config.class_weight is None)
        observer.note(imbalance + cure)
    return Decisions(
        name=rows.name,
        targets=data.target,
        columns=tuple(columns),
        labels=labels,
        loss=loss,
        n_outputs=n_outputs,
        words=columns_with_words(rows, features, data.target[0], classes),
    )


def _choose_head(config: Config, labels: LabelEncoder | None) -> tuple[str, int]:
    """Return the loss and the number of outputs; `head` tells whether they can be."""
    loss, output = config.loss, config.model.output_activation
    if labels is None:
        return "mse" if loss == "auto" else loss, len(config.data.target)
    n_classes = len(labels.classes)
    may_be_one = n_classes == 2 and output != "softmax"
    if loss == "auto":
        loss = "binary_cross_entropy" if may_be_one else "cross_entropy"
    one = loss == "binary_cross_entropy" or (may_be_one and loss in QUANTITY_LOSSES)
    return loss, 1 if one else n_classes


def count_kinds(columns: Sequence[Column]) -> dict[str, int]:
    """Return how many columns there are of each kind that occurs."""
    counts = Counter(column.kind for column in columns)
    return {kind: counts[kind] for kind in get_args(Kind) if kind in counts}
