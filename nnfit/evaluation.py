"""A model against rows whose targets are known: the metrics, over rows that may come in pieces.

What the figures are is in `outcome`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnfit.errors import DataError
from nnfit.model import Model
from nnfit.nn.arrays import Array
from nnfit.table.coding import Tally
from nnfit.table.targets import rows_with_target
from nnfit.training.threads import available_cores

if TYPE_CHECKING:
    import pandas as pd


class Evaluation:
    """Metrics over rows that come piece by piece; only predictions and targets are kept."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._truth: list[Array] = []
        self._found: list[Array] = []
        self.without_target = 0

    def add(
        self,
        frame: pd.DataFrame,
        name: str,
        rows: Array | int,
        tally: Tally | None = None,
    ) -> Evaluation:
        """Take a piece of the table, targets included; rows without a target are counted."""
        model = self.model
        n = len(frame)
        frame, rows = rows_with_target(frame, model.targets, name, rows)
        self.without_target += n - len(frame)
        if len(frame):
            y_hat = model.outputs(frame, name, rows, tally, available_cores())
            if model.labels is not None:
                target = frame[model.targets[0]]
                self._truth.append(model.labels.encode(target, name, rows))
            else:
                assert model.scaler is not None
                self._truth.append(model.scaler.read(frame, name, rows))
            self._found.append(model.outcome.found(y_hat))
        return self

    def arrays(self, name: str = "data") -> tuple[Array, Array]:
        """Return what is true and what was found: codes (N,) and probabilities (N, K), or values.

        Raises
        ------
        DataError
            When no row had a target.
        """
        if not self._truth:
            raise DataError(
                f"{name}: no row has a value in {self.model.targets[0]!r} to compare with"
            )
        return np.concatenate(self._truth), np.concatenate(self._found)

    def result(self, name: str = "data") -> dict[str, Any]:
        """Return rows, metrics and, for classification, classes; `name` is for the error.

        Raises
        ------
        DataError
            When no row had a target.
        """
        truth, found = self.arrays(name)
        result: dict[str, Any] = {"rows": len(truth)}
        result["metrics"] = self.model.outcome.score(truth, found)
        if self.model.labels is not None:
            result["classes"] = list(self.model.classes)
        return result
