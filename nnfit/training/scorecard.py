"""All that `evaluate` says of rows: every metric, those of each class, and the baseline's.

A baseline has seen no feature: it predicts the training rows' class shares, or their mean. What the
metrics are is in `metrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.names import METRICS, metrics_of
from nnfit.training.metrics import Classified, mean, recalls, regression_metrics


def of_classes(
    codes: Array, verdicts: Array, classes: Sequence[str], shares: Array | None
) -> dict[str, Any]:
    """Return what there is to say of rows of true `codes` (N,), what a model keeps first.

    `shares` (K,) are those of the classes among the training rows, None where they are not known:
    the baseline then has those of the rows.
    """
    n = len(classes)
    rows, names = Classified(codes, verdicts, n), metrics_of("classification", n)
    known = np.bincount(codes, minlength=n) / len(codes) if shares is None else shares
    same = Classified(codes, _majority(codes, known), n)
    figures = {name: rows.figure(name) for name in names}
    kept = {name: figures.pop(name) for name in names if name in METRICS["classification"]}
    return {
        **kept,
        "confusion_matrix": rows.confusion.tolist(),
        **figures,
        "per_class": dict(zip(classes, _of_each(rows.confusion), strict=True)),
        "baseline": {name: same.figure(name) for name in names},
        "baseline_of": _whose(shares),
    }


def of_quantities(
    y: Array, y_hat: Array, targets: Sequence[str], means: Array | None
) -> dict[str, Any]:
    """Return what there is to say of values (N, K); `means` (K,) are the training rows'."""
    found = regression_metrics(y, y_hat, targets, metrics_of("regression"))
    found["median_ae"] = found.pop("median_ae")  # behind what a model keeps
    known = mean(y) if means is None else means
    of_mean = regression_metrics(y, np.broadcast_to(known, y.shape), targets)
    return {
        **found,
        "baseline": {name: of_mean[name] for name in METRICS["regression"]},  # no guess at a median
        "baseline_of": _whose(means),
    }


def _whose(known: Array | None) -> str:
    return "evaluated" if known is None else "train"


def _majority(codes: Array, shares: Array) -> Array:
    """Return the `verdicts` (N, 3) on rows whose classes all have the probabilities `shares`."""
    most = int(shares.argmax())
    found: Array = np.empty((len(codes), 3))
    found[:, 0], found[:, 1] = most, shares[codes]
    found[:, 2] = shares[1 if len(shares) == 2 else most]
    return found


def _of_each(confusion: Array) -> list[dict[str, float | int | None]]:
    """Return of each class precision, recall, f1 and support; NaN where it is 0/0."""
    hits, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore"):
        precision, f1 = hits / predicted, 2.0 * hits / (support + predicted)
    figures = np.column_stack([precision, recalls(confusion), f1]).tolist()
    return [
        {**dict(zip(("precision", "recall", "f1"), of, strict=True)), "support": int(n)}
        for of, n in zip(figures, support, strict=True)
    ]
