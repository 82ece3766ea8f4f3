"""Cross-validation: each row is predicted by a run that was not trained on it.

A run of a fold is one of `nnfit train` on the other rows: what scales, categories and class weights
are is learned from them alone. What columns mean, and which classes there are, is decided once.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nnfit.config.presets import with_values
from nnfit.config.reading import ConfigFile
from nnfit.dataset.dataset import Decided
from nnfit.errors import ConfigError, DataError
from nnfit.many.engine import Report, Task
from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.observer import EpochRecord, Observer, Plan
from nnfit.run.checkpoint.fingerprint import settings
from nnfit.run.run import train_run
from nnfit.table.arrangement import Arrangement
from nnfit.table.rows import NamedRows
from nnfit.table.spelling import Written
from nnfit.table.splitting import Indices, folds
from nnfit.table.table import Tally
from nnfit.training.streams import stream
from nnfit.training.threads import blas_threads
from nnfit.version import __version__

# What may change between a cross-validation and the one that goes on with it.
FREE = {"output", "data.path", "data.test", "training.checkpoint_seconds", "training.threads"}


@dataclass(frozen=True, kw_only=True)
class Folds:
    """The rows, and which fold holds each of them out.

    `numbers` has for each repeat the fold of every row (N,), from 0. By time there are rows before
    the first fold, of -1, and a fold's run is trained on what was before it; else on all others.
    """

    file: ConfigFile
    table: Decided
    k: int
    numbers: Sequence[Indices]
    by_time: bool

    @classmethod
    def of(
        cls, file: ConfigFile, table: Decided, k: int, repeats: int, observer: Observer
    ) -> Folds:
        """Deal out the rows of a table.

        Raises
        ------
        ConfigError, DataError
            As of training; or when rows, groups, or the rows of a class are fewer than folds.
        """
        data, rows, labels = file.config.data, table.rows, table.decisions.labels
        arrangement = Arrangement.of(rows, data.roles, Written.of(data))
        by_time = arrangement.ranks is not None and arrangement.groups is None
        if data.test:
            observer.note("data.test is left aside: each row is held out by a fold")
            file = replace(file, config=with_values(file.config, {"data.test": 0.0}))
        try:
            numbers = [
                folds(
                    len(rows),
                    None if labels is None or by_time else labels.read(rows),
                    k + by_time,
                    stream(file.config.seed, "split", repeat),
                    arrangement,
                    () if labels is None else labels.classes,
                )
                - by_time
                for repeat in range(repeats)
            ]
        except ValueError as err:
            raise DataError(f"{rows.name}: {err}. Use fewer --folds, or more rows") from err
        return cls(file=file, table=table, k=k, numbers=numbers, by_time=by_time)

    @property
    def tasks(self) -> list[Task]:
        """A task for each fold of each repeat, for `run_fold`."""
        several = len(self.numbers) > 1
        return [
            Task(f"repeat {r + 1}, fold {f + 1}" if several else f"fold {f + 1}", (r, f))
            for r in range(len(self.numbers))
            for f in range(self.k)
        ]

    def settings(self) -> dict[str, Any]:
        """Return what the folds' results depend on, for JSON."""
        config = settings(self.file, FREE) | {"folds": self.k, "repeats": len(self.numbers)}
        digest = hashlib.sha256(self.table.rows.digest().encode())
        if (own := self.file.config.data.tables.get("validation")) is not None:
            with suppress(OSError), open(self.file.resolve(own), "rb") as stream:  # reading tells
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return {"nnfit_version": __version__, "config": config, "data": digest.hexdigest()}


@dataclass(frozen=True, kw_only=True)
class FoldResult:
    """What came of a fold: metrics of its rows, and what is predicted of each of them.

    `repeat` and `fold` are from 1. `predicted` (rows, n) are probabilities, or values in the
    targets' own units with what is told beside them, as they are written; `codes` (rows,) are the
    predicted classes. `failure` says how the run diverged, if it did.
    """

    repeat: int
    fold: int
    rows: int
    metrics: Mapping[str, Any]
    predicted: Sequence[Sequence[float]]
    codes: Sequence[int] = ()
    epochs: int = 0
    seconds: float = 0.0
    warnings: Sequence[str] = field(default_factory=tuple)
    failure: str = ""


