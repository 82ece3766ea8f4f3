"""What a run is told, and the sizes that follow from it; nothing of it changes on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nnfit.training.examples import Examples

WINDOW_BYTES = 2**20  # rows gathered at once: they should stay in the second-level cache


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The part of the config that the loop itself needs."""

    epochs: int
    batch_size: int
    learning_rate: float
    patience: int | None = None
    clip_norm: float | None = None
    rollback: bool = False  # where the loss diverges, instead of an error
    checkpoint_seconds: float = math.inf
    keep_trajectory: bool = False


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much there is, and what an epoch's rows are cut into; all but `epochs` are rows."""

    epochs: int
    train: int
    validation: int  # 0: none are held out
    batch: int
    window: int  # whole minibatches, unless the rows end

    @classmethod
    def of(cls, settings: Settings, train: Examples, validation: Examples | None) -> Sizes:
        """Return the sizes of a run over these rows."""
        batch = min(settings.batch_size, len(train))
        steps = max(1, WINDOW_BYTES // (train.X.itemsize * train.X.shape[1] * batch))
        return cls(
            epochs=settings.epochs,
            train=len(train),
            validation=0 if validation is None else len(validation),
            batch=batch,
            window=min(steps * batch, len(train)),
        )

    def steps(self, rows: int) -> int:
        """Return the number of the epoch's step that ends with its row `rows`, counted from 1."""
        return math.ceil(rows / self.batch)
