"""How often predicted probabilities come true, in bins of equal width."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nnfit.inside.pictures.request import Request
from nnfit.model.members import uncalibrated
from nnfit.nn.arrays import Array

BINS = 10


@dataclass(frozen=True, kw_only=True)
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
    temperature: float = 1.0
    before: Calibration | None = None  # as the model was trained, where the temperature is not 1


def make(request: Request) -> Calibration:
    """Return how often probabilities come true.

    That of the second class of two; of more classes, that of the predicted one.
    """
    model, held_out = request.model, request.model.held_out
    if held_out is None or held_out.told.temperature == 1.0:
        return _of(request)
    trained = replace(request, models=[(request.name, uncalibrated(model))])
    temperature, before = held_out.told.temperature, _of(trained)
    return replace(_of(request), temperature=temperature, before=before)


def _of(request: Request) -> Calibration:
    model = request.model
    codes, judged = request.evaluation().arrays()
    predicted, _, confidence = judged.T
    if len(model.classes) == 2:
        came_true, of = codes == 1, f"{model.targets[0]} = {model.classes[1]}"
    else:
        came_true, of = codes == predicted, "the predicted class"
    edges = np.linspace(0.0, 1.0, BINS + 1)
    bins = np.minimum((confidence * BINS).astype(np.intp), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    some = np.where(counts > 0, counts, np.nan)
    predicted = np.bincount(bins, confidence, BINS) / some
    observed = np.bincount(bins, came_true, BINS) / some
    error = float(np.nansum(counts * np.abs(predicted - observed)) / len(codes))
    low, high = wilson(observed, some)
    return Calibration(
        edges=edges, counts=counts, predicted=predicted, observed=observed, low=low, high=high,
        error=error, of=of,
    )  # fmt: skip


def wilson(shares: Array, n: Array) -> tuple[Array, Array]:
    """Return the 95 % interval of shares found among `n` rows: Wilson 1927."""
    z = 1.959964
    middle = (shares + z * z / (2.0 * n)) / (1.0 + z * z / n)
    half = z / (1.0 + z * z / n) * np.sqrt(shares * (1.0 - shares) / n + (z / (2.0 * n)) ** 2)
    return middle - half, middle + half
