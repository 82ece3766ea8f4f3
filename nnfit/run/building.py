"""What a config says of a network and its training, built for the data; nothing is trained here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnfit.budget import MAX_ARRAY_BYTES, MAX_UNITS
from nnfit.config.reading import ConfigFile
from nnfit.config.younger import kept
from nnfit.dataset.dataset import Dataset
from nnfit.errors import ConfigError
from nnfit.model.model import Model
from nnfit.nn.architecture import Architecture
from nnfit.nn.arrays import Array
from nnfit.nn.losses import smoothed
from nnfit.nn.network import Network
from nnfit.nn.optimizers import Optimizer, make_optimizer
from nnfit.nn.rates import rate_factors
from nnfit.nn.schedules import Schedule
from nnfit.observer import Observer
from nnfit.run.judging import make_judge
from nnfit.training.examples import Members, network_rows
from nnfit.training.fit import Fit
from nnfit.training.gradients import Alone, Gradients, Shards, n_shards
from nnfit.training.learners import Learner, Learners, StepByStep, learners_of
from nnfit.training.state import Settings, Sizes, State
from nnfit.training.stop import StopRequest
from nnfit.training.streams import stream
from nnfit.training.threads import choose_threads


@dataclass(frozen=True, kw_only=True)
class Workload:
    """How large a step is, and how it is shared among the cores."""

    own_rows: Sequence[Array] | None  # the training rows of each member, where it has its own
    n_rows: int  # that a member sees in an epoch: as many as all can
    batch_size: int
    shards: int  # 1: the batch is not cut
    members: Sequence[Members]  # those of each learner
    threads: int

    @classmethod
    def of(cls, file: ConfigFile, dataset: Dataset, network: Network) -> Workload:
        """Return what the config and the sizes make of it."""
        training, folds = file.config.training, dataset.folds
        own_rows, n_rows = None, len(dataset.parts["train"])
        if folds is not None:
            own_rows = [np.flatnonzero(folds != i) for i in range(network.members)]
            n_rows = min(map(len, own_rows))
        size = training.batch_size
        batch_size = n_rows if size == "full" else min(size, n_rows)
        engine = training.engine
        members = learners_of(
            network.architecture, batch_size, network.members, engine == "compiled"
        )
        shards = n_shards(network.architecture, batch_size) if network.members == 1 else 1
        return cls(
            own_rows=own_rows,
            n_rows=n_rows,
            batch_size=batch_size,
            shards=shards,
            members=members,
            threads=choose_threads(training.threads, max(shards, len(members))),
        )

    def steps(self, file: ConfigFile) -> int:
        """How many steps the run takes."""
        return file.config.training.epochs * -(-self.n_rows // self.batch_size)

    @property
    def blas_threads(self) -> int:
        """The threads of each matrix product, on which its last bits depend."""
        return 1 if self.shards > 1 or len(self.members) > 1 else self.threads


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
        quantiles=config.quantiles if dataset.loss == "quantile" else (),
    )
    _refuse_too_many(file, architecture, np.dtype(dtype))
    network = Network.of_zeros(architecture, dtype, model.members)
    method = model.initialization
    if method == "auto" and model.parametrization == "ntk":
        method = "lecun"
    for i in range(model.members):
        network.member(i).initialize(
            method,
            stream(config.seed, "initialization", i),
            output=model.output_initialization,
            bias=model.bias_initialization,
        )
    if dataset.loss == "poisson":  # begins with the mean count, or half a count where all are 0
        Y = dataset.parts["train"].Y
        for b in network.parameters.b[-1:]:
            b[...] = np.log(np.maximum(Y.mean(axis=0), 0.5 / len(Y)))
    return network


def _refuse_too_many(file: ConfigFile, architecture: Architecture, dtype: np.dtype[Any]) -> None:
    """Raise ConfigError where the members together are more than a model holds."""
    members, units = file.config.model.members, sum(architecture.sizes)
    most = min(MAX_UNITS // units, MAX_ARRAY_BYTES // (architecture.n_parameters * dtype.itemsize))
    if members > most:
        raise ConfigError(
            f"{file.where('model.members')}: {members} members of {units} units and "
            f"{architecture.n_parameters} parameters each are more than a model holds; expected "
            f"at most {most}. Use fewer, or narrower layers"
        )


def untrained_model(file: ConfigFile, dataset: Dataset, network: Network) -> Model:
    """Return the model of `network` as it is, with what the dataset taught and nothing else."""
    return Model(
        encoder=dataset.encoding.encoder,
        network=network,
        targets=dataset.targets,
        labels=dataset.labels,
        scaler=dataset.encoding.scaler,
        config=kept(file.config),
    )


@contextmanager
def make_learners(
    file: ConfigFile, network: Network, workload: Workload, observer: Observer
) -> Iterator[tuple[Learners, list[np.random.Generator]]]:
    """Lend what takes the steps, and the stream of each member's dropout."""
    compiled = file.config.training.engine == "compiled"
    with ExitStack() as stack:
        each: list[tuple[Learner, Members]] = []
        streams = [stream(file.config.seed, "dropout", i) for i in range(network.members)]
        for members in workload.members:
            some = network if members == slice(None) else network.member(members)
            optimizer = _optimizer(file, some)
            own = streams if isinstance(members, slice) else [streams[members]]
            gradients: Gradients | None = None
            if workload.shards > 1:
                gradients = stack.enter_context(_shards(file, some, workload, observer))
            if compiled:
                from nnfit.compiled.learner import CompiledLearner  # it needs Numba

                each.append((CompiledLearner(some, optimizer, *own, gradients=gradients), members))
            else:
                alone = gradients or Alone(some, *own)
                each.append((StepByStep(alone, optimizer), members))
        learners = Learners(network, each, workload.threads, workload.own_rows)
        stack.callback(learners.close)
        yield learners, streams


