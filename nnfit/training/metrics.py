"""What a model is judged by, in float64, to the definitions of scikit-learn.

Shapes: codes (N,) of class numbers, probabilities (N, K), verdicts on them (N, 3), regression
values (N, K). What is said beside the metrics is in `scorecard`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.names import METRICS, metrics_of

BINS = 15  # of the expected calibration error
PROBABILITY_FLOOR = float(np.finfo(np.float64).eps)  # keeps log_loss finite


def confusion_matrix(codes: Array, predicted: Array, n_classes: int) -> Array:
    """Return the (K, K) counts: a row for each true class, a column for each predicted one."""
    pairs = codes * n_classes + predicted
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def accuracy(codes: Array, predicted: Array) -> float:
    """Return the share of rows whose predicted class is the true one."""
    return float((codes == predicted).mean())


def f1_macro(confusion: Array) -> float:
    """Return the unweighted mean of 2tp / (2tp + fp + fn) over the classes that occur."""
    hits = np.diag(confusion)
    occurrences = confusion.sum(axis=0) + confusion.sum(axis=1)  # 2tp + fp + fn
    seen = occurrences > 0
    return float(np.mean(2.0 * hits[seen] / occurrences[seen]))


def recalls(confusion: Array) -> Array:
    """Return tp / (tp + fn) of each class (K,), NaN of those that do not occur."""
    with np.errstate(invalid="ignore"):
        shares: Array = np.diag(confusion) / confusion.sum(axis=1)
    return shares


def balanced_accuracy(confusion: Array) -> float:
    """Return the mean recall of the classes that occur."""
    return float(np.nanmean(recalls(confusion)))


def log_loss(likelihood: Array) -> float:
    """Return the mean of -log of the probabilities of the true classes (N,), in nats."""
    p = np.clip(likelihood, PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
    return float(-np.log(p).mean())


def roc_auc(positive: Array, score: Array) -> float | None:
    """Return the area under the ROC curve, ties counted half; None with one class only.

    It is the Mann-Whitney statistic: the chance that a positive row scores above a negative one.
    """
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if n_positive == 0 or n_negative == 0:
        return None
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2.0
    rank_sum = mean_rank[place.reshape(-1)][positive.astype(bool)].sum()
    return float((rank_sum - n_positive * (n_positive + 1) / 2.0) / (n_positive * n_negative))


def average_precision(positive: Array, score: Array) -> float | None:
    """Return the sum of (R_n - R_n-1) P_n over the thresholds; None without a positive row.

    P and R are precision and recall of the rows that score as high or higher; none between two
    thresholds is made up.
    """
    n_positive = int(positive.sum())
    if n_positive == 0:
        return None
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    hits = np.bincount(place.reshape(-1), positive)[::-1]
    precision = np.cumsum(hits) / np.cumsum(counts[::-1])
    return float((hits * precision).sum() / n_positive)


def calibration_error(confidence: Array, right: Array) -> float:
    """Return the expected calibration error: sum_b n_b/N |accuracy_b - mean confidence_b|.

    `confidence` is the predicted class's probability. Bin b of `BINS` is ((b - 1)/15, b/15].
    Source: Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks, 2017.
    """
    bins = np.clip(np.ceil(confidence * BINS).astype(np.intp) - 1, 0, BINS - 1)
    error = np.abs(np.bincount(bins, right - confidence)).sum() / len(right)
    return round(float(error), 12)  # what is smaller is the noise of the sums


def verdicts(codes: Array, probabilities: Array) -> Array:
    """Return (N, 3), all that the metrics ask of a row, however many classes there are.

    These are the predicted code, the probability of the true class, and that of the second of
    two classes, or of the predicted one of more. A row without probabilities, NaN, has a wrong
    code.
    """
    rows, n_classes = np.arange(len(codes)), probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    lost = np.isnan(probabilities).any(axis=1)
    predicted[lost] = (codes[lost] + 1) % n_classes
    likelihood = np.where(lost, np.nan, probabilities[rows, codes])
    chosen = 1 if n_classes == 2 else predicted
    confidence = probabilities[rows, chosen]
    return np.column_stack([predicted, likelihood, confidence]).astype(np.float64)


@dataclass(frozen=True)
class Classified:
    """Rows of true `codes` (N,) and the `verdicts` (N, 3) on them, as the metrics look at them."""

    codes: Array
    verdicts: Array
    n_classes: int

    @cached_property
    def predicted(self) -> Array:
        """The predicted codes (N,)."""
        return np.asarray(self.verdicts[:, 0].astype(np.intp))

    @cached_property
    def confusion(self) -> Array:
        """The `confusion_matrix` (K, K)."""
        return confusion_matrix(self.codes, self.predicted, self.n_classes)

    @cached_property
    def confidence(self) -> Array:
        """The probability of the predicted class (N,)."""
        p = self.verdicts[:, 2]
        return np.where(self.predicted == 1, p, 1.0 - p) if self.n_classes == 2 else p

    def figure(self, name: str) -> float | None:
        """Return a metric; None for one of probabilities where a row has none."""
        if name in _OF_CODES:
            return _OF_CODES[name](self)
        lost = np.isnan(self.verdicts[:, 1]).any()
        return None if lost else _OF_PROBABILITIES[name](self)


_OF_CODES: dict[str, Callable[[Classified], float]] = {
    "accuracy": lambda rows: accuracy(rows.codes, rows.predicted),
    "f1_macro": lambda rows: f1_macro(rows.confusion),
    "balanced_accuracy": lambda rows: balanced_accuracy(rows.confusion),
}
_OF_PROBABILITIES: dict[str, Callable[[Classified], float | None]] = {
    "log_loss": lambda rows: log_loss(rows.verdicts[:, 1]),
    "roc_auc": lambda rows: roc_auc(rows.codes == 1, rows.verdicts[:, 2]),
    "average_precision": lambda rows: average_precision(rows.codes == 1, rows.verdicts[:, 2]),
    "ece": lambda rows: calibration_error(rows.confidence, rows.codes == rows.predicted),
}


def classification_metrics(codes: Array, verdicts: Array, n_classes: int) -> dict[str, Any]:
    """Return accuracy, log_loss, f1_macro, roc_auc (two classes) and the confusion matrix.

    With a row without probabilities log_loss and roc_auc are None.
    """
    rows = Classified(codes, verdicts, n_classes)
    names, kept = metrics_of("classification", n_classes), METRICS["classification"]
    figures = {name: rows.figure(name) for name in names if name in kept}
    return {**figures, "confusion_matrix": rows.confusion.tolist()}


def _scaled(x: Array) -> tuple[Array, int]:
    """Return m, k with x = m 2^k and the largest |m| in [0.5, 1): squares keep in range.

    A factor of a power of 2 changes no digit of a result.
    """
    k = int(np.frexp(np.abs(x).max())[1])
    return np.ldexp(x, -k), k


def _errors(y: Array, y_hat: Array) -> tuple[Array, int]:
    """Return y - y_hat as `_scaled` does, also where the difference leaves the range."""
    both, k = _scaled(np.stack([y, y_hat]))
    errors, j = _scaled(both[0] - both[1])
    return errors, j + k


def mean(y: Array) -> Array:
    """Return the mean of each column (K,) of values (N, K), which may be at the range's ends."""
    scaled = [_scaled(y[:, k].astype(np.float64)) for k in range(y.shape[1])]
    return np.array([np.ldexp(m.mean(), k) for m, k in scaled])


