"""What a picture is asked of: models, data, options, and the rows that each kind reads with them.

Nothing is read before a kind asks for it; what the rows become is up to each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nnfit.dataset.reading import read_named
from nnfit.errors import require_columns
from nnfit.inside.own_rows import evaluate_split, own_rows
from nnfit.inside.pictures.kinds import Options
from nnfit.model.evaluation import Evaluation
from nnfit.model.model import Model
from nnfit.model.streaming import csv_format, evaluate_rows
from nnfit.nn.arrays import Array
from nnfit.observer import Observer
from nnfit.table.labels import with_known_class
from nnfit.table.rows import NamedRows
from nnfit.table.targets import drop_rows_without_target


@dataclass(frozen=True)
class Request:
    """`models` with their files' names; `data` is a path, None for none.

    Most kinds take one model. `names` are what a kind that needs no model is asked to show.
    """

    models: Sequence[tuple[str, Model]]
    data: str | None
    options: Options
    observer: Observer
    names: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def name(self) -> str:
        """The first model's file."""
        return self.models[0][0]

    @property
    def model(self) -> Model:
        """The first model."""
        return self.models[0][1]

    def rows(self, *, target: bool = True) -> NamedRows:
        """Return the data's rows, as `read_rows` does, or those of the part that is asked for."""
        if self.options.split is not None:
            return own_rows(self.model, self.name, self.options.split, self.data, self.observer)
        assert self.data is not None
        return read_rows(self.model, self.data, self.observer, target=target)

    def evaluation(self) -> Evaluation:
        """Return the predictions beside the truth."""
        part = self.options.split
        if part is not None:
            return evaluate_split(self.model, self.name, part, self.data, self.observer)
        assert self.data is not None
        return evaluate_rows(self.model, self.data, self.observer)


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
    if not target:
        return rows
    rows = drop_rows_without_target(rows, model.targets, observer)
    return rows if model.labels is None else with_known_class(rows, model.labels, observer)
