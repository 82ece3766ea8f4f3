"""A trained model: columns, encoding, network and classes; DataFrames in, predictions out.

It does not train and does not know its file's format.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfit.errors import DataError
from nnfit.nn.arrays import Array
from nnfit.nn.inference import hidden_layer, predict
from nnfit.nn.network import Network
from nnfit.table.columns import with_text_names
from nnfit.table.encoding import Encoder
from nnfit.table.labels import LabelEncoder
from nnfit.table.targets import TargetScaler, rows_with_target
from nnfit.training.metrics import classification_metrics, regression_metrics
from nnfit.training.path import Path
from nnfit.training.threads import available_cores, blas_threads

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Model:
    """Everything a prediction needs, and what is known of the training.

    `labels` is set for classification, `scaler` for regression; `history` has one array of shape
    (epochs,) per field; `metrics` are those of the train, validation and test rows; `training`
    says `epochs`, `best_epoch`, `stopped_early`; `config` is the resolved config; `path` is there
    when the config asked for it.
    """

    encoder: Encoder
    network: Network
    targets: tuple[str, ...]
    labels: LabelEncoder | None
    scaler: TargetScaler | None
    config: Mapping[str, Any]
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    history: Mapping[str, Array] = field(default_factory=dict)
    path: Path | None = None
    version: str = ""  # of the nnfit that trained it

    @property
    def task(self) -> str:
        return "regression" if self.labels is None else "classification"

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels as they were spelt, in the order of the probabilities; () for regression."""
        return () if self.labels is None else self.labels.classes

    def predict(self, frame: pd.DataFrame) -> Array:
        """Return one prediction per row.

        Parameters
        ----------
        frame : DataFrame
            The model's columns by name; others are ignored.

        Returns
        -------
        ndarray of shape (N,), or (N, K) with several targets
            Labels, as numbers where every label is one; or values in the target's own units.

        Raises
        ------
        DataError
            When a column is missing or a cell can't be read.
        """
        y_hat = self._outputs_of_all(frame)
        if self.labels is not None:
            return self.labels.native(self.codes(y_hat))
        values = self.values(y_hat)
        return values[:, 0] if len(self.targets) == 1 else values

    def predict_proba(self, frame: pd.DataFrame) -> Array:
        """Return the probabilities, shape (N, K) in the order of `classes`.

        Raises
        ------
        TypeError
            For a regression model, which has none.
        """
        if self.labels is None:
            raise TypeError("a regression model has no probabilities; use predict")
        return self.probabilities(self._outputs_of_all(frame))

    def evaluate(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Return `{"rows": N, "metrics": {...}}` on rows with known targets."""
        with blas_threads(1):
            return Evaluation(self).add(with_text_names(frame, "data"), "data", 1).result()

    def save(self, path: str) -> None:
        """Write the model to `path`, whole or not at all."""
        from nnfit.model_file import save

        save(self, path)

    def outputs(
        self,
        frame: pd.DataFrame,
        name: str,
        rows: Array | int,
        tally: Counter[tuple[str, str]] | None = None,
        threads: int = 1,
    ) -> Array:
        """Return the network's y_hat, shape (N, K), as the loss sees it.

        `name` and `rows` (the first row's number, or each row's) are for the errors; `tally`
        counts what was unseen or imputed. The same bits for a row among any others, and for any
        number of `threads`, where the caller has left the matrix products one thread.
        """
        with np.errstate(all="ignore"):
            return predict(self.network, self.encoder.transform(frame, name, rows, tally), threads)

    def hidden(
        self,
        frame: pd.DataFrame,
        name: str,
        rows: Array | int,
        tally: Counter[tuple[str, str]] | None = None,
        *,
        layer: int,
    ) -> Array:
        """Return a[layer] of hidden layer `layer`, from 1: shape (N, units), the network's dtype.

        The rest is as for `outputs`.
        """
        with np.errstate(all="ignore"):
            X = self.encoder.transform(frame, name, rows, tally)
            return hidden_layer(self.network, X, layer)

    def _outputs_of_all(self, frame: pd.DataFrame) -> Array:
        """Return y_hat of a whole frame, on all cores."""
        with blas_threads(1):
            named = with_text_names(frame, "data")
            return self.outputs(named, "data", 1, threads=available_cores())

    def probabilities(self, y_hat: Array) -> Array:
        """Return (N, n_classes) float64 from the network's outputs.

        The outputs of a residual loss are no probabilities: they are cut to [0, 1] and divided
        by their sum.
        """
        bounded = self.network.architecture.output_activation in ("sigmoid", "softmax")
        p = y_hat if bounded else np.clip(y_hat, 0.0, 1.0)
        if p.shape[1] == 1:  # one output is the probability of the second class
            return np.concatenate([1.0 - p, p], axis=1)
        norm = p.sum(axis=1, keepdims=True)
        shares: Array = np.full_like(p, 1.0 / p.shape[1])  # for a row whose outputs are all 0
        np.divide(p, norm, out=shares, where=norm > 0.0)
        return shares

    def codes(self, y_hat: Array) -> Array:
        """Return the number of each row's most probable class, shape (N,)."""
        codes: Array = self.probabilities(y_hat).argmax(axis=1)
        return codes

    def values(self, y_hat: Array) -> Array:
        """Return regression values (N, K) in the targets' own units.

        Digits below the resolution of float32 are rounded away: they are noise.
        """
        assert self.scaler is not None
        with np.errstate(over="ignore"):  # beyond float64 is inf, without a word
            values = self.scaler.decode(y_hat)
        if self.network.dtype == np.float32:
            for k, scale in enumerate(self.scaler.scales):
                values[:, k] = values[:, k].round(8 - math.floor(math.log10(scale)))
        return values


class Evaluation:
    """Metrics over rows that come piece by piece; only predictions and targets are kept."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._truth: list[Array] = []
        self._found: list[Array] = []
        self.without_target = 0

    def add(
        self,
        frame: pd.DataFrame,
        name: str,
        rows: Array | int,
        tally: Counter[tuple[str, str]] | None = None,
    ) -> Evaluation:
        """Take a piece of the table, targets included; rows without a target are counted."""
        model = self.model
        n = len(frame)
        frame, rows = rows_with_target(frame, model.targets, name, rows)
        self.without_target += n - len(frame)
        if len(frame):
            y_hat = model.outputs(frame, name, rows, tally, available_cores())
            if model.labels is not None:
                target = frame[model.targets[0]]
                self._truth.append(model.labels.encode(target, name, rows))
                self._found.append(model.probabilities(y_hat))
            else:
                assert model.scaler is not None
                self._truth.append(model.scaler.read(frame, name, rows))
                self._found.append(model.values(y_hat))
        return self

    def arrays(self, name: str = "data") -> tuple[Array, Array]:
        """Return what is true and what was found: codes (N,) and probabilities (N, K), or values.

        Raises
        ------
        DataError
            When no row had a target.
        """
        if not self._truth:
            raise DataError(
                f"{name}: no row has a value in {self.model.targets[0]!r} to compare with"
            )
        return np.concatenate(self._truth), np.concatenate(self._found)

    def result(self, name: str = "data") -> dict[str, Any]:
        """Return rows, metrics and, for classification, classes; `name` is for the error.

        Raises
        ------
        DataError
            When no row had a target.
        """
        truth, found = self.arrays(name)
        result: dict[str, Any] = {"rows": len(truth)}
        result["metrics"] = score(self.model, truth, found)
        if self.model.labels is not None:
            result["classes"] = list(self.model.classes)
        return result


def score(model: Model, truth: Array, found: Array) -> dict[str, Any]:
    """Return the metrics of probabilities against codes, or of values against values."""
    if model.labels is not None:
        return classification_metrics(truth, found)
    return regression_metrics(truth, found, model.targets)
