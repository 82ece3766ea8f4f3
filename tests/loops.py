"""The production loop for tests and benchmarks: put together as a run does, without its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnfit.nn.network import Network
from nnfit.nn.optimizers import Optimizer
from nnfit.nn.schedules import Schedule
from nnfit.observer import Observer
from nnfit.training.examples import Examples
from nnfit.training.fit import Fit
from nnfit.training.gradients import Alone, Gradients
from nnfit.training.judge import FoldJudge, Judge
from nnfit.training.learners import Learners, StepByStep
from nnfit.training.state import Settings, Sizes, State
from nnfit.training.stop import StopRequest
from nnfit.training.streams import stream

OfMembers: TypeAlias = tuple[Learners, Sequence[np.random.Generator]]  # with dropout's streams


def learners_of_members(
    network: Network,
    make: Callable[[NDArray[Any]], Optimizer],
    *,
    alone: bool = False,
    folds: NDArray[Any] | None = None,
    seed: int = 0,
    threads: int = 2,
) -> OfMembers:
    """Return what takes the members' steps: one learner of all, or one of each `alone`.

    `make` makes an optimizer of what `is_weight`; member i has no rows of fold i.
    """
    each, streams = [], [stream(seed, "dropout", i) for i in range(network.members)]
    for of in range(network.members) if alone else [slice(None)]:
        some = network.member(of) if alone else network
        optimizer = make(np.tile(network.is_weight, some.members))
        of_some = streams if isinstance(of, slice) else [streams[of]]
        each.append((StepByStep(Alone(some, *of_some), optimizer), of))
    own = None
    if folds is not None:
        own = [np.flatnonzero(folds != i) for i in range(network.members)]
    return Learners(network, each, threads, own), streams


def make_fit(
    network: Network,
    optimizer: Optimizer,
    settings: Settings,
    train: Examples,
    validation: Examples | None = None,
    *,
    schedule: Schedule | None = None,
    gradients: Gradients | None = None,
    of_members: OfMembers | None = None,
    folds: NDArray[Any] | None = None,
    judged: Network | None = None,
    seed: int = 0,
    metric: Callable[[NDArray[Any]], float] = lambda y_hat: 0.0,
    member_metric: Callable[[NDArray[Any], Any], float] | None = None,
    observer: Observer | None = None,
    stop: StopRequest | None = None,
) -> Fit:
    """Return the loop over `train`, before its first step; `seed` orders and drops out.

    Of several members, `of_members` takes the steps, and with `folds` (N,) each is judged by the
    rows of its number.
    """
    if of_members is None:
        streams = [stream(seed, "dropout", i) for i in range(network.members)]
        one = StepByStep(gradients or Alone(network, *streams), optimizer)
        of_members = Learners(network, [(one, slice(None))]), streams
    learners, dropout = of_members
    n_rows = min(map(len, learners.own_rows or [train]))
    judging = train if folds is not None else validation
    judge = Judge(judged or network, train, validation, metric, member_metric)
    if folds is not None:
        judge = FoldJudge(judged or network, learners, train, folds, metric, member_metric)
    state = State(
        learners,
        schedule or Schedule("constant", settings.epochs),
        settings,
        sizes=Sizes.of(settings, train, n_rows, len(judging or ())),
        shuffling=stream(seed, "shuffling"),
        dropout=dropout,
    )
    return Fit(
        learners,
        state,
        settings,
        train,
        judge=judge,
        observer=observer or Observer(),
        stop=stop or StopRequest(),
    )
