"""What a model knows of itself from rows that it was not trained on, kept in its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from nnfit.dataset.outcome import Outcome
from nnfit.errors import DataError
from nnfit.nn.arrays import Array
from nnfit.storage import json_checks as check
from nnfit.storage.json_checks import checked
from nnfit.training.calibration import (
    FURTHEST,
    MAX_KEPT,
    best_thresholds,
    kept_scores,
    radius,
)

MAX_ROWS = 2**53
SHOWN = (0.5, 0.9, 0.95)  # shares whose reach is told
_positive = check.number("a number > 0", lambda value: 0.0 < value <= np.exp(FURTHEST) * 1.01)
_share = check.number("a number in [0, 1]", lambda value: 0.0 <= value <= 1.0)
_figures = check.mapping_of(check.or_null(check.number("a number", np.isfinite)))


@dataclass(frozen=True, kw_only=True)
class Told:
    """The part of it that is JSON.

    `by` says which `rows` they are: each held out by a fold, or the validation rows. `temperature`
    is what the last layer was divided by, `before` and `after` the figures that it changed.
    `thresholds` are those of the second of two classes.
    """

    by: str = checked(check.one_of("out_of_fold", "validation"))
    rows: int = checked(check.integer(1, MAX_ROWS))
    temperature: float = checked(_positive, default=1.0)
    before: Mapping[str, float | None] = checked(_figures, default_factory=dict)
    after: Mapping[str, float | None] = checked(_figures, default_factory=dict)
    thresholds: Mapping[str, float] = checked(
        check.mapping_of(_share, ("f1", "youden")), default_factory=dict
    )

    @property
    def n_kept(self) -> int:
        """How many scores the file has."""
        return min(self.rows, MAX_KEPT)


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """How far off predictions are: ascending `scores` (n, K), and what else is `told`.

    Of values |y - y_hat|, for each target in its own units; of classes 1 - p of the true one.
    """

    told: Told
    scores: Array = field(repr=False)

    @classmethod
    def of(cls, by: str, outcome: Outcome, truth: Array, y_hat: Array, **told: Any) -> HeldOut:
        """Return what rows tell: codes (N,) or values (N, K), and the outputs for them."""
        thresholds: Mapping[str, float] = {}
        if outcome.labels is None:
            scores = np.abs(truth - outcome.values(y_hat))
        else:
            p = outcome.probabilities(y_hat)
            scores = 1.0 - p[np.arange(len(truth)), truth][:, np.newaxis]
            if p.shape[1] == 2:
                thresholds = best_thresholds(p[:, 1], truth == 1)
        return cls(
            told=Told(by=by, rows=len(truth), thresholds=thresholds, **told),
            scores=kept_scores(scores),
        )

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what it tells; `reach` is by share and name how far off so many rows are at most.

        The `names` are the targets'; of classes there are none.
        """
        found: dict[str, Any] = {**asdict(self.told)}
        reaches = {f"{share:g}": radius(self.scores, self.told.rows, share) for share in SHOWN}
        found["reach"] = {
            share: dict(zip(names, reach.tolist(), strict=True))
            for share, reach in reaches.items()
            if names and reach is not None
        }
        return found

    @property
    def change(self) -> str:
        """What the temperature did, in a sentence without its subject."""
        before, after = self.told.before, self.told.after
        figures = [
            f"{name} {before[name]:.4g} to {after[name]:.4g}"
            for name in after
            if before.get(name) is not None and after[name] is not None
        ]
        what = f"logits divided by a temperature of {self.told.temperature:.3g}"
        return f"{what}, {', '.join(figures)} of {self.which}"

    @property
    def which(self) -> str:
        """The rows, for a message."""
        rows = f"{self.told.rows:,} rows"
        return f"{rows} out of fold" if self.told.by == "out_of_fold" else f"{rows} of validation"

    def radius(self, share: float, option: str) -> Array:
        """Return the score (K,) that a share of rows does not exceed.

        Raises
        ------
        DataError
            When the share is out of (0, 1), or takes more rows than there are.
        """
        if not 0.0 < share < 1.0:
            raise DataError(f"{option}: got {share:g}; expected a number above 0 and below 1")
        found = radius(self.scores, self.told.rows, share)
        if found is None:
            needed = int(np.ceil(share / (1.0 - share)))
            raise DataError(
                f"{option}: {share:g} needs {needed} held-out rows or more, and the model has "
                f"{self.told.rows}. Ask for less, or train with more rows"
            )
        return found

    def threshold(self, by: str) -> float:
        """Return the probability that was best by `f1` or `youden`.

        Raises
        ------
        DataError
            When none was found.
        """
        if by not in self.told.thresholds:
            raise DataError(
                f"--threshold: the held-out rows have one class only, by which {by} has no "
                "threshold. Name a probability"
            )
        return self.told.thresholds[by]


told = check.parsed(Told)
