"""Permutation importance: how much worse a model gets when one column's cells are shuffled.

Source: Breiman, Random Forests, 2001; Fisher, Rudin, Dominici, 2019. Columns that tell the same
share their importance, and none of them may show any.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfit.errors import PictureError
from nnfit.inside.pictures.request import Request, sample_of
from nnfit.model.model import Model
from nnfit.model.streaming import tell_trained
from nnfit.nn.arrays import Array
from nnfit.nn.names import ERRORS, SCORES, metrics_of
from nnfit.table.fingerprint import Fingerprint
from nnfit.table.rows import NamedRows
from nnfit.table.slices import with_column_permuted

MAX_ROWS = 5000


@dataclass(frozen=True, kw_only=True)
class Importance:
    """`losses` (columns, repeats): by how much the metric got worse, most important first.

    `baseline` is the metric on the rows as they are.
    """

    columns: tuple[str, ...]
    losses: Array
    metric: str
    baseline: float
    n_columns: int
    n_rows: int

    @property
    def means(self) -> Array:
        """Of each column (columns,)."""
        return np.asarray(self.losses.mean(axis=1))

    @property
    def spreads(self) -> Array:
        """The standard deviation over the repeats (columns,)."""
        return np.asarray(self.losses.std(axis=1))


def make(request: Request) -> Importance:
    """Return the permutation importance of the model's columns.

    Every column is shuffled in the same orders. The metric is accuracy by default, rmse for a
    regression, r2 for one with several targets, whose errors have no common unit.

    Raises
    ------
    PictureError
        When the metric is none of this task's, or has no value on these rows.
    """
    model, rows, options = request.model, request.rows(), request.options
    own, metric = SCORES.get(model.outcome.law.loss), options.metric
    known = [*metrics_of(model.task), *([own] if own else [])]
    if metric is None:
        metric = "r2" if len(model.targets) > 1 else known[0]
    if metric not in known:
        raise PictureError(
            f"--metric: got {metric!r} for a {model.task}; expected {', '.join(known)}"
        )
    if options.split is None:
        fingerprint = Fingerprint(model.encoder).add(rows, model.outcome.truth(rows))
        tell_trained(model, rows.name, fingerprint, request.observer)
    if len(rows) > MAX_ROWS:
        request.observer.note(f"{rows.name}: {MAX_ROWS} of {len(rows)} rows are used")
        rows = rows.take(sample_of(len(rows), MAX_ROWS, options.seed))
    rng = np.random.default_rng(options.seed)
    orders = [rng.permutation(len(rows)) for _ in range(options.repeats)]
    baseline = _metric(model, rows, metric)
    names = model.encoder.needed_columns
    losses: Array = np.empty((len(names), options.repeats))
    for i, column in enumerate(names):
        for k, order in enumerate(orders):
            permuted = with_column_permuted(rows, column, order)
            losses[i, k] = baseline - _metric(model, permuted, metric)
    if metric in ERRORS:
        losses = -losses
    by_size = np.argsort(-losses.mean(axis=1), kind="stable")[: options.top]
    return Importance(
        columns=tuple(names[i] for i in by_size),
        losses=losses[by_size],
        metric=metric,
        baseline=baseline,
        n_columns=len(names),
        n_rows=len(rows),
    )


def _metric(model: Model, rows: NamedRows, metric: str) -> float:
    value = model.evaluation(rows.name).add(rows).result()["metrics"].get(metric)
    if value is None:
        raise PictureError(
            f"{rows.name}: --metric {metric} has no value on these rows; expected more rows, "
            "or of two classes. Choose another metric"
        )
    return float(value)
