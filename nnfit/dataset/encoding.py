"""What some rows teach, and any others as arrays with it: the training rows are only the first.

What holds for all rows was settled before, in `deciding`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnfit.config.reading import ConfigFile
from nnfit.dataset.deciding import Decisions
from nnfit.dataset.head import (
    check_bins,
    check_head,
    check_size,
    check_target_range,
    choose_target_scaling,
)
from nnfit.nn.arrays import Array
from nnfit.observer import Observer
from nnfit.table.encoding import Encoder
from nnfit.table.fingerprint import Fingerprint
from nnfit.table.fitting import fit_encoder
from nnfit.table.labels import LabelEncoder
from nnfit.table.rows import NamedRows
from nnfit.table.spelling import Written
from nnfit.table.table import Tally
from nnfit.table.targets import TargetScaler, target_values
from nnfit.table.weights import Weighting


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a table, encoded.

    `X` (N, D); `Y` (N, K) as the loss sees them; `weights` (N,) or None; `truth` for the
    metrics: class codes (N,), or values (N, K) in the targets' own units; `numbers` (N,) of the
    data rows, from 1.
    """

    X: Array
    Y: Array
    weights: Array | None
    truth: Array
    numbers: Array

    def __len__(self) -> int:
        return len(self.X)


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """The way from rows to a `Part`: plain data, which any process can be handed.

    `labels` is set for classification, `scaler` for regression; `dtype` is the network's, which
    must be able to hold the numbers.
    """

    encoder: Encoder
    labels: LabelEncoder | None
    scaler: TargetScaler | None
    loss: str
    n_outputs: int
    dtype: np.dtype[Any]
    weighting: Weighting

    def encode(self, rows: NamedRows, part: str | None = None, tally: Tally | None = None) -> Part:
        """Return the arrays of rows that all have a target.

        They are weighted as the `part` that they are: train, validation or test. A `tally` counts
        the cells that training never saw the like of.

        Raises
        ------
        ConfigError, DataError
            Each with its place.
        """
        X = self.encoder.transform(rows, tally, self.dtype)
        truth: Array
        Y: Array
        if self.labels is None:
            assert self.scaler is not None
            truth = self.scaler.read(rows)
            Y = self.scaler.encode(truth)
            check_target_range(Y, truth, self.scaler.targets, self.loss, self.dtype, rows)
            if self.n_outputs > Y.shape[1]:  # several of each target, side by side
                Y = np.repeat(Y, self.n_outputs // Y.shape[1], axis=1)
        else:
            truth = self.labels.read(rows)
            one = self.n_outputs == 1
            Y = truth[:, None].astype(np.float64) if one else np.eye(self.n_outputs)[truth]
        weights = None if part is None else self.weighting.of(rows, self.labels, truth, part)
        return Part(X=X, Y=Y, weights=weights, truth=truth, numbers=rows.numbers)

    def fingerprint(self, rows: NamedRows) -> str:
        """Return the fingerprint of rows that all have a target."""
        targets = self.labels or self.scaler
        assert targets is not None
        return Fingerprint(self.encoder).add(rows, targets.read(rows)).value


def fit_encoding(
    file: ConfigFile, decisions: Decisions, rows: NamedRows, observer: Observer
) -> Encoding:
    """Return what `rows`, the training rows of the whole or of a fold, teach.

    Raises
    ------
    ConfigError, DataError
        Each with its place.
    """
    config = file.config
    encoder = fit_encoder(
        rows,
        decisions.columns,
        config.preprocessing,
        config.features,
        file.where("features"),
        observer,
        config.model.bias,
    )
    check_head(file, decisions)
    check_bins(file, encoder)
    check_size(file, encoder.n_inputs, decisions.n_outputs)
    scaler = None
    weighting = Weighting(
        config.data.weight,
        config.class_weight,
        file.where("class_weight"),
        Written.of(config.data),
    )
    if decisions.labels is not None:
        weighting = weighting.taught(rows, decisions.labels)
    else:
        method = choose_target_scaling(config, observer)
        Y = target_values(rows, decisions.targets, decisions.spellings)
        clamp = config.preprocessing.clamp
        scaler = TargetScaler.fit(Y, decisions.targets, method, rows.name, observer, clamp)
        scaler = dataclasses.replace(scaler, spellings=decisions.spellings)
    return Encoding(
        encoder=encoder,
        labels=decisions.labels,
        scaler=scaler,
        loss=decisions.loss,
        n_outputs=decisions.n_outputs,
        dtype=np.dtype(config.training.dtype),
        weighting=weighting,
    )
