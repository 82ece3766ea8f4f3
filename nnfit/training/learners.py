"""Who takes the steps along the gradients: one network, or members that know nothing of each other.

Members are as many networks of one architecture. Small ones are worked out together, a product for
all; each of the larger is a learner of its own, and learners go ahead side by side, a thread each,
from one look at the clock to the next. How they are put together depends on sizes alone, so that
the bits do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import numpy as np

from nnfit.nn.architecture import Architecture
from nnfit.nn.arrays import Array
from nnfit.nn.network import Network
from nnfit.nn.optimizers import Optimizer, clip_norm
from nnfit.training.examples import Examples, Members
from nnfit.training.gradients import Gradients

SMALL_STEP = 10**6  # weights x rows of a member's step, below which a call costs more than its work

_T = TypeVar("_T")


def learners_of(
    architecture: Architecture, batch_size: int, members: int, compiled: bool = False
) -> list[Members]:
    """Return which members each learner has: all of the small, one of the larger.

    In the compiled engine a call costs nothing, so that each has one.
    """
    small = architecture.n_parameters * batch_size < SMALL_STEP and not compiled
    if members == 1 or small:
        return [slice(None)]
    return list(range(members))


class Learner(Protocol):
    """Takes the steps of a network, which may be of some members of a larger one."""

    optimizer: Optimizer

    def rows_at_once(self, batch: int) -> int:
        """Return from how many rows it learns between two looks at the clock: whole batches."""

    def learn(
        self, rows: Examples, logits: Array, alphas: Sequence[float], batch: int, norm: float | None
    ) -> None:
        """Take a step along the gradient of each minibatch's loss, each at its own learning rate.

        The logits (..., K, N) that the steps saw are written. `norm` is the largest that the
        gradient of each member may have.
        """


class StepByStep:
    """A `Learner` that works out each step in NumPy; `gradients` fills the network's."""

    def __init__(self, gradients: Gradients, optimizer: Optimizer) -> None:
        network = gradients.network
        self.gradients, self.optimizer = gradients, optimizer
        self.parameters = network.parameters.flat.reshape(-1)
        self.gradient = network.gradient.flat.reshape(-1)
        self._of_each = self.gradient.reshape(-1, network.architecture.n_parameters)

    def rows_at_once(self, batch: int) -> int:
        return batch

    def learn(
        self, rows: Examples, logits: Array, alphas: Sequence[float], batch: int, norm: float | None
    ) -> None:
        if len(alphas) == 1:
            logits[...] = self.step(rows, alphas[0], norm)
            return
        for k, alpha in enumerate(alphas):
            some = slice(k * batch, (k + 1) * batch)
            logits[..., some] = self.step(rows[some], alpha, norm)

    def step(self, batch: Examples, alpha: float, norm: float | None) -> Array:
        """Step along the gradient of the batch's loss; return the logits that it saw."""
        logits = self.gradients.differentiate(batch)
        if norm is not None:
            for gradient in self._of_each:
                clip_norm(gradient, norm)
        self.optimizer.step(self.parameters, self.gradient, alpha)
        return logits


class Learners:
    """Those of one `network`, and the threads on which they go ahead.

    `each` are they, with which members each has. `own_rows` are, where members do not all train on
    all rows, each one's.
    """

    def __init__(
        self,
        network: Network,
        each: Sequence[tuple[Learner, Members]],
        n_threads: int = 1,
        own_rows: Sequence[Array] | None = None,
    ) -> None:
        self.network, self.each, self.own_rows = network, tuple(each), own_rows
        n_threads = min(n_threads, len(self.each))
        self._pool = ThreadPoolExecutor(n_threads) if n_threads > 1 else None

    @property
    def optimizers(self) -> list[Optimizer]:
        return [learner.optimizer for learner, _ in self.each]

    def order(self, n_rows: int, n: int, rng: np.random.Generator) -> Array:
        """Draw the order of an epoch's `n` rows, (n,), or (members, n) of several members."""
        members = self.network.members
        if members == 1:
            return rng.permutation(n_rows)
        own = self.own_rows or [np.arange(n_rows)] * members
        return np.stack([rows[rng.permutation(len(rows))[:n]] for rows in own])

    def map(self, work: Callable[[_T], None], items: Iterable[_T]) -> None:
        """Do the work on every item, side by side where there are threads."""

        def quietly(item: _T) -> None:
            with np.errstate(all="ignore"):  # each thread has its own setting
                work(item)

        list((map if self._pool is None else self._pool.map)(quietly, items))

    def close(self) -> None:
        """Let the threads go."""
        if self._pool is not None:
            self._pool.shutdown()