def run_fold(shared: Folds, report: Report, repeat: int, fold: int) -> FoldResult:
    """Train on the rows that the fold does not hold out, and predict those that it does.

    Raises
    ------
    NnfitError
        As of training.
    """
    began = time.monotonic()
    numbers, config = shared.numbers[repeat], shared.file.config
    values: dict[str, Any] = {"seed": config.seed + repeat * shared.k + fold}
    if config.training.threads == "auto":
        values["training.threads"] = 1  # the other cores have folds of their own
    file = replace(shared.file, config=with_values(config, values))
    others = numbers < fold if shared.by_time else numbers != fold
    heard = Heard(report)
    run = train_run(file, shared.table.take(np.flatnonzero(others)), observer=heard)
    if run.failure is not None:
        heard.warning(f"{run.failure}; the weights of {run.summary.best} are judged")
    rows = shared.table.rows.take(np.flatnonzero(numbers == fold))
    y_hat, metrics = _judged(run.model, rows, heard)
    outcome = run.model.outcome
    classes = run.model.labels is not None
    predicted = outcome.probabilities(y_hat) if classes else outcome.told(y_hat)
    return FoldResult(
        repeat=repeat + 1,
        fold=fold + 1,
        rows=len(rows),
        metrics=metrics,
        predicted=(outcome.written(predicted) if classes else predicted).tolist(),
        codes=outcome.codes(y_hat).tolist() if classes else (),
        epochs=run.summary.epochs,
        seconds=time.monotonic() - began,
        warnings=heard.warnings,
        failure="" if run.failure is None else str(run.failure),
    )


def _judged(model: Model, rows: NamedRows, observer: Observer) -> tuple[Array, dict[str, Any]]:
    """Return the outputs for the rows, and the metrics."""
    found: list[Array] = []
    tally: Tally = Counter()

    def outputs(some: NamedRows, tally: Tally | None, threads: int) -> Array:
        found.append(model.outputs(some, tally))
        return found[-1]

    with blas_threads(1):
        evaluation = model.evaluation(rows.name).add(rows, tally, outputs)
    for sentence in model.warnings(tally, rows.name):
        observer.warning(sentence)
    return np.concatenate(found), evaluation.result()["metrics"]


class Heard(Observer):
    """Reports how much is done of a share of a run, and keeps its warnings for who sums up."""

    def __init__(self, report: Report, share: float = 1.0) -> None:
        self._report, self._share, self._epochs = report, share, 1
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def started(self, plan: Plan) -> None:
        self._epochs = plan.epochs

    def progress(self, epoch: int, fraction: float) -> None:
        self._report(min(1.0, (epoch - 1 + fraction) / self._epochs / self._share))

    def epoch(self, record: EpochRecord, best: bool) -> None:
        self.progress(record.epoch, 1.0)


def is_figure(value: Any) -> bool:
    """Return whether a metric is one figure, or None where there is none to give."""
    return value is None or isinstance(value, int | float)


def spread(results: Sequence[FoldResult]) -> dict[str, dict[str, float | None]]:
    """Return `mean` and `sd` of each metric that is one figure, over the folds that have it."""
    found: dict[str, list[float]] = {}
    for result in results:
        for name, value in result.metrics.items():
            if is_figure(value):
                found.setdefault(name, []).extend([] if value is None else [float(value)])
    return {
        name: {
            "mean": statistics.fmean(values) if values else None,
            "sd": statistics.stdev(values) if len(values) > 1 else None,
        }
        for name, values in found.items()
    }


def require_counts(k: int, repeats: int) -> None:
    """Raise ConfigError where there can't be so many folds, or repeats."""
    for option, n, least in (("--folds", k, 2), ("--repeats", repeats, 1)):
        if n < least:
            raise ConfigError(f"{option}: got {n}; expected {least} or more")
