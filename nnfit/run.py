"""One training run: a config and its data become a network, the loop runs, a model comes out.

No file is written here, and nothing is shown but through the observer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfit import __version__
from nnfit.config.reading import ConfigFile
from nnfit.dataset import Dataset, count_kinds, prepare
from nnfit.errors import Interrupted
from nnfit.model import Model, score
from nnfit.nn.arrays import Array
from nnfit.nn.inference import predict
from nnfit.nn.network import Architecture, Network
from nnfit.nn.optimizers import make_optimizer
from nnfit.nn.schedules import Schedule
from nnfit.observer import Observer, Plan, Summary
from nnfit.training.fit import Fit, Result, Settings, network_rows
from nnfit.training.history import to_arrays
from nnfit.training.shards import Shards, n_parts
from nnfit.training.stop import StopRequest
from nnfit.training.threads import blas_threads, choose_threads

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """A trained model and how its training went."""

    model: Model
    summary: Summary

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
) -> Run:
    """Train as `file` says; `output` is only named in what the observer hears.

    Parameters
    ----------
    stop : StopRequest, optional
        Entered around the loop: signals then end it after the current minibatch.

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
    observer.started(_plan(file, dataset, network, output, batch_size, threads))
    with (
        blas_threads(1 if parts > 1 else threads),
        _shards(file, network, parts, threads, observer) as shards,
    ):
        result = _fit(file, dataset, network, batch_size, streams, observer, stop, shards)
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
    )
    return Run(model, summary)


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
    stop: StopRequest | None,
    shards: Shards | None,
) -> Result:
    """Run the training loop; the network then holds the best weights."""
    config = file.config
    optimizer, training = config.optimizer, config.training
    parts = {
        name: network_rows(part.X, part.Y, part.weights, network)
        for name, part in dataset.parts.items()
        if name != "test"
    }
    validation = dataset.parts.get("validation")

    def metric(y_hat: Array) -> float:
        assert validation is not None
        if dataset.labels is not None:
            codes = y_hat.argmax(axis=1) if y_hat.shape[1] > 1 else y_hat[:, 0] > 0.5
            return float((codes == validation.truth).mean())
        assert dataset.scaler is not None
        errors = dataset.scaler.decode(y_hat) - validation.truth
        return float(np.sqrt((errors**2).mean(axis=0)).mean())

    fit = Fit(
        network,
        make_optimizer(
            optimizer.name,
            network.is_weight,
            optimizer.weight_decay,
            optimizer.momentum,
            optimizer.nesterov,
        ),
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
            training.keep_path,
        ),
        parts["train"],
        parts.get("validation"),
        shuffling=streams["shuffling"],
        dropout=streams["dropout"],
        metric=metric,
        observer=observer,
        stop=stop or StopRequest(),
        shards=shards,
    )
    if stop is None:
        result = fit.run()
    else:
        with stop:
            result = fit.run()
    if stop is not None and result.interrupted and not result.records:
        raise Interrupted(
            "stopped before the first epoch ended; no model was written", stop.exit_code
        )
    return result


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
        y_hat = predict(model.network, part.X)
        found = model.probabilities(y_hat) if model.labels is not None else model.values(y_hat)
        metrics[name] = score(model, part.truth, found)
    return metrics


def _scalars(metrics: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Leave out what no table cell holds."""
    if metrics is None:
        return None
    return {k: v for k, v in metrics.items() if not isinstance(v, list | dict)}


def _plan(
    file: ConfigFile,
    dataset: Dataset,
    network: Network,
    output: str,
    batch_size: int,
    threads: int,
) -> Plan:
    """Return what was decided, for the start panel."""
    config, architecture = file.config, network.architecture
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
        activations=(*architecture.activations, architecture.output_activation),
        loss=dataset.loss,
        n_parameters=architecture.n_parameters,
        optimizer=optimizer,
        epochs=config.training.epochs,
        batch_size=batch_size,
        dtype=network.dtype.name,
        threads=threads,
        metric="accuracy" if dataset.labels is not None else "rmse",
        decided=dataset.notes,
    )
