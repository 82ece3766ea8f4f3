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

from nnfit.budget import rows_at_once
from nnfit.config.reading import ConfigFile
from nnfit.config.schema import YOUNGER_KEYS
from nnfit.dataset.dataset import Dataset, prepare
from nnfit.dataset.deciding import count_kinds
from nnfit.dataset.outcome import Outcome
from nnfit.errors import Interrupted, TrainingError
from nnfit.model.file.kept import Trained
from nnfit.model.model import Model
from nnfit.nn.inference import predict
from nnfit.nn.network import Network
from nnfit.observer import Observer, Plan, Summary
from nnfit.run.building import (
    Workload,
    build_fit,
    build_network,
    make_gradients,
    untrained_model,
)
from nnfit.run.checkpoint import Checkpoint
from nnfit.run.checkpoint.fingerprint import fingerprint
from nnfit.training.fit import Result
from nnfit.training.history import to_arrays
from nnfit.training.stop import StopRequest
from nnfit.training.streams import stream
from nnfit.training.threads import blas_threads
from nnfit.version import __version__

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """A trained model and how its training went.

    `failure` is set where the loss diverged after every rollback: the model is then the best
    that there was.
    """

    model: Model
    summary: Summary
    failure: TrainingError | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what `nnfit train --json` prints."""
        names = (
            "model", "task", "n_parameters", "epochs", "best_epoch", "stopped_early", "seconds",
            "rows_per_second", "metrics",
        )  # fmt: skip
        return {name: getattr(self.summary, name) for name in names}


def train_run(
    file: ConfigFile,
    frame: pd.DataFrame | None = None,
    *,
    output: str = "",
    observer: Observer | None = None,
    stop: StopRequest | None = None,
    checkpoint: Checkpoint | None = None,
) -> Run:
    """Train as `file` says; `output` is only named in what the observer hears.

    Parameters
    ----------
    stop : StopRequest, optional
        Entered around the loop: signals then end it after the current minibatch.
    checkpoint : Checkpoint, optional
        Written while the loop runs, and gone on from.

    Raises
    ------
    NnfitError
        Interrupted when a signal came before the first epoch ended.
    """
    observer = observer or Observer()
    seed = file.config.seed
    dataset = prepare(file, frame, stream(seed, "split"), observer)
    file = dataset.file
    network = build_network(file, dataset, np.dtype(file.config.training.dtype))
    workload, dropout = Workload.of(file, dataset, network), stream(seed, "dropout")
    with (
        blas_threads(workload.blas_threads),
        make_gradients(file, network, workload, dropout, observer) as gradients,
    ):
        fit = build_fit(
            file, dataset, gradients, workload, dropout, observer, stop or StopRequest()
        )
        if checkpoint is not None:
            checkpoint.attach(fit, lambda: fingerprint(file, dataset, workload.blas_threads))
        plan = _plan(file, dataset, network, output, workload)
        with fit.stop if stop is not None else nullcontext():
            observer.started(plan)
            result = fit.run()
        if not result.best_epoch:
            raise _nothing_kept(result, fit.stop)
        model = _scored(_model(file, dataset, network, result), dataset)
    return Run(model, _summary(output, model, result), result.failure)


def _plan(
    file: ConfigFile, dataset: Dataset, network: Network, output: str, workload: Workload
) -> Plan:
    """Return what was decided, for the start panel."""
    config, architecture = file.config, network.architecture
    metric = Outcome.of(network, dataset.targets, dataset.labels, dataset.encoding.scaler).metric
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
        metric=metric if "validation" in dataset.parts else f"train_{metric}",
        l2=architecture.l2,
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
    return dataclasses.replace(
        bare,
        config=_stored_config(bare.config),
        trained=Trained(
            epochs=len(result.records),
            best_epoch=result.best_epoch,
            stopped_early=result.stopped_early,
            rows={name: len(part) for name, part in dataset.parts.items()},
        ),
        history=to_arrays(result.records),
        trajectory=result.trajectory,
        steps=result.steps,
        words=dataset.words,
        fingerprints=dataset.fingerprints,
        version=__version__,
    )


def _stored_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config as the model's file has it."""
    stored = {key: dict(v) if isinstance(v, dict) else v for key, v in config.items()}
    del stored["output"]  # where the file lies must not change its bytes
    for key, nothing in YOUNGER_KEYS.items():
        section, _, name = key.rpartition(".")
        of = stored[section] if section else stored
        if of[name] == nothing:
            del of[name]
    return stored


def _scored(model: Model, dataset: Dataset) -> Model:
    """Return the model with the metrics of each part, by the weights that were kept."""
    network = model.network
    metrics: dict[str, dict[str, Any] | None] = dict.fromkeys(("train", "validation", "test"))
    for name, part in dataset.parts.items():
        at_once = rows_at_once(model.outcome.n_values)
        pieces = [slice(i, i + at_once) for i in range(0, len(part), at_once)]
        judged = [model.outcome.judged(part.truth[s], predict(network, part.X[s])) for s in pieces]
        metrics[name] = model.outcome.score(part.truth, np.concatenate(judged))
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
    )


def _scalars(metrics: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Leave out what no table cell holds."""
    if metrics is None:
        return None
    return {k: v for k, v in metrics.items() if not isinstance(v, list | dict)}
