"""What a config says of a network and its training, built for the data; nothing is trained here."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from nnfit.config.reading import ConfigFile
from nnfit.dataset.dataset import Dataset
from nnfit.dataset.outcome import Outcome
from nnfit.model.model import Model
from nnfit.nn import compiled
from nnfit.nn.architecture import Architecture
from nnfit.nn.losses import smoothed
from nnfit.nn.network import Network
from nnfit.nn.optimizers import Optimizer, make_optimizer
from nnfit.nn.rates import rate_factors
from nnfit.nn.schedules import Schedule
from nnfit.observer import Observer
from nnfit.training.examples import judged_rows, network_rows
from nnfit.training.fit import Fit
from nnfit.training.gradients import Alone, Gradients, Shards, n_shards
from nnfit.training.judge import Judge
from nnfit.training.state import Settings, Sizes, State
from nnfit.training.stop import StopRequest
from nnfit.training.streams import stream
from nnfit.training.threads import choose_threads


@dataclass(frozen=True)
class Workload:
    """How large a step is, and how it is shared among the cores."""

    batch_size: int
    shards: int  # 1: the batch is not cut
    threads: int

    @classmethod
    def of(cls, file: ConfigFile, dataset: Dataset, network: Network) -> Workload:
        """Return what the config and the sizes make of it."""
        training, n_rows = file.config.training, len(dataset.parts["train"])
        size = training.batch_size
        batch_size = n_rows if size == "full" else min(size, n_rows)
        shards = n_shards(network.architecture, batch_size)
        return cls(batch_size, shards, choose_threads(training.threads, shards))

    @property
    def blas_threads(self) -> int:
        """The threads of each matrix product, on which its last bits depend."""
        return 1 if self.shards > 1 else self.threads


def build_network(file: ConfigFile, dataset: Dataset, dtype: Any) -> Network:
    """Return the network that the config describes for this data, initialised."""
    config, model = file.config, file.config.model
    names = model.activation
    if isinstance(names, str):
        names = (names,) * len(model.hidden_sizes)
    architecture = Architecture(
        (dataset.encoding.encoder.n_inputs, *model.hidden_sizes, dataset.n_outputs),
        tuple(names),
        dataset.loss,
        output_activation=model.output_activation,
        bias=model.bias,
        dropout=model.dropout,
        l2=config.optimizer.l2,
        input_scale=model.input_scale,
        parametric_activation=model.parametric_activation,
    )
    network = Network(architecture, dtype)
    method = model.initialization
    if method == "auto" and model.parametrization == "ntk":
        method = "lecun"
    network.initialize(
        method,
        stream(config.seed, "initialization"),
        output=model.output_initialization,
        bias=model.bias_initialization,
    )
    return network


def untrained_model(file: ConfigFile, dataset: Dataset, network: Network) -> Model:
    """Return the model of `network` as it is, with what the dataset taught and nothing else."""
    return Model(
        encoder=dataset.encoding.encoder,
        network=network,
        targets=dataset.targets,
        labels=dataset.labels,
        scaler=dataset.encoding.scaler,
        config=file.config.model_dump(mode="json"),
    )


def make_gradients(
    file: ConfigFile,
    network: Network,
    workload: Workload,
    dropout: np.random.Generator,
    observer: Observer,
) -> AbstractContextManager[Gradients]:
    """Return what works out the gradients of batches of this size."""
    if workload.shards == 1:
        return nullcontext(Alone(network, dropout))
    probe = file.config.training.threads == "auto"
    return Shards(
        network, workload.shards, n_threads=workload.threads, probe=probe, observer=observer
    )


def build_fit(
    file: ConfigFile,
    dataset: Dataset,
    gradients: Gradients,
    workload: Workload,
    dropout: np.random.Generator,
    observer: Observer,
    stop: StopRequest,
) -> Fit:
    """Return the training loop, before its first step; `dropout` is the stream of `gradients`."""
    network, rule = gradients.network, file.config.optimizer
    rows = {
        name: network_rows(part.X, part.Y, part.weights, network)
        for name, part in dataset.parts.items()
        if name != "test"
    }
    train, validation = rows["train"], rows.get("validation")
    if smoothing := file.config.training.label_smoothing:
        train = replace(train, Y=smoothed(train.Y, smoothing))
    settings = _settings(file, workload)
    sizes = Sizes.of(settings, train, validation)
    steps = sizes.epochs * sizes.steps(sizes.train)
    schedule = Schedule(
        rule.schedule,
        sizes.epochs,
        warmup_epochs=rule.warmup_epochs,
        factor=rule.schedule_factor,
        every=rule.schedule_epochs,
    )
    state = State(
        network,
        _optimizer(file, network, steps, observer),
        schedule,
        settings,
        sizes=sizes,
        shuffling=stream(file.config.seed, "shuffling"),
        dropout=dropout,
    )
    truth = dataset.parts["train" if validation is None else "validation"].truth
    if validation is None:
        truth = truth[judged_rows(len(truth))]
    outcome = Outcome.of(network, dataset.targets, dataset.labels, dataset.encoding.scaler)
    judge = Judge(network, train, validation, partial(outcome.shown_metric, truth))
    return Fit(gradients, state, settings, train, judge=judge, observer=observer, stop=stop)


def _settings(file: ConfigFile, workload: Workload) -> Settings:
    """Return what the loop needs of the config."""
    optimizer, training = file.config.optimizer, file.config.training
    return Settings(
        epochs=training.epochs,
        batch_size=workload.batch_size,
        learning_rate=optimizer.learning_rate,
        patience=training.patience,
        clip_norm=optimizer.clip_norm,
        rollback=training.on_divergence == "rollback",
        checkpoint_seconds=training.checkpoint_seconds,
        keep_trajectory=training.keep_path,
        record_steps=training.record_steps,
    )


def _optimizer(file: ConfigFile, network: Network, steps: int, observer: Observer) -> Optimizer:
    """Return the update rule, compiled where that pays: the bits are the same."""
    config = file.config.optimizer
    architecture, is_ntk = network.architecture, file.config.model.parametrization == "ntk"
    factors = {group: getattr(config, f"{group}_rate") for group in ("bias", "scale", "activation")}
    rates = rate_factors(
        architecture.layout, factors, network.dtype, config.name if is_ntk else None
    )
    rule = make_optimizer(
        config.name, network.is_weight, config.weight_decay, config.momentum, config.nesterov,
        config.betas, rates=rates,
    )  # fmt: skip
    if compiled.pays(rule, steps, architecture.n_parameters):
        observer.note("the update is compiled")
        return compiled.CompiledAdam(
            network.is_weight, config.weight_decay, config.betas, rates=rates
        )
    return rule