def _shards(file: ConfigFile, network: Network, workload: Workload, observer: Observer) -> Shards:
    probe = file.config.training.threads == "auto"
    return Shards(
        in_engine(file, network),
        workload.shards,
        n_threads=workload.threads,
        probe=probe,
        observer=observer,
    )


def in_engine(file: ConfigFile, network: Network) -> Network:
    """Return the network of the same parameters, in the same memory, whose passes the run takes."""
    if file.config.training.engine != "compiled":
        return network
    from nnfit.compiled.network import CompiledNetwork

    return CompiledNetwork(network.architecture, network.dtype, network.parameters.flat)


def build_fit(
    file: ConfigFile,
    dataset: Dataset,
    learners: Learners,
    workload: Workload,
    dropout: Sequence[np.random.Generator],
    observer: Observer,
    stop: StopRequest,
) -> Fit:
    """Return the training loop, before its first step; `dropout` are the members' streams."""
    network, rule = learners.network, file.config.optimizer
    rows = {
        name: network_rows(part.X, part.Y, part.weights, network)
        for name, part in dataset.parts.items()
        if name != "test"
    }
    train, validation = rows["train"], rows.get("validation")
    if smoothing := file.config.training.label_smoothing:
        train = replace(train, Y=smoothed(train.Y, smoothing))
    settings = _settings(file, workload)
    judging = train if dataset.folds is not None else validation
    sizes = Sizes.of(settings, train, workload.n_rows, len(judging or ()))
    schedule = Schedule(
        rule.schedule,
        sizes.epochs,
        warmup_epochs=rule.warmup_epochs,
        factor=rule.schedule_factor,
        every=rule.schedule_epochs,
    )
    state = State(
        learners,
        schedule,
        settings,
        sizes=sizes,
        shuffling=stream(file.config.seed, "shuffling"),
        dropout=dropout,
    )
    judge = make_judge(file, dataset, learners, in_engine(file, network), train, validation)
    return Fit(learners, state, settings, train, judge=judge, observer=observer, stop=stop)


def _settings(file: ConfigFile, workload: Workload) -> Settings:
    """Return what the loop needs of the config."""
    optimizer, training = file.config.optimizer, file.config.training
    return Settings(
        epochs=training.epochs,
        batch_size=workload.batch_size,
        learning_rate=optimizer.learning_rate,
        best=training.best,
        patience=training.patience,
        patience_factor=training.patience_factor,
        clip_norm=optimizer.clip_norm,
        rollback=training.on_divergence == "rollback",
        checkpoint_seconds=training.checkpoint_seconds,
        checkpoint_end=training.refit,
        keep_trajectory=training.keep_path,
        record_steps=training.record_steps,
    )


def _optimizer(file: ConfigFile, network: Network) -> Optimizer:
    """Return the update rule of all members."""
    config = file.config.optimizer
    architecture, is_ntk = network.architecture, file.config.model.parametrization == "ntk"
    factors = {group: getattr(config, f"{group}_rate") for group in ("bias", "scale")}
    rates = rate_factors(
        architecture.layout, factors, network.dtype, config.name if is_ntk else None
    )
    return make_optimizer(
        config.name,
        np.tile(network.is_weight, network.members),
        config.weight_decay,
        config.momentum,
        config.nesterov,
        config.betas,
        rates=None if rates is None else np.tile(rates, network.members),
    )
