"""Which trials a sweep makes: all of a grid, some at random, or many of which few are gone on with.

Halving: Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter
optimization, 2016. What is asked of Optuna is in `tpe`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nnfit.config.space import Axis
from nnfit.config.sweep import SweepFile
from nnfit.many.trials import Line, Results, Trial

TRIALS = 20  # where nobody says how many
ETA = 3  # one in so many trials is gone on with, for so many times the epochs
DIGITS = 4  # of a number that is drawn
REPEATS = 1000  # draws without a new trial, after which there are no more


class Sampler:
    """Gives trials in waves.

    Attributes
    ----------
    total : int
        How many there will be, at most.
    settings : sequence of dict
        All that are known beforehand.
    goes_on : bool
        Whether a trial may be gone on with in a later wave.
    """

    goes_on = False

    def __init__(self, settings: Sequence[dict[str, Any]], total: int) -> None:
        self.settings, self.total = settings, total

    def wave(self, results: Results) -> list[Trial] | None:
        """Return the trials that come next, none at the end; asked when all before are handed out.

        None says that a result must come first.
        """
        raise NotImplementedError

    def told(self, trial: Trial, line: Line) -> None:
        """Hear what came of a trial."""


class Listed(Sampler):
    """All trials at once."""

    def __init__(self, settings: Sequence[dict[str, Any]]) -> None:
        super().__init__(settings, len(settings))
        self._waves = iter([[Trial(one) for one in settings]])

    def wave(self, results: Results) -> list[Trial] | None:
        return next(self._waves, [])


class Halving(Sampler):
    """A rung after the other: the best third of each is trained for three times as many epochs.

    Parameters
    ----------
    epochs : int
        Of a whole run; the shortest is one at least.
    """

    goes_on = True

    def __init__(self, settings: Sequence[dict[str, Any]], epochs: int) -> None:
        n, rungs = len(settings), 0
        while ETA ** (rungs + 1) <= min(n, epochs):
            rungs += 1
        self._shares = [1.0 / ETA ** (rungs - k) for k in range(rungs + 1)]
        self._sizes = [n // ETA**k for k in range(rungs + 1)]
        super().__init__(settings, sum(self._sizes))
        self._rung = -1
        self._last: list[Trial] = []

    def wave(self, results: Results) -> list[Trial] | None:
        kept = self.settings
        if self._rung >= 0:
            lines = [results.of(trial) for trial in self._last]
            there = [line for line in lines if line is not None]
            if len(there) < len(lines):
                return None
            if self._rung + 1 == len(self._shares):
                return []
            # of a trial that ended by itself the line is whole; here it competes with its rung
            there = [{**line, "share": 0.0} for line in there if line["score"] is not None]
            best = sorted(there, key=results.rank)[: self._sizes[self._rung + 1]]
            kept = [line["settings"] for line in best]
        self._rung += 1
        self._last = [Trial(one, self._shares[self._rung]) for one in kept]
        return self._last


def make_sampler(sweep: SweepFile, epochs: Callable[[Mapping[str, Any]], int]) -> Sampler:
    """Return the grid, random or halving sampler; `epochs` are those of a run with settings."""
    n, axes = sweep.config.trials, sweep.axes
    if sweep.sampler == "grid":
        return Listed(list(itertools.islice(_grid(axes), n)))
    settings = drawn(axes, sweep.grid, TRIALS if n is None else n, sweep.config.seed)
    if sweep.sampler == "random":
        return Listed(settings)
    return Halving(settings, epochs(settings[0]))


def drawn(axes: Sequence[Axis], grid: float, n: int, seed: int) -> list[dict[str, Any]]:
    """Return the settings of `n` trials, or of all the `grid` has; those of fewer are the first."""
    if n >= grid and not any(axis.law for axis in axes):
        return list(_grid(axes))
    rng = np.random.default_rng(seed)
    found: dict[str, dict[str, Any]] = {}
    repeats = 0
    while len(found) < n and repeats < REPEATS:
        settings = {axis.key: _draw(axis, rng) for axis in axes}
        repeats = repeats + 1 if Trial(settings).id in found else 0
        found.setdefault(Trial(settings).id, settings)
    return list(found.values())


def _grid(axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    """Yield every combination, the last key varying fastest."""
    keys = [axis.key for axis in axes]
    for values in itertools.product(*(axis.values for axis in axes)):
        yield dict(zip(keys, values, strict=True))


def _draw(axis: Axis, rng: np.random.Generator) -> Any:
    if not axis.law:
        return axis.values[rng.integers(len(axis.values))]
    if axis.law == "int":
        return axis.value(int(rng.integers(int(axis.low), int(axis.high), endpoint=True)))
    if axis.law == "log":
        number = math.exp(rng.uniform(math.log(axis.low), math.log(axis.high)))
    else:
        number = rng.uniform(axis.low, axis.high)
    return axis.value(short(axis, number))


def short(axis: Axis, number: float) -> float:
    """Return a number that was drawn, with few digits, within its range."""
    if axis.law == "int":
        return number
    return min(max(float(f"{number:.{DIGITS}g}"), axis.low), axis.high)
