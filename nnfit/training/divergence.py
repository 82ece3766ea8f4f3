"""When a run has lost its way, and the error that says so.

A loss that is not finite is found where it is worked out; here is one that grew and stays.
"""

from __future__ import annotations

import math

from nnfit.errors import TrainingError

GROWTH = 1000.0  # times the lowest training loss so far is high, if above the first epoch's too
FLOOR = 1e-12  # a loss as low as this is 0, of which everything is a multiple
STAYS_EPOCHS, STAYS_STEPS = 3, 100  # high for at least so many of both: a spike passes
MAX_ROLLBACKS = 5

ADVICE = "try a smaller optimizer.learning_rate, or set optimizer.clip_norm"
ROLLBACK = " or training.on_divergence: rollback"


class Diverged(TrainingError):
    """`what` happened, in epoch `epoch`, in its step `step`, at the rate `learning_rate`."""

    def __init__(self, what: str, epoch: int, step: int, learning_rate: float) -> None:
        self.what = f"{what} in epoch {epoch}, step {step} (learning_rate={learning_rate:g})"
        super().__init__(f"{self.what}; {ADVICE}{ROLLBACK}")


def is_high(loss: float, lowest: float, first: float) -> bool:
    """Return whether an epoch's training loss is far above the lowest so far and the first.

    A network that has forgotten all it learned is still no worse than in its first epoch. A
    loss below 0, a negative log-likelihood, has no multiples: there the first epoch's distance
    from the lowest counts, or one nat.
    """
    if lowest < 0.0:
        return loss - lowest > GROWTH * max(first - lowest, 1.0)
    return loss > GROWTH * max(lowest, FLOOR) and loss > first


def epochs_to_stay(steps: int) -> int:
    """Return for how many epochs of `steps` steps a loss is high before that is divergence."""
    return max(STAYS_EPOCHS, math.ceil(STAYS_STEPS / steps))
