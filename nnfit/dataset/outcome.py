"""What a network's outputs mean, classes or quantities, and how well they meet the truth.

The one place where outputs become labels and figures: for training's rows, `evaluate`, `predict`
and pictures alike. The metrics' formulas are in `training.metrics`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnfit.dataset.law import Law
from nnfit.nn.arrays import Array
from nnfit.nn.names import ERRORS, EVERY_OUTPUT, SCORES, metrics_of
from nnfit.nn.network import Network
from nnfit.table.labels import LabelEncoder
from nnfit.table.rows import NamedRows
from nnfit.table.table import Tally
from nnfit.table.targets import TargetScaler, refuse_below_zero
from nnfit.training.metrics import (
    Classified,
    accuracy,
    classification_metrics,
    regression_metrics,
    verdicts,
)
from nnfit.training.scorecard import of_classes, of_quantities

MAX_POWER = 22  # of ten: no float64 holds a higher one as it is


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The targets of a network, and the way from its outputs to them.

    `labels` is set for classification, `scaler` for regression. `are_probabilities` says that
    the outputs are in [0, 1], and `rounded` that they hold no more digits than float32. `law` is
    what a regression's outputs tell of each target.
    """

    targets: tuple[str, ...]
    labels: LabelEncoder | None
    scaler: TargetScaler | None
    are_probabilities: bool
    rounded: bool
    law: Law = Law()

    @classmethod
    def of(
        cls,
        network: Network,
        targets: tuple[str, ...],
        labels: LabelEncoder | None,
        scaler: TargetScaler | None,
    ) -> Outcome:
        """Return what the outputs of `network` mean."""
        architecture = network.architecture
        return cls(
            targets=targets,
            labels=labels,
            scaler=scaler,
            are_probabilities=bool(EVERY_OUTPUT[architecture.output_activation].probability),
            rounded=network.dtype == np.float32,
            law=Law() if scaler is None else Law(architecture.loss, architecture.quantiles),
        )

    @property
    def task(self) -> str:
        return "regression" if self.labels is None else "classification"

    @property
    def n_values(self) -> int:
        """How many numbers are predicted of each row: probabilities of classes, or quantities."""
        return len(self.targets if self.labels is None else self.labels.classes)

    @property
    def metric(self) -> str:
        """The name of the metric that is shown beside the loss."""
        return "rmse" if self.labels is None else "accuracy"

    @property
    def metrics(self) -> list[str]:
        """The names of all that the `scorecard` has beside the baseline."""
        if self.labels is None:
            own = [SCORES[self.law.loss]] if self.law.loss in SCORES else []
            several = ["per_target"] * (len(self.targets) > 1)
            return [*metrics_of("regression"), *own, *several]
        figures = metrics_of("classification", len(self.labels.classes))
        return [*figures, "confusion_matrix", "per_class"]

    def probabilities(self, y_hat: Array) -> Array:
        """Return (N, n_classes) float64 from the network's outputs.

        The outputs of a residual loss are no probabilities: they are cut to [0, 1] and divided
        by their sum.
        """
        p = y_hat if self.are_probabilities else np.clip(y_hat, 0.0, 1.0)
        if p.shape[1] == 1:  # one output is the probability of the second class
            return np.concatenate([1.0 - p, p], axis=1)
        norm = p.sum(axis=1, keepdims=True)
        shares: Array = np.full_like(p, 1.0 / p.shape[1])  # for a row whose outputs are all 0
        np.divide(p, norm, out=shares, where=norm > 0.0)
        return shares

    def written(self, values: Array) -> Array:
        """Return numbers of the network as they are written: nine digits are all float32 has."""
        if not self.rounded:
            return values
        size = np.where(np.isfinite(values) & (values != 0.0), np.abs(values), 1.0)
        return _rounded(values, 8 - np.floor(np.log10(size)).astype(int))

    def codes(self, y_hat: Array) -> Array:
        """Return the number of each row's most probable class, shape (N,)."""
        codes: Array = self.probabilities(y_hat).argmax(axis=1)
        return codes

    def values(self, y_hat: Array) -> Array:
        """Return regression values (N, T) in the targets' own units, of outputs (N, K).

        Digits below the resolution of float32 are rounded away: they are noise. With
        `preprocessing.clamp` values beyond the training range are cut to it.
        """
        return self._decoded(self.law.value(y_hat))

    def _decoded(self, y: Array) -> Array:
        """Return values (N, T), as the loss sees them, as `values` does."""
        assert self.scaler is not None
        with np.errstate(all="ignore"):  # beyond float64 is inf, without a word
            values = self.scaler.decode(y)
            if self.law.loss == "poisson":  # whose smallest values are not noise
                values = self.written(values)
            elif self.rounded:
                decimals = np.array([8 - math.floor(math.log10(s)) for s in self.scaler.scales])
                values = _rounded(values, np.broadcast_to(decimals, values.shape))
            return self.scaler.cut(values)

    def told(self, y_hat: Array) -> Array:
        """Return the `values`, and after them what the loss tells beside each, (N, T + T n).

        It is in the targets' own units, in the order of the law's `columns`.
        """
        assert self.scaler is not None
        beside = self.law.beside(y_hat)
        if self.law.loss == "quantile":
            each = [self._decoded(beside[..., k]) for k in range(beside.shape[-1])]
            beside = np.stack(each, axis=-1)
        else:
            beside = self.written(beside * np.array(self.scaler.scales)[:, None])
        return np.column_stack([self.values(y_hat), *beside.swapaxes(0, 1)])

    def count(self, y_hat: Array, tally: Tally) -> None:
        """Add to the `tally` the rows whose quantiles cross."""
        if n := self.law.n_crossing(y_hat):
            tally["crossing", ""] += n

    def warnings(self, tally: Tally, name: str) -> list[str]:
        """Return a sentence for what was counted in rows of the table `name`; as the encoder's."""
        n = tally["crossing", ""]
        rows = "1 row" if n == 1 else f"{n} rows"
        return [f"{name}: quantiles cross in {rows}; they are sorted"] if n else []

    def deviating(self, y_hat: Array) -> Array:
        """Return (N, n_values) whose deviations are told: probabilities, or standardized values."""
        return self.law.value(y_hat) if self.labels is None else self.probabilities(y_hat)

    def deviations(self, of: Array) -> Array:
        """Return standard deviations of what is `deviating` in the targets' own units."""
        return of if self.scaler is None else of * self.scaler.scales

    def truth(self, rows: NamedRows) -> Array:
        """Return what is true of rows that have a target: codes (N,), or values (N, K).

        Raises
        ------
        DataError
            At the first class that is unknown, or value that is no number, or no count.
        """
        targets = self.labels or self.scaler
        assert targets is not None
        truth: Array = targets.read(rows)
        if self.law.loss == "poisson":
            refuse_below_zero(rows, self.targets, truth)
        return truth

    def judged(self, truth: Array, y_hat: Array) -> Array:
        """Return what the metrics judge: `verdicts` on codes (N,), or what is `told` of values."""
        if self.labels is None:
            return self.told(y_hat)
        return verdicts(truth, self.probabilities(y_hat))

    def score(self, truth: Array, judged: Array) -> dict[str, Any]:
        """Return the metrics of what was `judged` against codes (N,), or against values (N, K).

        They are those that a model keeps. None, as JSON needs it, stands for what is beyond
        float64.
        """
        with np.errstate(all="ignore"):
            if self.labels is not None:
                n_classes = len(self.labels.classes)
                return _known(classification_metrics(truth, self._seen(judged), n_classes))
            values = judged[:, : len(self.targets)]
            metrics = regression_metrics(truth, values, self.targets)
            return _known(self._with_own_score(metrics, truth, judged))

    def _with_own_score(
        self, metrics: dict[str, Any], truth: Array, judged: Array
    ) -> dict[str, Any]:
        """Return the metrics of values with the one that is their loss's own, where it has one."""
        n = len(self.targets)
        if (name := SCORES.get(self.law.loss)) is not None:
            beside = judged[:, n:].reshape(len(judged), n, -1)
            each = [self.law.score(truth[:, k], judged[:, k], beside[:, k]) for k in range(n)]
            per_target = metrics.pop("per_target", {})
            metrics[name] = float(np.mean(each))
            for target, value in zip(per_target, each, strict=False):
                per_target[target][name] = value
            metrics |= {"per_target": per_target} if per_target else {}
        return metrics

    def scorecard(self, truth: Array, judged: Array, taught: Array | None) -> dict[str, Any]:
        """Return what `score` does, further metrics, those of each class and the baseline's.

        `taught` (n_values,) are the class shares, or the means, of the training rows, if known.
        """
        with np.errstate(all="ignore"):
            if self.labels is not None:
                seen = self._seen(judged)
                return _known(of_classes(truth, seen, self.labels.classes, taught))
            values = judged[:, : len(self.targets)]
            found = of_quantities(truth, values, self.targets, taught)
            return _known(self._with_own_score(found, truth, judged))

    def _seen(self, judged: Array) -> Array:
        """Return verdicts as anybody sees the probabilities who works the metrics out again."""
        return np.column_stack([judged[:, 0], self.written(judged[:, 1:])])

    def figure(self, name: str, truth: Array, y_hat: Array) -> float | None:
        """Return the metric `name` that `score` gives for these outputs, without the others.

        Digits are not rounded first: that is for those who read them one by one.
        """
        with np.errstate(all="ignore"):
            if self.scaler is not None:
                values = self.scaler.cut(self.scaler.decode(self.law.value(y_hat)))
                value = regression_metrics(truth, values, self.targets, [name])[name]
            elif name == "accuracy":
                value = accuracy(truth, self.codes(y_hat))
            else:
                p = self.probabilities(y_hat)
                value = Classified(truth, verdicts(truth, p), p.shape[1]).figure(name)
        return value if value is not None and math.isfinite(value) else None

    def shown_metric(self, truth: Array, y_hat: Array, name: str = "") -> float:
        """Return a `figure`, by default the `metric`; the worst there is where it has no value."""
        name = name or self.metric
        value = self.figure(name, truth, y_hat)
        worst = math.inf if name in ERRORS else -math.inf
        return worst if value is None else value


def _rounded(values: Array, decimals: Array) -> Array:
    """Return the float64 nearest to each value with so many decimals, so that no more are written.

    For that both numbers of a quotient, or of a product, must be exact.
    """
    scales = 10.0 ** np.minimum(np.abs(decimals), MAX_POWER)
    up = decimals > 0
    with np.errstate(all="ignore"):  # where a value is not finite, or has too many decimals
        whole = np.round(np.where(up, values * scales, values / scales))
        rounded: Array = np.where(up, whole / scales, whole * scales)
    far = np.abs(decimals) > MAX_POWER
    rounded[far] = [*map(round, values[far].tolist(), decimals[far].tolist())]
    return np.where(np.isfinite(rounded), rounded, values)


def _known(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics with None for what is not finite."""
    return {
        name: _known(value)
        if isinstance(value, dict)
        else None
        if isinstance(value, float) and not math.isfinite(value)
        else value
        for name, value in metrics.items()
    }
