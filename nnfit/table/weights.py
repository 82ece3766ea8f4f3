"""How much each row counts in the loss: the weight column, and weights by class.

The loss itself divides by their sum: only their proportions count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnfit.errors import ConfigError, DataError, did_you_mean, listed
from nnfit.nn.arrays import in_proportion
from nnfit.table.cells import KnownLabel, read_floats
from nnfit.table.finding import find_spelling
from nnfit.table.labels import LabelEncoder
from nnfit.table.rows import NamedColumn, NamedRows
from nnfit.table.spelling import PLAIN, Written, parser
from nnfit.table.table import Floats

ClassWeight: TypeAlias = Literal["balanced"] | Mapping[str, float]


def row_weights(column: NamedColumn, written: Written = PLAIN) -> Floats:
    """Return the sample weights, of shape (N,), however the config says that they are written.

    Raises
    ------
    DataError
        At the first cell that is no finite number >= 0.
    """
    spelling = find_spelling(column, written, "choose another data.weight")
    values, failed = read_floats(column.cells, parser(spelling))
    wrong = ~(np.isfinite(values) & (values >= 0.0))
    wrong[failed] = True
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        cell = "a missing cell" if column.cells.isna().iloc[i] else column.shown(i)
        raise DataError(f"{column.place(i)}: got {cell}; a weight must be a finite number >= 0")
    return np.array(values)


def require_weight(weights: Floats, part: str | None, name: str) -> None:
    """Check that some row of a part, where the rows are one, weighs more than 0.

    Raises
    ------
    DataError
        If none does.
    """
    if part is not None and not weights.any():
        what = "training" if part == "train" else part
        raise DataError(
            f"{name}: every {what} row weighs 0; some must weigh more. "
            "Check data.weight, class_weight and how the rows are split"
        )


def class_weights(
    codes: NDArray[np.integer[Any]], classes: Sequence[str], spec: ClassWeight, where: str
) -> Floats:
    """Return the weight of each class, of shape (K,).

    Parameters
    ----------
    codes : int ndarray of shape (N,)
        Indices into `classes`, of the training rows.
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
        return np.asarray(len(codes) / (np.count_nonzero(counts) * np.maximum(counts, 1)))
    weights = np.ones(len(classes))
    spell = KnownLabel(classes)
    for text, value in spec.items():
        if (known := spell(text)) not in classes:
            raise ConfigError(
                f"{where}: unknown class {text!r}; classes are: {listed(classes)}"
                f"{did_you_mean(text, classes)}"
            )
        weights[classes.index(known)] = value
    if not weights[codes].any():
        raise ConfigError(f"{where}: every row weighs 0; some class needs a weight > 0")
    return weights


@dataclass(frozen=True)
class Weighting:
    """How much rows count: the weight in a `column` times that of each class.

    `class_weight` is the config's, and `where` its place in messages; `written` says how the
    config's numbers are. `by_class` (K,) are the weights that the training rows taught: held-out
    rows weigh as those do, whatever their own frequencies.
    """

    column: str | None
    class_weight: ClassWeight | None
    where: str = "class_weight"
    written: Written = PLAIN
    by_class: Floats | None = field(default=None, kw_only=True)

    def taught(self, rows: NamedRows, labels: LabelEncoder) -> Weighting:
        """Return the weighting by what the training rows say of classes.

        Raises
        ------
        ConfigError
            As `class_weights`.
        """
        if self.class_weight is None:
            return self
        weights = class_weights(labels.read(rows), labels.classes, self.class_weight, self.where)
        return replace(self, by_class=weights)

    def of(
        self,
        rows: NamedRows,
        labels: LabelEncoder | None,
        truth: NDArray[Any],
        part: str | None = None,
    ) -> Floats | None:
        """Return the weights (N,) of `rows` with their `truth`, None where all count alike.

        Raises
        ------
        DataError
            If a weight can't be read, or no row of the `part` that they are weighs more than 0.
        ConfigError
            As `class_weights`.
        """
        weights = None
        if self.column is not None:
            if self.column not in rows.columns:
                raise DataError(f"{rows.name}: no column {self.column!r}, which data.weight names")
            weights = row_weights(rows.column(self.column), self.written)
            require_weight(weights, part, rows.name)
        if labels is not None and self.class_weight is not None:
            by_class = self.by_class
            if by_class is None:
                by_class = class_weights(truth, labels.classes, self.class_weight, self.where)
            of_rows: Floats = by_class[truth]
            weights = of_rows if weights is None else in_proportion(weights) * of_rows
        if weights is not None:
            require_weight(weights, part, rows.name)
        return weights
