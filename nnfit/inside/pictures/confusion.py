"""Which classes are taken for which; the other metrics are `nnfit evaluate`'s."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfit.errors import PictureError
from nnfit.inside.pictures.request import Request
from nnfit.nn.arrays import Array
from nnfit.training.metrics import confusion_matrix

MAX_CLASSES = 60  # of a matrix that can be looked at


@dataclass(frozen=True)
class Confusion:
    """`counts` (K, K): a row for each true class, a column for each predicted one."""

    counts: Array
    classes: tuple[str, ...]
    target: str

    @property
    def shares(self) -> Array:
        """The share of each true class that is predicted as each class (K, K); rows sum to 1."""
        totals = self.counts.sum(axis=1, keepdims=True)
        shares: Array = self.counts / np.maximum(totals, 1)
        return shares


def make(request: Request) -> Confusion:
    """Return the confusion matrix of rows whose classes are known."""
    model = request.model
    if len(model.classes) > MAX_CLASSES:
        raise PictureError(
            f"{request.name}: has {len(model.classes)} classes; expected at most {MAX_CLASSES}. "
            "'nnfit evaluate' names the most confused"
        )
    codes, judged = request.evaluation().arrays()
    counts = confusion_matrix(codes, judged[:, 0].astype(np.intp), len(model.classes))
    return Confusion(counts, model.classes, model.targets[0])
