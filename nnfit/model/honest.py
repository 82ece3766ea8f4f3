"""What `predict` adds by held-out rows: intervals, sets of labels, and a threshold of its own."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from nnfit.errors import DataError
from nnfit.model.held_out import HeldOut
from nnfit.model.model import Model
from nnfit.nn.arrays import Array

BETWEEN = "|"  # the labels of a set, where a cell is text


@dataclass(frozen=True)
class Honest:
    """What is asked beside the predictions: shares of rows, and from where on a class is said.

    With probability `interval` a value lies between the columns `prediction_low` and
    `prediction_high`, and with probability `prediction_set` a label is among those of that column.
    The second of two classes is predicted from the probability `threshold` on, or from the one that
    was best on held-out rows, `f1` or `youden`.

    Raises
    ------
    DataError
        When the model has no such thing.
    """

    model: Model
    _: KW_ONLY
    interval: float | None = None
    prediction_set: float | None = None
    threshold: str | None = None

    def __post_init__(self) -> None:
        classes = len(self.model.classes)
        if self.interval is not None:
            if classes:
                raise DataError("--interval: the model predicts classes; use --prediction-set")
            self._held_out("--interval").radius(self.interval, "--interval")
        if self.prediction_set is not None:
            if not classes:
                raise DataError("--prediction-set: a regression model has no classes; --interval")
            self._held_out("--prediction-set").radius(self.prediction_set, "--prediction-set")
        if self.threshold is not None:
            if classes != 2:
                what = f"{classes} classes" if classes else "no classes"
                raise DataError(f"--threshold: the model has {what}; expected two. Leave it out")
            assert self._cut is not None

    def _held_out(self, option: str) -> HeldOut:
        if self.model.held_out is None:
            raise DataError(
                f"{option}: the model has no rows that were held out, from which it could know. "
                "Train with data.validation: folds, or 0.2"
            )
        return self.model.held_out

    @property
    def _cut(self) -> float | None:
        """The threshold as a number."""
        if self.threshold in ("f1", "youden"):
            return self._held_out("--threshold").threshold(self.threshold)
        try:
            value = float(self.threshold or "")
        except ValueError:
            value = np.nan
        if not 0.0 <= value <= 1.0:
            raise DataError(
                f"--threshold: got {self.threshold!r}; expected f1, youden or a probability"
            )
        return value

    @property
    def columns(self) -> list[str]:
        """The columns that come after the predictions."""
        targets = self.model.targets
        several = [f"_{target}" for target in targets] if len(targets) > 1 else [""]
        found = [f"prediction_{end}{of}" for of in several for end in ("low", "high")]
        return found * (self.interval is not None) + ["prediction_set"] * (
            self.prediction_set is not None
        )

    def codes(self, y_hat: Array) -> Array:
        """Return the class of each row (N,) by the threshold, or the most probable one."""
        if self.threshold is None:
            return self.model.outcome.codes(y_hat)
        found: Array = (self.model.outcome.probabilities(y_hat)[:, 1] >= self._cut).astype(np.intp)
        return found

    def cells(self, y_hat: Array, said: Array, native: bool) -> list[Any]:
        """Return the cells of the `columns`; labels of a set as a list where they are `native`.

        What is `said` of the rows are values (N, T), or codes (N,).
        """
        outcome, labels = self.model.outcome, self.model.labels
        made: list[Any] = []
        if self.interval is not None:
            reach = self._held_out("--interval").radius(self.interval, "--interval")
            ends = np.stack([said - reach, said + reach], axis=-1)
            if outcome.law.loss == "poisson":  # no count is below 0
                ends = np.maximum(ends, 0.0)
            made.append(outcome.written(ends.reshape(len(said), -1)))
        if self.prediction_set is not None:
            assert labels is not None
            p = outcome.probabilities(y_hat)
            reach = self._held_out("--prediction-set").radius(
                self.prediction_set, "--prediction-set"
            )
            among = 1.0 - p <= reach
            among[np.arange(len(p)), said] = True  # no set without the prediction
            names = (labels.typed if native else labels.decode)(np.arange(p.shape[1]))
            sets = [[names[k] for k in np.flatnonzero(row)] for row in among]
            made.append(sets if native else [BETWEEN.join(map(str, found)) for found in sets])
        return made
