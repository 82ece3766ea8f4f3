"""How predictions compare with the truth: confusion, calibration, residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfit.errors import PictureError
from nnfit.model.evaluation import Evaluation
from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.training.metrics import confusion_matrix

BINS = 10
MAX_CLASSES = 60  # of a matrix that can be looked at


@dataclass(frozen=True)
class Confusion:
    """`counts` (K, K): a row for each true class, a column for each predicted one."""

    counts: Array
    classes: tuple[str, ...]
    target: str

    @property
    def shares(self) -> Array:
        """The part of each true class that is predicted as each class (K, K); rows sum to 1."""
        totals = self.counts.sum(axis=1, keepdims=True)
        shares: Array = self.counts / np.maximum(totals, 1)
        return shares


@dataclass(frozen=True)
class Calibration:
    """Bins of equal width in predicted probability.

    `counts` (bins,); `predicted` and `observed` (bins,) are the mean probability and the share
    of rows where it came true, NaN in empty bins; between `low` and `high` (bins,) the true share
    lies in 95 of 100 cases; `error` is the expected calibration error.
    """

    edges: Array
    counts: Array
    predicted: Array
    observed: Array
    low: Array
    high: Array
    error: float
    of: str  # what the probability is of


@dataclass(frozen=True)
class Residuals:
    """Predictions and residuals (prediction - truth), each (N, K), in the targets' own units."""

    predicted: Array
    residuals: Array
    targets: tuple[str, ...]


def confusion(model: Model, name: str, evaluation: Evaluation, data: str) -> Confusion:
    """Return the confusion matrix of rows whose classes are known."""
    if len(model.classes) > MAX_CLASSES:
        raise PictureError(
            f"{name}: has {len(model.classes)} classes; expected at most {MAX_CLASSES}. "
            "'nnfit evaluate' names the most confused"
        )
    codes, p = evaluation.arrays(data)
    counts = confusion_matrix(codes, p.argmax(axis=1), len(model.classes))
    return Confusion(counts, model.classes, model.targets[0])


def calibration(model: Model, evaluation: Evaluation, data: str) -> Calibration:
    """Return how often probabilities come true.

    That of the second class of two; of more classes, that of the predicted one.
    """
    codes, p = evaluation.arrays(data)
    if len(model.classes) == 2:
        confidence, came_true = p[:, 1], codes == 1
        of = f"{model.targets[0]} = {model.classes[1]}"
    else:
        confidence, came_true = p.max(axis=1), codes == p.argmax(axis=1)
        of = "the predicted class"
    edges = np.linspace(0.0, 1.0, BINS + 1)
    bins = np.minimum((confidence * BINS).astype(np.intp), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    some = np.where(counts > 0, counts, np.nan)
    predicted = np.bincount(bins, confidence, BINS) / some
    observed = np.bincount(bins, came_true, BINS) / some
    error = float(np.nansum(counts * np.abs(predicted - observed)) / len(codes))
    return Calibration(edges, counts, predicted, observed, *wilson(observed, some), error, of)


def wilson(shares: Array, n: Array) -> tuple[Array, Array]:
    """Return the 95 % interval of shares found among `n` rows: Wilson 1927."""
    z = 1.959964
    middle = (shares + z * z / (2.0 * n)) / (1.0 + z * z / n)
    half = z / (1.0 + z * z / n) * np.sqrt(shares * (1.0 - shares) / n + (z / (2.0 * n)) ** 2)
    return middle - half, middle + half


def residuals(model: Model, evaluation: Evaluation, data: str) -> Residuals:
    """Return what is left between predictions and truth."""
    truth, found = evaluation.arrays(data)
    return Residuals(found, found - truth, model.targets)
