"""What held-out rows tell of predictions: how sure they should be, how far off, and where to cut.

The rows are exchangeable with those to come, and no network was trained on them. Shapes: codes (N,)
of class numbers, probabilities (N, K), values (N, K).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nnfit.nn.arrays import Array

FURTHEST = math.log(4.0)  # of log T from 0: beyond that the rows are too few, or all alike
SURE_BY = 2.0  # standard errors by which a temperature must lower the loss to be taken
STEPS = 40  # of a search that keeps 0.618 of its interval: 1e-8 of it is left
FLOOR = float(np.finfo(np.float64).eps)  # as log_loss has it
MAX_KEPT = 10_001  # scores: more tell the place of a quantile no better


def scaled(probabilities: Array, temperature: float) -> Array:
    """Return softmax(z / T) of probabilities softmax(z), one column being that of two classes."""
    p = probabilities.astype(np.float64)
    if p.shape[1] == 1:
        both = scaled(np.concatenate([1.0 - p, p], axis=1), temperature)
        return both[:, 1:]
    z = np.log(np.maximum(p, FLOOR)) / temperature
    z -= z.max(axis=1, keepdims=True)
    e = np.exp(z)
    shares: Array = e / e.sum(axis=1, keepdims=True)
    return shares


def losses(probabilities: Array, codes: Array) -> Array:
    """Return -log of the probability of each row's class (N,), in nats."""
    found: Array = -np.log(np.maximum(probabilities[np.arange(len(codes)), codes], FLOOR))
    return found


def best_temperature(probabilities: Array, codes: Array) -> float:
    """Return the T for which softmax(z / T) has the least mean loss; 1 where none is surely better.

    Guo et al. 2017. In 1/T the loss is convex, so that a golden-section search finds it. It is
    taken where it lowers the loss of the rows, paired, by more than `SURE_BY` standard errors: on
    few rows the best T is mostly their noise.
    """
    golden = (math.sqrt(5.0) - 1.0) / 2.0
    low, high = -FURTHEST, FURTHEST

    def mean_loss(log_t: float) -> float:
        return float(losses(scaled(probabilities, math.exp(log_t)), codes).mean())

    a, b = high - golden * (high - low), low + golden * (high - low)
    of_a, of_b = mean_loss(a), mean_loss(b)
    for _ in range(STEPS):
        if of_a <= of_b:
            high, b, of_b = b, a, of_a
            a = high - golden * (high - low)
            of_a = mean_loss(a)
        else:
            low, a, of_a = a, b, of_b
            b = low + golden * (high - low)
            of_b = mean_loss(b)
    temperature = math.exp((low + high) / 2.0)
    gains = losses(probabilities, codes) - losses(scaled(probabilities, temperature), codes)
    if len(gains) < 2:
        return 1.0
    error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
    return temperature if float(gains.mean()) > SURE_BY * error else 1.0


def kept_scores(scores: Array) -> Array:
    """Return scores (N, K) of how far off predictions are, ascending: at most `MAX_KEPT` of them.

    Of more the evenly spaced ones are kept, the least and the largest with them.
    """
    ordered: Array = np.sort(scores.astype(np.float64), axis=0)
    if len(ordered) <= MAX_KEPT:
        return ordered
    return ordered[_kept_places(len(ordered))]


def _kept_places(n: int) -> Array:
    places: Array = np.linspace(0, n - 1, MAX_KEPT).round().astype(np.intp)
    return places


def radius(kept: Array, n: int, share: float) -> Array | None:
    """Return the score (K,) that a new row exceeds with no more than probability 1 - share.

    It is the ceil((n + 1) share)-th smallest of the n (split conformal; Papadopoulos et al. 2002,
    Lei et al. 2018), of those kept the next larger one; None where the rows are too few for it.
    """
    place = math.ceil((n + 1) * share - 1e-9) - 1  # (n + 1) 0.9 may be a hair above a whole number
    if place >= n:
        return None
    places = np.arange(n) if n <= MAX_KEPT else _kept_places(n)
    found: Array = kept[int(np.searchsorted(places, place))]
    return found


def best_thresholds(p: Array, positive: Array) -> Mapping[str, float]:
    """Return the probabilities from which a row counts as positive, best by F1 and by Youden's J.

    F1 is 2tp / (2tp + fp + fn), J = tp/positives - fp/negatives (Youden 1950). Between two rows the
    cut is in their middle; of several that are best the nearest to 1/2. {} with one class only.
    """
    n_positive = int(positive.sum())
    n_negative = len(p) - n_positive
    if not n_positive or not n_negative:
        return {}
    order = np.argsort(-p, kind="stable")
    score, is_positive = p[order], positive[order]
    tp = np.cumsum(is_positive)
    fp = np.cumsum(~is_positive)
    ends = np.flatnonzero(np.append(np.diff(score) < 0.0, True))  # rows of one score stay together
    below = np.append(score[ends[:-1] + 1], max(0.0, score[-1] - 1e-9)) if len(ends) else score
    cuts = (score[ends] + below) / 2.0
    tp, fp = tp[ends], fp[ends]
    merits = {
        "f1": 2.0 * tp / (tp + fp + n_positive),
        "youden": tp / n_positive - fp / n_negative,
    }
    found = {}
    for name, merit in merits.items():
        best = np.flatnonzero(merit >= merit.max() - 1e-12)
        found[name] = float(cuts[best[np.abs(cuts[best] - 0.5).argmin()]])
    return found
