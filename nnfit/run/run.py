"""One training run: a config and its data become a network, the loop runs, a model comes out.

No file is written here but a checkpoint, and nothing is shown but through the observer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfit import __version__
from nnfit.config.reading import ConfigFile
from nnfit.dataset.dataset import Dataset, prepare
from nnfit.dataset.outcome import Outcome
from nnfit.errors import Interrupted, TrainingError
from nnfit.model.model import Model
from nnfit.nn import compiled
from nnfit.nn.inference import predict
from nnfit.nn.network import Architecture, Network
from nnfit.nn.optimizers import Optimizer, make_optimizer
from nnfit.nn.schedules import Schedule
from nnfit.observer import Observer, Summary
from nnfit.run.checkpoint import Checkpoint
from nnfit.run.checkpoint.fingerprint import fingerprint
from nnfit.run.plan import make_plan
from nnfit.training.fit import Fit
from nnfit.training.history import to_arrays
from nnfit.training.parts import Result, Settings, judged_rows, network_rows
from nnfit.training.shards import Shards, n_parts
from nnfit.training.stop import StopRequest
from nnfit.training.threads import blas_threads, choose_threads

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
        s = self.summary
        return {
            "model": s.model,
            "task": s.task,
            "n_parameters": s.n_parameters,
            "epochs": s.epochs,
            "best_epoch": s.best_epoch,
            "stopped_early": s.stopped_early,
            "seconds": s.seconds,
            "rows_per_second": s.rows_per_second,
            "metrics": s.metrics,
        }


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
    config = file.config
    streams = random_streams(config.seed)
    dataset = prepare(file, frame, streams["split"], observer)
    network = build_network(file, dataset, np.dtype(config.training.dtype))
    network.initialize(config.model.initialization, streams["initialization"])
    train_part = dataset.parts["train"]
    size = config.training.batch_size
    batch_size = len(train_part) if size == "full" else min(size, len(train_part))
    parts = n_parts(network.architecture, batch_size)
    threads = choose_threads(config.training.threads, parts)
    n_blas = 1 if parts > 1 else threads
    with (
        blas_threads(n_blas),
        _shards(file, network, parts, threads, observer) as shards,
    ):
        fit = _fit(
            file, dataset, network, batch_size, streams, observer, stop or StopRequest(), shards
        )
        if checkpoint is not None:
            checkpoint.attach(fit, lambda: fingerprint(file, dataset, n_blas))
        plan = make_plan(file, dataset, network, output, batch_size, threads)
        with fit.stop if stop is not None else nullcontext():
            observer.started(plan)
            result = fit.run()
        if not result.best_epoch:
            raise _nothing_kept(result, fit.stop)
        model = _model(file, dataset, network, result)
        metrics = _metrics(model, dataset)
    model = dataclasses.replace(model, metrics=metrics)
    validation = [r.validation_loss for r in result.records if r.validation_loss is not None]
    summary = Summary(
        model=output,
        task=dataset.task,
        n_parameters=network.architecture.n_parameters,
        epochs=len(result.records),
        best_epoch=result.best_epoch,
        stopped_early=result.stopped_early,
        interrupted=result.interrupted,
        seconds=result.seconds,
        rows_per_second=result.rows_per_second,
        metrics={name: _scalars(part) for name, part in metrics.items()},
        train_loss=[r.train_loss for r in result.records],
        validation_loss=validation,
        diverged=result.failure is not None,
    )
    return Run(model, summary, result.failure)


def _shards(
    file: ConfigFile, network: Network, parts: int, threads: int, observer: Observer
) -> AbstractContextManager[Shards | None]:
    """Return what works out the gradients of large batches, or nothing."""
    if parts == 1:
        return nullcontext()
    return Shards(network, parts, threads, file.config.training.threads == "auto", observer)


def random_streams(seed: int) -> dict[str, np.random.Generator]:
    """Return one generator for each use, so that none depends on how much another draws."""
    names = ("split", "initialization", "shuffling", "dropout")
    seeds = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(s) for name, s in zip(names, seeds, strict=True)}


def build_network(file: ConfigFile, dataset: Dataset, dtype: Any) -> Network:
    """Return the network that the config describes for this data, all parameters 0."""
    model = file.config.model
    names = model.activation
    if isinstance(names, str):
        names = (names,) * len(model.hidden_sizes)
    architecture = Architecture(
        (dataset.encoder.n_inputs, *model.hidden_sizes, dataset.n_outputs),
        tuple(names),
        dataset.loss,
        dataset.output_activation,
        model.bias,
        model.dropout,
        file.config.optimizer.l2,
    )
    return Network(architecture, dtype)


def _fit(
    file: ConfigFile,
    dataset: Dataset,
    network: Network,
    batch_size: int,
    streams: Mapping[str, np.random.Generator],
    observer: Observer,
    stop: StopRequest,
    shards: Shards | None,
) -> Fit:
    """Return the training loop, before its first step."""
    config = file.config
    optimizer, training = config.optimizer, config.training
    parts = {
        name: network_rows(part.X, part.Y, part.weights, network)
        for name, part in dataset.parts.items()
        if name != "test"
    }
    truth = dataset.parts["validation" if "validation" in parts else "train"].truth
    if "validation" not in parts:
        truth = truth[judged_rows(len(truth))]
    outcome = Outcome.of(network, dataset.targets, dataset.labels, dataset.scaler)
    steps = training.epochs * -(-len(parts["train"]) // batch_size)
    return Fit(
        network,
        _optimizer(file, network, steps, observer),
        Schedule(
            optimizer.schedule,
            training.epochs,
            optimizer.warmup_epochs,
            optimizer.schedule_factor,
            optimizer.schedule_epochs,
        ),
        Settings(
            training.epochs,
            batch_size,
            optimizer.learning_rate,
            training.patience,
            optimizer.clip_norm,
            training.on_divergence == "rollback",
            training.checkpoint_seconds,
            training.keep_path,
        ),
        parts["train"],
        parts.get("validation"),
        shuffling=streams["shuffling"],
        dropout=streams["dropout"],
        metric=partial(outcome.shown_metric, truth),
        observer=observer,
        stop=stop,
        shards=shards,
    )


def _nothing_kept(result: Result, stop: StopRequest) -> BaseException:
    """Return why no epoch ended whose weights could be kept."""
    if result.failure is not None:
        return result.failure
    when = "with the initial weights" if result.records else "before the first epoch ended"
    return Interrupted(f"stopped {when}; no model was written", stop.exit_code)


def _optimizer(file: ConfigFile, network: Network, steps: int, observer: Observer) -> Optimizer:
    """Return the update rule, compiled where that pays: the bits are the same."""
    config = file.config.optimizer
    rule = make_optimizer(
        config.name, network.is_weight, config.weight_decay, config.momentum, config.nesterov
    )
    if compiled.pays(rule, steps, network.architecture.n_parameters):
        observer.note("the update is compiled")
        return compiled.CompiledAdam(network.is_weight, config.weight_decay)
    return rule


def _model(file: ConfigFile, dataset: Dataset, network: Network, result: Result) -> Model:
    """Return the model, its metrics still to come."""
    config = file.config.model_dump(mode="json")
    del config["output"]  # where the file lies must not change its bytes
    return Model(
        encoder=dataset.encoder,
        network=network,
        targets=dataset.targets,
        labels=dataset.labels,
        scaler=dataset.scaler,
        config=config,
        training={
            "epochs": len(result.records),
            "best_epoch": result.best_epoch,
            "stopped_early": result.stopped_early,
            "rows": {name: len(part) for name, part in dataset.parts.items()},
        },
        history=to_arrays(result.records),
        path=result.path,
        version=__version__,
    )


def _metrics(model: Model, dataset: Dataset) -> dict[str, dict[str, Any] | None]:
    """Score the parts with the weights that were kept."""
    metrics: dict[str, dict[str, Any] | None] = dict.fromkeys(("train", "validation", "test"))
    for name, part in dataset.parts.items():
        found = model.outcome.found(predict(model.network, part.X))
        metrics[name] = model.outcome.score(part.truth, found)
    return metrics


def _scalars(metrics: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Leave out what no table cell holds."""
    if metrics is None:
        return None
    return {k: v for k, v in metrics.items() if not isinstance(v, list | dict)}
