"""A model against rows whose targets are known: the metrics, over rows that may come in pieces.

What the figures are is in `outcome`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnfit.dataset.outcome import Outcome
from nnfit.errors import DataError
from nnfit.nn.arrays import Array
from nnfit.table.rows import NamedRows
from nnfit.table.table import Tally
from nnfit.table.targets import rows_with_target
from nnfit.training.threads import available_cores


class Evaluation:
    """Metrics over rows that come piece by piece; only predictions and targets are kept.

    `outcome` says what the outputs mean, `outputs` is the model's; `name`, the table's, is for
    the error.
    """

    def __init__(self, outcome: Outcome, outputs: Callable[..., Array], name: str) -> None:
        self.outcome, self._outputs, self.name = outcome, outputs, name
        self._truth: list[Array] = []
        self._predicted: list[Array] = []
        self.without_target = 0

    def add(self, rows: NamedRows, tally: Tally | None = None) -> Evaluation:
        """Take a piece of the table, targets included; rows without a target are counted."""
        judged = rows_with_target(rows, self.outcome.targets)
        self.without_target += len(rows) - len(judged)
        if len(judged):
            y_hat = self._outputs(judged, tally, available_cores())
            self._truth.append(self.outcome.truth(judged))
            self._predicted.append(self.outcome.predicted(y_hat))
        return self

    @property
    def left_out(self) -> list[str]:
        """A sentence on the rows without a target, where there were some."""
        n = self.without_target
        rows = "1 row" if n == 1 else f"{n} rows"
        return [f"{self.name}: left out {rows} without a target"] if n else []

    def arrays(self) -> tuple[Array, Array]:
        """Return truth and prediction: codes (N,) and probabilities (N, K), or values twice.

        Raises
        ------
        DataError
            When no row had a target.
        """
        if not self._truth:
            raise DataError(
                f"{self.name}: no row has a value in {self.outcome.targets[0]!r} to compare with"
            )
        return np.concatenate(self._truth), np.concatenate(self._predicted)

    def result(self) -> dict[str, Any]:
        """Return rows, metrics and, for classification, classes; DataError as `arrays`."""
        truth, predicted = self.arrays()
        result: dict[str, Any] = {"rows": len(truth)}
        result["metrics"] = self.outcome.score(truth, predicted)
        if self.outcome.labels is not None:
            result["classes"] = list(self.outcome.labels.classes)
        return result
