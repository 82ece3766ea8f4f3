"""One training run: a config and its data become a network, the loop runs, a model comes out.

No file is written here but a checkpoint, and nothing is shown but through the observer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfit import compiled
from nnfit.budget import rows_at_once
from nnfit.config.reading import ConfigFile
from nnfit.dataset.dataset import Dataset, Decided, prepare
from nnfit.dataset.deciding import count_kinds
from nnfit.dataset.outcome import Outcome
from nnfit.errors import ConfigError, Interrupted, TrainingError
from nnfit.model.file.kept import Trained
from nnfit.model.model import Model
from nnfit.nn.inference import predict
from nnfit.nn.network import Network
from nnfit.observer import Observer, Plan, Summary
from nnfit.run.building import (
    Workload,
    build_fit,
    build_network,
    make_learners,
    untrained_model,
)
from nnfit.run.checkpoint import Checkpoint
from nnfit.run.checkpoint.fingerprint import fingerprint
from nnfit.run.engine import decided
from nnfit.run.held_out import by_held_out
from nnfit.run.out_of_fold import OutOfFold
from nnfit.run.refitting import refitted
from nnfit.training.fit import Result
from nnfit.training.history import MEMBER_METRICS, to_arrays
from nnfit.training.stop import StopRequest
from nnfit.training.streams import stream
from nnfit.training.threads import blas_threads
from nnfit.version import __version__

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Run:
    """A trained model and how its training went.

    `failure` is set where the loss diverged after every rollback: the model is then the best
    that there was. `out_of_fold` is there where each member held out a fold. `in_refit` where it
    was the refit that a signal ended: the model is the members'. `engine` is that which was taken.
    """

    model: Model
    summary: Summary
    engine: str = "numpy"
    failure: TrainingError | None = None
    out_of_fold: OutOfFold | None = None
    in_refit: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what `nnfit train --json` prints."""
        names = (
            "model", "task", "n_parameters", "epochs", "best_epoch", "stopped_early", "seconds",
            "rows_per_second", "metrics",
        )  # fmt: skip
        rows, of_folds = self.model.trained.rows, self.out_of_fold
        validated = {"by": "held_out", "rows": rows.get("validation", 0)}
        if of_folds is not None:
            validated = {"by": "out_of_fold", "rows": len(of_folds.truth)}
        return {
            **{name: getattr(self.summary, name) for name in names},
            "best_epochs": list(self.summary.best_epochs),
            "engine": self.engine,
            "members": self.model.network.members,
            "folds": None if of_folds is None else int(of_folds.folds.max()) + 1,
            "validation": validated if self.model.metrics["validation"] is not None else None,
        }


def train_run(
    file: ConfigFile,
    source: Decided | pd.DataFrame | None = None,
    *,
    output: str = "",
    observer: Observer | None = None,
    stop: StopRequest | None = None,
    checkpoint: Checkpoint | None = None,
    needs_folds: bool = False,
) -> Run:
    """Train as `file` says; `output` is only named in what the observer hears.

    Parameters
    ----------
    source : Decided or DataFrame, optional
        Used instead of `data.path`.
    stop : StopRequest, optional
        Entered around the loop: signals then end it after the current minibatch.
    checkpoint : Checkpoint, optional
        Written while the loop runs, and gone on from.
    needs_folds : bool
        Something is wanted of the run that only folds give.

    Raises
    ------
    NnfitError
        Interrupted when a signal came before the first epoch ended.
    """
    observer = observer or Observer()
    seed = file.config.seed
    dataset = prepare(file, source, stream(seed, "split"), observer)
    file = dataset.file
    if needs_folds and dataset.folds is None:
        raise ConfigError(
            f"{file.where('data.validation')}: got {file.config.data.validation}, but what is "
            "predicted out of fold needs folds. Set it to folds, and model.members to 4, say"
        )
    network = build_network(file, dataset, np.dtype(file.config.training.dtype))
    workload = Workload.of(file, dataset, network)
    begun = None if checkpoint is None else checkpoint.begun_in()
    file = decided(file, network, workload.steps(file), workload.batch_size, begun)
    workload = Workload.of(file, dataset, network)
    if file.config.training.engine == "compiled":
        if not compiled.is_cached():
            observer.note("the compiled engine is compiled, which takes a while the first time")
        compiled.load_blas()
    with (
        blas_threads(workload.blas_threads),
        make_learners(file, network, workload, observer) as (learners, dropout),
    ):
        fit = build_fit(file, dataset, learners, workload, dropout, observer, stop or StopRequest())
        if checkpoint is not None:
            checkpoint.attach(fit, lambda: fingerprint(file, dataset, workload.blas_threads))
        plan = _plan(file, dataset, network, output, workload)
        with fit.stop if stop is not None else nullcontext():
            observer.started(plan)
            result = fit.run()
            if not result.best_epoch:
                raise _nothing_kept(result, fit.stop)
            out_of_fold, held_out = by_held_out(file.config, network, dataset, observer)
            if file.config.training.refit:
                network, result = refitted(
                    file, dataset, fit, result, observer, workload.blas_threads
                )
        model = dataclasses.replace(_model(file, dataset, network, result), held_out=held_out)
        model = _scored(model, dataset, out_of_fold)
    return Run(
        model=model,
        summary=_summary(output, model, result),
        engine=file.config.training.engine,
        failure=result.failure,
        out_of_fold=out_of_fold,
        in_refit=result.interrupted and fit.ended,
    )


