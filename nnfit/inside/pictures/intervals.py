"""How many rows lie where the model says that a share of them does, and how wide that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfit.errors import PictureError
from nnfit.inside.pictures.calibration import wilson
from nnfit.inside.pictures.request import Request
from nnfit.nn.arrays import Array
from nnfit.training.calibration import radius

SHARES = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """For each of `shares` (S,) that was asked for, what came of it.

    `covered` (S, T) is the share of rows whose value is in the interval, or whose label is in the
    set; in 95 of 100 cases it lies between `low` and `high`. `widths` (S, T) are those of the
    intervals in the targets' own units, or how many labels a set has in the mean. Of values there
    are `predicted` (N, T) and `truth` (N, T) too.
    """

    shares: Array
    covered: Array
    low: Array
    high: Array
    widths: Array
    names: tuple[str, ...]  # of the T targets
    n_rows: int
    which: str  # the rows that the model knows it from
    predicted: Array | None = None
    truth: Array | None = None


def make(request: Request) -> Intervals:
    """Return how the rows lie in the model's intervals, or in its sets of labels.

    Raises
    ------
    PictureError
        When the model has no held-out rows.
    """
    model, held_out = request.model, request.model.held_out
    if held_out is None:
        raise PictureError(
            f"{request.name}: has no rows that were held out, from which intervals are; expected a "
            "model of data.validation: folds, or 0.2. Train it again"
        )
    reaches = [radius(held_out.scores, held_out.told.rows, share) for share in SHARES]
    known = [i for i, reach in enumerate(reaches) if reach is not None]
    shares, reach = SHARES[known], np.array([reaches[i] for i in known])
    truth, predicted = None, None
    if model.labels is None:
        truth, predicted = request.evaluation().arrays()
        predicted = predicted[:, : len(model.targets)]
        scores, widths = np.abs(truth - predicted), 2.0 * reach
    else:
        rows = request.rows()
        p = model.outcome.probabilities(model.outputs(rows))
        every, said = np.arange(len(p)), p.argmax(axis=1)
        codes = model.labels.read(rows)
        in_set = 1.0 - p <= reach[:, :, np.newaxis]  # (S, N, K)
        in_set[:, every, said] = True
        widths = in_set.sum(axis=2).mean(axis=1)[:, np.newaxis]
        scores = np.where(said == codes, 0.0, 1.0 - p[every, codes])[:, np.newaxis]
    covered = (scores <= reach[:, np.newaxis, :]).mean(axis=1)
    low, high = wilson(covered, np.array(float(len(scores))))
    return Intervals(
        shares=shares, covered=covered, low=low, high=high, widths=widths, names=model.targets,
        n_rows=len(scores), which=held_out.which, predicted=predicted, truth=truth,
    )  # fmt: skip