def finite(value: float) -> float | None:
    """Return a figure, or None where it leaves the range of float64: JSON has no infinity."""
    return float(value) if np.isfinite(value) else None


def r2(y: Array, y_hat: Array) -> float | None:
    """Return 1 - residual/total sum of squares of one target.

    A constant target scores 1 when met exactly and 0 otherwise; None with fewer than two rows,
    or out of the range of float64.
    """
    if len(y) < 2:
        return None
    if y.min() == y.max():  # the mean of equal numbers may differ from them in the last bit
        return 1.0 if (y == y_hat).all() else 0.0
    errors, k = _errors(y, y_hat)
    values, i = _scaled(y)
    values -= values.mean()
    values -= values.mean()  # the first mean was rounded: that tells where the spread is small
    deviations, j = _scaled(values)
    ratio = float((errors**2).sum()) / float((deviations**2).sum())
    with np.errstate(over="ignore"):
        return finite(1.0 - np.ldexp(ratio, 2 * (k - i - j)))


_OF_ERRORS: dict[str, Callable[[Array], Any]] = {
    "rmse": lambda errors: np.sqrt((errors**2).mean()),
    "mae": lambda errors: np.abs(errors).mean(),
    "median_ae": lambda errors: np.median(np.abs(errors)),
}


def _of_one_target(y: Array, y_hat: Array, names: Sequence[str]) -> dict[str, float | None]:
    errors, k = _errors(y, y_hat)
    with np.errstate(over="ignore"):
        return {
            name: r2(y, y_hat) if name == "r2" else finite(np.ldexp(_OF_ERRORS[name](errors), k))
            for name in names
        }


def regression_metrics(
    y: Array, y_hat: Array, targets: Sequence[str], names: Sequence[str] = METRICS["regression"]
) -> dict[str, Any]:
    """Return metrics in the targets' own units; the mean over targets and each one's.

    Very large and very small targets are no matter; a metric beyond float64 is None.
    """
    y, y_hat = y.astype(np.float64), y_hat.astype(np.float64)
    each = {target: _of_one_target(y[:, k], y_hat[:, k], names) for k, target in enumerate(targets)}
    if len(targets) == 1:
        return dict(each[targets[0]])
    metrics: dict[str, Any] = {}
    for name in names:
        values = [of_target[name] for of_target in each.values()]
        finite = [value for value in values if value is not None]
        metrics[name] = float(np.mean(finite)) if len(finite) == len(values) else None
    metrics["per_target"] = each
    return metrics
