"""How much each row counts in the loss: the weight column, and weights by class.

The loss itself divides by their sum: only their proportions count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.errors import ConfigError, DataError, did_you_mean
from nnfit.table.cells import Rows, listed, parse_number, place, read_floats, shown
from nnfit.table.labels import class_finder


def row_weights(frame: pd.DataFrame, weight: str, name: str, rows: Rows = 1) -> NDArray[np.float64]:
    """Return the sample weights, of shape (N,).

    Raises
    ------
    DataError
        At the first cell that is no finite number >= 0.
    """
    series = frame[weight]
    values, failed = read_floats(series, parse_number)
    wrong = ~(np.isfinite(values) & (values >= 0.0))
    wrong[failed] = True
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        cell = "a missing cell" if series.isna().iloc[i] else shown(series.iloc[i])
        raise DataError(
            f"{place(name, rows, i, weight)}: got {cell}; a weight must be a finite number >= 0"
        )
    return np.array(values)


def require_weight(weights: NDArray[np.float64], part: str, name: str) -> None:
    """Check that some row of a part weighs more than 0.

    Raises
    ------
    DataError
        If none does.
    """
    if not weights.any():
        what = "training" if part == "train" else part
        raise DataError(
            f"{name}: every {what} row weighs 0; some must weigh more. "
            "Check data.weight, class_weight and how the rows are split"
        )


def class_weights(
    codes: NDArray[np.integer[Any]],
    classes: Sequence[str],
    spec: Literal["balanced"] | Mapping[str, float],
    where: str,
) -> NDArray[np.float64]:
    """Return every row's class weight, of shape (N,).

    Parameters
    ----------
    codes : int ndarray of shape (N,)
        Indices into `classes`.
    spec : "balanced" or mapping of label to weight
        balanced: N / (K n_k) for a class of n_k rows among the K that occur. A label that the
        mapping leaves out weighs 1.
    where : str
        The place of the `class_weight` key in messages.

    Raises
    ------
    ConfigError
        If a label is no class, or every row would weigh 0.
    """
    if not isinstance(spec, Mapping):
        counts = np.bincount(codes, minlength=len(classes))
        weights = len(codes) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return np.asarray(weights[codes], dtype=np.float64)
    weights = np.ones(len(classes))
    find = class_finder(classes)
    for text, value in spec.items():
        code = find(text)
        if code is None:
            raise ConfigError(
                f"{where}: unknown class {text!r}; classes are: {listed(classes)}"
                f"{did_you_mean(text, classes)}"
            )
        weights[code] = value
    if not weights[codes].any():
        raise ConfigError(f"{where}: every row weighs 0; some class needs a weight > 0")
    return np.asarray(weights[codes])
