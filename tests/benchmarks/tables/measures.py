"""The measures: scores of one prediction, and what they say over splits, sets and systems.

Arrays of scores have a row for each set and a column for each system; higher is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CLIP = 1e-15  # a probability below it counts as this, for the log-loss


@dataclass
class Prediction:
    """Numbers (N,), or labels (N,) with their probabilities (N, K) and the K classes."""

    values: np.ndarray
    probabilities: np.ndarray | None = None
    classes: Sequence[str] = ()


def measure(y: np.ndarray, prediction: Prediction) -> dict[str, float]:
    """Return the accuracy and log-loss of classes, or R² and RMSE of numbers.

    `score` is accuracy or R², `error` is 1 - accuracy or RMSE.
    """
    if prediction.probabilities is None:
        values = np.asarray(prediction.values, float)
        if not np.isfinite(values).all():
            raise ValueError("a prediction is not finite")
        mse = float(np.mean((y - values) ** 2))
        r2 = 1.0 - mse / float(np.var(y))
        return {"score": r2, "error": mse**0.5}
    accuracy = float(np.mean(np.asarray(prediction.values, object) == y))
    loss = log_loss(y, prediction.probabilities, prediction.classes)
    return {"score": accuracy, "error": 1.0 - accuracy, "log_loss": loss}


def log_loss(y: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> float:
    """Return the mean of -log p of the true classes, p not below CLIP, rows not rescaled."""
    place = {label: k for k, label in enumerate(classes)}
    p = np.array(
        [row[place[label]] if label in place else 0.0
         for label, row in zip(y, probabilities, strict=True)]
    )  # fmt: skip
    if not np.isfinite(p).all():
        raise ValueError("a probability is not finite")
    return float(-np.log(np.clip(p, CLIP, 1.0)).mean())


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of the mean; NaN for a single value."""
    return float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else np.nan


def mean_ranks(scores: np.ndarray) -> np.ndarray:
    """Return each system's rank, 1 for the best, ties shared, averaged over the sets."""
    return stats.rankdata(-scores, axis=1).mean(axis=0)


def relative_errors(errors: np.ndarray, floors: np.ndarray) -> np.ndarray:
    """Return error / the set's least error - 1, (sets, systems).

    No error (sets, systems) is taken below its set's floor (sets,): the least may be 0.
    """
    errors = np.maximum(errors, floors[:, None])
    return errors / errors.min(axis=1, keepdims=True) - 1.0


def compare(mine: np.ndarray, peer: np.ndarray) -> int:
    """Return 1 for a win, -1 for a loss, 0 within one standard error, paired over the splits."""
    differences = np.asarray(mine) - np.asarray(peer)
    mean, error = differences.mean(), standard_error(differences)
    if np.isnan(error):
        error = 0.0
    return int(np.sign(mean)) if abs(mean) > error else 0


def critical_difference(n_systems: int, n_sets: int, alpha: float = 0.05) -> float:
    """Return Nemenyi's difference of mean ranks (Demšar, JMLR 7, 2006, section 3.2.2)."""
    q = stats.studentized_range.ppf(1.0 - alpha, n_systems, np.inf) / 2.0**0.5
    return float(q * (n_systems * (n_systems + 1) / (6.0 * n_sets)) ** 0.5)


def friedman(scores: np.ndarray) -> float:
    """Return the p-value of Friedman's test that all systems rank alike; NaN below three."""
    if scores.shape[1] < 3 or len(scores) < 2:
        return float("nan")
    return float(stats.friedmanchisquare(*scores.T).pvalue)


def cliques(ranks: Sequence[float], difference: float) -> list[tuple[int, int]]:
    """Return the first and last of each largest run of sorted ranks within the difference."""
    found: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = max(j for j in range(first, len(ranks)) if ranks[j] - ranks[first] <= difference)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found
