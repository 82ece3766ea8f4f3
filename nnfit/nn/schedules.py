"""Learning rates over time, as a factor of the configured rate.

Time is counted in epochs and moves on with every step, so that a schedule does not depend on
the batch size; a step's rate is the one at its middle, so that no step has the rate 0. Plateau
alone looks at the validation loss.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field

ONE_CYCLE_RISE = 0.3  # share of the run that rises; after Smith & Topin 2019
ONE_CYCLE_START, ONE_CYCLE_END = 1 / 25, 1 / 10_000  # of the configured rate, its peak


@dataclass
class Schedule:
    """The factor at each moment of a run of `epochs` epochs.

    `factor` and `every` are the config's schedule_factor and schedule_epochs, None for the
    schedule's own, which are in `names`.
    """

    name: str
    epochs: int
    _: KW_ONLY
    warmup_epochs: int = 0
    factor: float | None = None
    every: int | None = None
    plateau_factor: float = field(default=1.0, init=False)
    _best: float = field(default=math.inf, init=False)
    _waited: int = field(default=0, init=False)

    @property
    def stays(self) -> bool:
        """Whether the factor is the same all through an epoch."""
        return self.name in ("constant", "plateau") and not self.warmup_epochs

    def at(self, time: float) -> float:
        """Return the factor at `time` epochs after the start, 0 <= time < epochs.

        During warm-up the factor rises linearly to 1; the schedule follows in the time left.
        """
        if time < self.warmup_epochs:
            return time / self.warmup_epochs
        if self.name in ("constant", "plateau"):
            return self.plateau_factor
        length = self.epochs - self.warmup_epochs
        time -= self.warmup_epochs
        done = time / length
        if self.name == "cosine":  # Loshchilov & Hutter 2017, no restarts
            return _cosine(1.0, 0.0, done)
        if self.name == "coslog4":  # Holzmüller, Grinsztajn & Steinwart 2024
            return 0.5 * (1.0 - math.cos(2.0 * math.pi * math.log2(1.0 + 15.0 * done)))
        if self.name == "flat_cos":
            return _cosine(1.0, 0.0, max(0.0, 2.0 * done - 1.0))
        if self.name == "step":
            every = self.every or max(1, math.ceil(length / 3))
            return float((self.factor or 0.1) ** math.floor(time / every))
        if self.name == "exponential":
            return float((self.factor or 0.01 ** (1 / length)) ** time)
        assert self.name == "one_cycle", self.name
        if done < ONE_CYCLE_RISE:
            return _cosine(ONE_CYCLE_START, 1.0, done / ONE_CYCLE_RISE)
        fall = (done - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE)
        return _cosine(1.0, ONE_CYCLE_END, fall)

    def end_epoch(self, validation_loss: float | None) -> None:
        """Hear the epoch's validation loss; only plateau acts on it."""
        if self.name != "plateau" or validation_loss is None:
            return
        if validation_loss < self._best:
            self._best, self._waited = validation_loss, 0
            return
        self._waited += 1
        if self._waited >= (self.every or 10):
            self.plateau_factor *= self.factor or 0.5
            self._waited = 0


def _cosine(start: float, end: float, done: float) -> float:
    """Return the value `done` of the way from `start` to `end` along half a cosine."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * done))
