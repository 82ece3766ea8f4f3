"""A model against rows whose targets are known: the metrics, over rows that may come in pieces.

What the figures are is in `outcome`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnfit.budget import rows_at_once
from nnfit.dataset.outcome import Outcome
from nnfit.errors import DataError
from nnfit.nn.arrays import Array
from nnfit.storage import json_checks as check
from nnfit.table.fingerprint import Fingerprint
from nnfit.table.labels import Unseen
from nnfit.table.rows import NamedRows
from nnfit.table.table import Tally
from nnfit.table.targets import rows_with_target
from nnfit.training.threads import available_cores


class Evaluation:
    """Metrics over rows that come piece by piece; only targets and what is judged are kept.

    `outcome` says what the outputs mean, `outputs` is the model's; `name`, the table's, is for
    the messages. `taught` are the `training_averages`, which the baseline predicts. A
    `fingerprint`, where it is set, takes the rows that are judged.
    """

    def __init__(
        self,
        outcome: Outcome,
        outputs: Callable[..., Array],
        name: str,
        taught: Array | None = None,
    ) -> None:
        self.outcome, self._outputs, self.name, self.taught = outcome, outputs, name, taught
        self.fingerprint: Fingerprint | None = None
        self._truth: list[Array] = []
        self._judged: list[Array] = []
        self._without_target = 0
        self._unseen: Unseen = Counter()

    def add(
        self,
        rows: NamedRows,
        tally: Tally | None = None,
        outputs: Callable[..., Array] | None = None,
    ) -> Evaluation:
        """Take a piece of the table, targets included; other `outputs` than the model's judge it.

        Rows without a target, and those of a class that training never saw, are counted.
        """
        judged = rows_with_target(rows, self.outcome.targets)
        self._without_target += len(rows) - len(judged)
        if self.outcome.labels is not None:
            judged = self.outcome.labels.known(judged, self._unseen)
        at_once = rows_at_once(self.outcome.n_values)
        for start in range(0, len(judged), at_once):
            some = judged.between(start, start + at_once)
            y_hat = (outputs or self._outputs)(some, tally, available_cores())
            self._truth.append(self.outcome.truth(some))
            self._judged.append(self.outcome.judged(self._truth[-1], y_hat))
            if self.fingerprint is not None:
                self.fingerprint.add(some, self._truth[-1])
        return self

    def warnings(self) -> list[str]:
        """Return a sentence for each reason why rows were left out."""
        sentences = []
        if n := self._without_target:
            rows = "1 row" if n == 1 else f"{n} rows"
            sentences.append(f"{self.name}: left out {rows} without a target")
        if self.outcome.labels is not None and self._unseen and self._truth:
            sentences.append(self.outcome.labels.warning(self.name, self._unseen))
        return sentences

    def arrays(self) -> tuple[Array, Array]:
        """Return truth and what is judged: codes (N,) and verdicts (N, 3), or values (N, K) twice.

        Raises
        ------
        DataError
            When no row had a target, or one of a known class.
        """
        if not self._truth and self.outcome.labels is not None and self._unseen:
            raise self.outcome.labels.none_known(self.name, self._unseen)
        if not self._truth:
            raise DataError(
                f"{self.name}: no row has a value in {self.outcome.targets[0]!r} to compare with"
            )
        return np.concatenate(self._truth), np.concatenate(self._judged)

    def result(self) -> dict[str, Any]:
        """Return rows, the scorecard and, for classification, classes; DataError as `arrays`."""
        truth, judged = self.arrays()
        result: dict[str, Any] = {"rows": len(truth)}
        result["metrics"] = self.outcome.scorecard(truth, judged, self.taught)
        if self.outcome.labels is not None:
            result["classes"] = list(self.outcome.labels.classes)
        return result


def training_averages(outcome: Outcome, metrics: Mapping[str, Any]) -> Array | None:
    """Return the class shares (K,), or the targets' means (K,), of the rows a model was trained on.

    The shares are those of its training `metrics`, the means those that its targets are scaled by;
    None where it has neither.
    """
    if outcome.scaler is not None:
        scaled = any(outcome.scaler.means) or {*outcome.scaler.scales} != {1.0}
        return np.array(outcome.scaler.means) if scaled else None
    try:  # the file may come from anywhere
        matrix = check.items((metrics.get("train") or {}).get("confusion_matrix"), "")
        counts = np.array([sum(check.numbers(line, "")) for line in matrix])
    except ValueError:
        return None
    if len(counts) != outcome.n_values or counts.min() < 0.0 or not 0.0 < counts.sum() < np.inf:
        return None
    return np.asarray(counts / counts.sum())
