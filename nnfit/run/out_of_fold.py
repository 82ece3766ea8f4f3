"""What the members say of rows that they were not trained on: each row judged by one of them.

Together that is an honest score over all rows, which no single split gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np

from nnfit.csv.writing import RowWriter
from nnfit.dataset.encoding import Part
from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.nn.inference import predict
from nnfit.nn.network import Network


@dataclass(frozen=True)
class OutOfFold:
    """Of each training row the member that held it out, `folds` (N,), and its y_hat (N, K).

    `truth` are codes (N,), or values (N, K) in the targets' own units.
    """

    folds: Array
    y_hat: Array
    truth: Array

    @classmethod
    def of(cls, network: Network, folds: Array, train: Part) -> OutOfFold:
        """Return the outputs for the training rows, each from the member of its fold."""
        y_hat: Array = np.empty((len(train), network.architecture.sizes[-1]))
        for i in range(network.members):
            rows = np.flatnonzero(folds == i)
            y_hat[rows] = predict(network.member(i), train.X[rows])
        return cls(folds, y_hat, train.truth)

    def write(self, stream: TextIO, model: Model) -> None:
        """Write a CSV row for each row: the target, its fold from 1, and what was predicted."""
        outcome, labels = model.outcome, model.labels
        header = [*model.targets, "fold", *outcome.law.columns(model.targets)]
        cells: list[Any] = [self.folds + 1]
        if labels is None:
            cells = [self.truth, *cells, outcome.told(self.y_hat)]
        else:
            header += [f"probability_{label}" for label in model.classes]
            codes, p = outcome.codes(self.y_hat), outcome.probabilities(self.y_hat)
            cells = [labels.decode(self.truth), *cells, labels.decode(codes), outcome.written(p)]
        writer = RowWriter(stream, "csv", header)
        writer.write(writer.rows(cells))
