"""The production loop for tests and benchmarks: put together as a run does, without its files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnfit.nn.network import Network
from nnfit.nn.optimizers import Optimizer
from nnfit.nn.schedules import Schedule
from nnfit.observer import Observer
from nnfit.training.examples import Examples
from nnfit.training.fit import Fit
from nnfit.training.gradients import Alone, Gradients
from nnfit.training.judge import Judge
from nnfit.training.learners import Learner, Learners
from nnfit.training.state import Settings, Sizes, State
from nnfit.training.stop import StopRequest
from nnfit.training.streams import stream


def make_fit(
    network: Network,
    optimizer: Optimizer,
    settings: Settings,
    train: Examples,
    validation: Examples | None = None,
    *,
    schedule: Schedule | None = None,
    gradients: Gradients | None = None,
    seed: int = 0,
    metric: Callable[[NDArray[Any]], float] = lambda y_hat: 0.0,
    observer: Observer | None = None,
    stop: StopRequest | None = None,
) -> Fit:
    """Return the loop over `train`, before its first step; `seed` orders and drops out."""
    dropout: np.random.Generator = stream(seed, "dropout")
    learners = Learners(
        network, [Learner(gradients or Alone(network, dropout), optimizer, slice(None))]
    )
    state = State(
        learners,
        schedule or Schedule("constant", settings.epochs),
        settings,
        sizes=Sizes.of(settings, train, len(train), 0 if validation is None else len(validation)),
        shuffling=stream(seed, "shuffling"),
        dropout=[dropout],
    )
    return Fit(
        learners,
        state,
        settings,
        train,
        judge=Judge(network, train, validation, metric),
        observer=observer or Observer(),
        stop=stop or StopRequest(),
    )
