"""A trained model: columns, encoding, network and classes; DataFrames in, predictions out.

It does not train; what its file looks like is in `model.file`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfit.budget import INPUTS_AT_ONCE, rows_at_once
from nnfit.dataset.outcome import Outcome
from nnfit.errors import DataError, OutputError, listed, path_text, warn
from nnfit.model.evaluation import Evaluation, training_averages
from nnfit.model.file.declared import declare_network
from nnfit.model.file.kept import KeptConfig, Trained, kept_config
from nnfit.model.file.writing import to_bytes
from nnfit.model.held_out import HeldOut
from nnfit.nn.arrays import Array
from nnfit.nn.inference import hidden_layer, predict, predict_with_spread
from nnfit.nn.network import Network
from nnfit.storage.files import whole_file
from nnfit.table.encoding import Encoder
from nnfit.table.labels import LabelEncoder
from nnfit.table.rows import NamedRows
from nnfit.table.spelling import Spelling
from nnfit.table.table import Tally
from nnfit.table.targets import TargetScaler
from nnfit.training.history import MEMBER_LOSSES, Steps, Trajectory
from nnfit.training.threads import available_cores, blas_threads

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, repr=False)
class Model:
    """Everything a prediction needs, and what is known of the training.

    `labels` is set for classification, `scaler` for regression; `history` has one array of shape
    (epochs,) per field; `metrics` are those of the train, validation and test rows; `trained`
    says how training went; `config` is the resolved config, as it is shown, and `kept` what else
    is read of it; `trajectory` and `steps` are there when the config asked for them; `words` are
    the columns in which NA, null and the like are values, no gaps; `fingerprints` tell the data
    that it was trained on; `held_out` is what rows tell that no network was trained on.
    """

    encoder: Encoder
    network: Network
    targets: tuple[str, ...]
    labels: LabelEncoder | None
    scaler: TargetScaler | None
    config: Mapping[str, Any]
    trained: Trained = field(default_factory=Trained)
    metrics: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    history: Mapping[str, Array] = field(default_factory=dict)
    trajectory: Trajectory | None = None
    steps: Steps | None = None
    words: tuple[str, ...] = ()
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    held_out: HeldOut | None = None
    version: str = ""  # of the nnfit that trained it

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self.network.architecture.sizes))
        return f"<nnfit.Model: {self.task} of {listed(self.targets)}, layers {sizes}>"

    def member(self, i: int) -> Model:
        """Return the model of member `i`, from 0, alone; history and metrics stay those of all."""
        history = {name: of for name, of in self.history.items() if name != MEMBER_LOSSES}
        return replace(self, network=self.network.member(i), history=history)

    @cached_property
    def outcome(self) -> Outcome:
        """What the network's outputs mean."""
        return Outcome.of(self.network, self.targets, self.labels, self.scaler)

    @cached_property
    def kept(self) -> KeptConfig:
        """The config, as far as commands read it."""
        return kept_config(self.config, "config")

    @property
    def training(self) -> dict[str, Any]:
        """`epochs`, `best_epoch`, `stopped_early`, `rows` by part, `best_epochs` of members."""
        told = asdict(self.trained)
        if not self.trained.best_epochs:
            del told["best_epochs"]
        return told

    @property
    def task(self) -> str:
        return self.outcome.task

    @property
    def judged_columns(self) -> list[str]:
        """The columns that are read to judge the model: inputs and targets."""
        return [*self.encoder.needed_columns, *self.targets]

    @property
    def text_columns(self) -> list[str]:
        """Those, and groups of rows, that a CSV reader had better leave as they are spelt."""
        decimal, groups = self.kept.data.decimal, self.kept.data.groups
        targets = self.targets if self.scaler is None else self.scaler.text_targets(decimal)
        named = () if groups is None else (groups,)
        return [*self.encoder.text_columns(decimal), *targets, *named]

    @property
    def spellings(self) -> dict[str, Spelling]:
        """How the numbers of columns and targets are written that are not plain."""
        found = {code.name: getattr(code, "spelling", None) for code in self.encoder.columns}
        found |= {} if self.scaler is None else self.scaler.spellings
        return {name: spelling for name, spelling in found.items() if spelling is not None}

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
            return self.labels.native(self.outcome.codes(y_hat))
        values = self.outcome.values(y_hat)
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
        return self.outcome.probabilities(self._outputs_of_all(frame))

    def evaluate(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Return `{"rows": N, "metrics": {...}}` on rows with known targets."""
        rows, tally = NamedRows.from_frame(frame, "data", self.judged_columns), Tally()
        with blas_threads(1):
            evaluation = self.evaluation().add(rows, tally)
            result = evaluation.result()
        for sentence in self.warnings(tally, rows.name) + evaluation.warnings():
            warn(sentence)
        return result

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to `path`, whole or not at all; OutputError where that fails."""
        place = path_text(path, "path", "the path of a file to write", OutputError)
        contents = self.to_bytes()
        with whole_file(place) as stream:
            stream.write(contents)

    def to_bytes(self) -> bytes:
        """Return the contents of the model's file; OutputError where they are too many."""
        meta = {
            "task": self.task,
            "targets": list(self.targets),
            "classes": list(self.classes),
            "network": declare_network(self.network),
            "encoder": self.encoder.to_meta(),
            "scaler": None if self.scaler is None else self.scaler.to_meta(),
            "words": list(self.words),
            "fingerprints": dict(self.fingerprints),
            "config": self.config,
            "training": self.training,
            "path_points": 0 if self.trajectory is None else len(self.trajectory.epochs),
            "metrics": self.metrics,
            **({} if self.steps is None else {"steps_per_epoch": self.steps.per_epoch}),
            **({} if self.held_out is None else {"held_out": asdict(self.held_out.told)}),
            **({"judged_members": self.network.members} if MEMBER_LOSSES in self.history else {}),
        }
        scores = None if self.held_out is None else self.held_out.scores
        return to_bytes(
            meta, self.network.parameters, self.history, self.trajectory, self.steps, scores
        )

    def warnings(self, tally: Tally, name: str) -> list[str]:
        """Return a sentence for each thing that was counted in rows of the table `name`."""
        return self.encoder.warnings(tally, name) + self.outcome.warnings(tally, name)

    def evaluation(self, name: str = "data") -> Evaluation:
        """Return what takes rows of the table `name`, piece by piece, and judges them."""
        taught = training_averages(self.outcome, self.metrics)
        return Evaluation(self.outcome, self.outputs, name, taught)

    def outputs(self, rows: NamedRows, tally: Tally | None = None, threads: int = 1) -> Array:
        """Return the network's y_hat, shape (N, K), as the loss sees it.

        `tally` counts what was unseen or imputed. The same bits for a row among any others, and
        for any number of `threads`, where the caller has left the matrix products one thread.

        Raises
        ------
        DataError
            As from `Encoder.transform`, and where numbers leave the dtype's range on their way.
        """
        n_outputs = self.network.architecture.sizes[-1]
        return self._predicted(rows, tally, n_outputs, lambda X: predict(self.network, X, threads))

    def outputs_with_spread(
        self, rows: NamedRows, tally: Tally | None = None
    ) -> tuple[Array, Array]:
        """Return y_hat as `outputs` does, and how far the members are apart: (N, n_values).

        That is their standard deviation: of each target in its own units, or of each class's
        probability.
        """
        network, outcome = self.network, self.outcome
        n_outputs = network.architecture.sizes[-1]
        both = self._predicted(
            rows,
            tally,
            n_outputs + outcome.n_values,
            lambda X: predict_with_spread(network, X, outcome.n_values, outcome.deviating),
        )
        return both[:, :n_outputs], outcome.deviations(both[:, n_outputs:])

    def _predicted(
        self,
        rows: NamedRows,
        tally: Tally | None,
        n_columns: int,
        predicted: Callable[[Array], Array],
    ) -> Array:
        """Return what is `predicted` of rows: y_hat (N, K), which is finite, and more columns."""
        network = self.network
        out: Array = np.empty((len(rows), n_columns))
        for start, X in self._inputs(rows, tally):
            with np.errstate(all="ignore"):
                out[start : start + len(X)] = made = predicted(X)
            finite = np.isfinite(made[:, : network.architecture.sizes[-1]]).all(axis=1)
            if not finite.all():
                i = int(np.flatnonzero(~finite)[0])
                far = int(np.abs(X[i]).argmax())
                raise DataError(
                    f"{rows.place(start + i)}: the network leaves the range of "
                    f"{network.dtype.name}: {self.encoder.input_names[far]!r} is {X[i, far]:g} "
                    "when scaled. Mend it, or train with numbers as large"
                )
        if tally is not None:
            self.outcome.count(out[:, : network.architecture.sizes[-1]], tally)
        return out

    def hidden(self, rows: NamedRows, tally: Tally | None = None, *, layer: int) -> Array:
        """Return a[layer] of hidden layer `layer`, from 1: shape (N, units), the network's dtype.

        The rest is as for `outputs`.
        """
        network = self.network
        out: Array = np.empty((len(rows), network.architecture.sizes[layer]), network.dtype)
        for start, X in self._inputs(rows, tally):
            with np.errstate(all="ignore"):
                out[start : start + len(X)] = hidden_layer(network, X, layer)
        return out

    def _inputs(self, rows: NamedRows, tally: Tally | None) -> Iterator[tuple[int, Array]]:
        """Yield rows as the network takes them, not too many at once, and where they start."""
        at_once = rows_at_once(self.network.architecture.sizes[0], INPUTS_AT_ONCE)
        for start in range(0, max(1, len(rows)), at_once):
            some = rows.between(start, start + at_once)
            with np.errstate(all="ignore"):
                X = self.encoder.transform(some, tally, self.network.dtype)
            yield start, X

    def _outputs_of_all(self, frame: pd.DataFrame) -> Array:
        """Return y_hat of a whole frame, on all cores."""
        rows, tally = NamedRows.from_frame(frame, "data", self.encoder.needed_columns), Tally()
        with blas_threads(1):
            y_hat = self.outputs(rows, tally, available_cores())
        for sentence in self.warnings(tally, rows.name):
            warn(sentence)
        return y_hat
