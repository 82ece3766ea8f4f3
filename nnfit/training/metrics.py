"""What a model is judged by, in float64, to the definitions of scikit-learn.

Shapes: codes (N,) of class numbers, probabilities (N, K), verdicts on them (N, 3), regression
values (N, K).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnfit.nn.arrays import Array

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


def classification_metrics(codes: Array, verdicts: Array, n_classes: int) -> dict[str, Any]:
    """Return accuracy, log_loss, f1_macro, roc_auc (two classes) and the confusion matrix.

    With a row without probabilities log_loss and roc_auc are None.
    """
    predicted, likelihood, confidence = verdicts[:, 0].astype(np.intp), *verdicts.T[1:]
    lost = np.isnan(likelihood).any()
    confusion = confusion_matrix(codes, predicted, n_classes)
    metrics: dict[str, Any] = {
        "accuracy": accuracy(codes, predicted),
        "log_loss": None if lost else log_loss(likelihood),
        "f1_macro": f1_macro(confusion),
    }
    if n_classes == 2:
        metrics["roc_auc"] = None if lost else roc_auc(codes == 1, confidence)
    metrics["confusion_matrix"] = confusion.tolist()
    return metrics


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


def _of_one_target(y: Array, y_hat: Array) -> dict[str, float | None]:
    errors, k = _errors(y, y_hat)
    with np.errstate(over="ignore"):
        rmse, mae = np.sqrt((errors**2).mean()), np.abs(errors).mean()
        return {
            "rmse": finite(np.ldexp(rmse, k)),
            "mae": finite(np.ldexp(mae, k)),
            "r2": r2(y, y_hat),
        }


def regression_metrics(y: Array, y_hat: Array, targets: Sequence[str]) -> dict[str, Any]:
    """Return rmse, mae and r2 in the targets' own units; the mean over targets and each one's.

    Very large and very small targets are no matter; a metric beyond float64 is None.
    """
    y, y_hat = y.astype(np.float64), y_hat.astype(np.float64)
    each = {target: _of_one_target(y[:, k], y_hat[:, k]) for k, target in enumerate(targets)}
    if len(targets) == 1:
        return dict(each[targets[0]])
    metrics: dict[str, Any] = {}
    for name in ("rmse", "mae", "r2"):
        values = [of_target[name] for of_target in each.values()]
        finite = [value for value in values if value is not None]
        metrics[name] = float(np.mean(finite)) if len(finite) == len(values) else None
    metrics["per_target"] = each
    return metrics