def _plan(
    file: ConfigFile, dataset: Dataset, network: Network, output: str, workload: Workload
) -> Plan:
    """Return what was decided, for the start panel."""
    config, architecture = file.config, network.architecture
    judged = dataset.folds is not None or "validation" in dataset.parts
    metric = Outcome.of(network, dataset.targets, dataset.labels, dataset.encoding.scaler).metric
    best = config.training.best
    optimizer = f"{config.optimizer.name}, learning rate {config.optimizer.learning_rate:g}"
    if config.optimizer.schedule != "constant":
        optimizer += f", {config.optimizer.schedule}"
    return Plan(
        config=file.name,
        data=dataset.name,
        output=output,
        task=dataset.task,
        targets=dataset.targets,
        classes=() if dataset.labels is None else dataset.labels.classes,
        rows={name: len(part) for name, part in dataset.parts.items()},
        columns=count_kinds(dataset.columns),
        n_inputs=architecture.sizes[0],
        layer_sizes=architecture.sizes,
        activations=architecture.every_activation,
        loss=dataset.loss,
        n_parameters=architecture.n_parameters,
        optimizer=optimizer,
        epochs=config.training.epochs,
        batch_size=workload.batch_size,
        dtype=network.dtype.name,
        threads=workload.threads,
        engine=config.training.engine,
        metric=f"train_{metric}" if not judged else metric if best == "loss" else best,
        best=best,
        l2=architecture.l2,
        members=network.members,
        folds=dataset.folds is not None,
        decided=dataset.notes,
    )


def _nothing_kept(result: Result, stop: StopRequest) -> BaseException:
    """Return why no epoch ended whose weights could be kept."""
    if result.failure is not None:
        return result.failure
    when = "with the initial weights" if result.records else "before the first epoch ended"
    return Interrupted(f"stopped {when}; no model was written", stop.exit_code)


def _model(file: ConfigFile, dataset: Dataset, network: Network, result: Result) -> Model:
    """Return the model, its metrics still to come."""
    bare = untrained_model(file, dataset, network)
    history = to_arrays(result.records)
    history.pop(MEMBER_METRICS, None)  # it is for going on with a run alone
    return dataclasses.replace(
        bare,
        trained=Trained(
            epochs=len(result.records),
            best_epoch=result.best_epoch,
            best_epochs=result.best_epochs if network.members > 1 else (),
            stopped_early=result.stopped_early,
            rows={name: len(part) for name, part in dataset.parts.items()},
        ),
        history=history,
        trajectory=result.trajectory,
        steps=result.steps,
        words=dataset.words,
        fingerprints=dataset.fingerprints,
        version=__version__,
    )


def _scored(model: Model, dataset: Dataset, out_of_fold: OutOfFold | None) -> Model:
    """Return the model with the metrics of each part, by the weights that were kept.

    Where there are folds, those of validation are of all training rows, out of fold.
    """
    network, outcome = model.network, model.outcome
    metrics: dict[str, dict[str, Any] | None] = dict.fromkeys(("train", "validation", "test"))
    for name, part in dataset.parts.items():
        at_once = rows_at_once(outcome.n_values)
        pieces = [slice(i, i + at_once) for i in range(0, len(part), at_once)]
        judged = [outcome.judged(part.truth[s], predict(network, part.X[s])) for s in pieces]
        metrics[name] = outcome.score(part.truth, np.concatenate(judged))
    if out_of_fold is not None:
        truth = out_of_fold.truth
        metrics["validation"] = outcome.score(truth, outcome.judged(truth, out_of_fold.y_hat))
    return dataclasses.replace(model, metrics=metrics)


def _summary(output: str, model: Model, result: Result) -> Summary:
    """Return how the run ended; `output` is the model's name."""
    losses = [(r.train_loss, r.validation_loss) for r in result.records]
    return Summary(
        model=output,
        task=model.task,
        n_parameters=model.network.architecture.n_parameters,
        epochs=len(result.records),
        best_epoch=result.best_epoch,
        stopped_early=result.stopped_early,
        interrupted=result.interrupted,
        seconds=result.seconds,
        rows_per_second=result.rows_per_second,
        metrics={name: _scalars(of_part) for name, of_part in model.metrics.items()},
        train_loss=[train for train, _ in losses],
        validation_loss=[validation for _, validation in losses if validation is not None],
        penalty=model.network.reported_penalty(),
        diverged=result.failure is not None,
        best_epochs=result.best_epochs,
    )


def _scalars(metrics: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Leave out what no table cell holds."""
    if metrics is None:
        return None
    return {k: v for k, v in metrics.items() if not isinstance(v, list | dict)}
