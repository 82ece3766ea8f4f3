"""One part of a table as arrays: encoded rows, their targets and their weights.

What the encoding is was learnt elsewhere, and so was which rows belong to the part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nnfit.dataset.head import check_target_range
from nnfit.errors import DataError
from nnfit.nn.arrays import Array, in_proportion
from nnfit.table.encoding import Encoder
from nnfit.table.labels import LabelEncoder
from nnfit.table.targets import TargetScaler
from nnfit.table.weights import class_weights, require_weight, row_weights

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Part:
    """Encoded rows.

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


def encode_rows(
    frame: pd.DataFrame,
    name: str,
    numbers: Array,
    encoder: Encoder,
    labels: LabelEncoder | None,
    scaler: TargetScaler | None,
    loss: str,
    n_outputs: int,
    dtype: np.dtype[Any],
) -> Part:
    """Return the arrays of rows that all have a target, without weights.

    `dtype` is the network's, which must be able to hold them.
    """
    X = encoder.transform(frame, name, numbers, dtype=dtype)
    if labels is None:
        assert scaler is not None
        truth = scaler.read(frame, name, numbers)
        scaled = scaler.encode(truth)
        check_target_range(scaled, truth, scaler.targets, loss, dtype, name, numbers)
        return Part(X, scaled, None, truth, numbers)
    codes = labels.encode(frame[labels.target], name, numbers)
    Y = codes[:, None] if n_outputs == 1 else np.eye(n_outputs)[codes]
    return Part(X, Y.astype(np.float64), None, codes, numbers)


def weighted(
    part: Part,
    what: str,
    frame: pd.DataFrame,
    name: str,
    weight: str | None,
    spec: Literal["balanced"] | Mapping[str, float] | None,
    labels: LabelEncoder | None,
    where: str,
) -> Part:
    """Return the part with its rows' weights: the column `weight` times that of each class.

    `what` is the part's name, `spec` the config's `class_weight`, and `where` its place in
    messages.
    """
    weights = None
    if weight is not None:
        if weight not in frame.columns:
            raise DataError(f"{name}: no column {weight!r}, which data.weight names")
        weights = row_weights(frame, weight, name, part.numbers)
        require_weight(weights, what, name)
    if labels is not None and spec is not None:
        by_class = class_weights(part.truth, labels.classes, spec, where)
        weights = by_class if weights is None else in_proportion(weights) * by_class
    if weights is not None:
        require_weight(weights, what, name)
    return replace(part, weights=weights)
