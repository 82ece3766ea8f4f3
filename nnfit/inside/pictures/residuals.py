"""What is left between predictions and truth; nothing is summed up here."""

from __future__ import annotations

from dataclasses import dataclass

from nnfit.inside.pictures.request import Request
from nnfit.nn.arrays import Array


@dataclass(frozen=True)
class Residuals:
    """Predictions and residuals (prediction - truth), each (N, K), in the targets' own units."""

    predicted: Array
    residuals: Array
    targets: tuple[str, ...]


def make(request: Request) -> Residuals:
    """Return the predictions for rows whose targets are known, and how far off they are."""
    truth, told = request.evaluation().arrays()
    predicted = told[:, : truth.shape[1]]
    return Residuals(predicted, predicted - truth, request.model.targets)
