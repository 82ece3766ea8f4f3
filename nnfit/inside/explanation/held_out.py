"""What held-out rows tell of one prediction, as formulas with their numbers."""

from __future__ import annotations

import math

from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.training.calibration import radius

SHARE = 0.9  # of the interval that is told


def told_by_held_out(model: Model, y_hat: Array) -> list[str]:
    """Return the temperature and the interval of a prediction (1, K), a sentence each."""
    held_out, last = model.held_out, len(model.network.architecture.sizes) - 1
    if held_out is None:
        return []
    sentences = []
    if (temperature := held_out.told.temperature) != 1.0:
        sentences.append(
            f"temperature T = {temperature:.4g}: W[{last}] and b[{last}] are those of training "
            f"divided by T, so ŷ = σ(z/T) of the z[{last}] that was trained; chosen by "
            f"{held_out.which}"
        )
    reach = radius(held_out.scores, held_out.told.rows, SHARE)
    if model.labels is None and reach is not None:
        place = math.ceil((held_out.told.rows + 1) * SHARE - 1e-9)
        values = model.outcome.values(y_hat)[0]
        for target, value, r in zip(model.targets, values.tolist(), reach.tolist(), strict=True):
            ends = f"{value - r:.6g} to {value + r:.6g}"
            sentences.append(
                f"{100 * SHARE:g} % interval of {target}: {value:.6g} ± {r:.4g} = {ends}; r is "
                f"number {place} of |y − ŷ| in ascending order, of {held_out.which}"
            )
    return sentences
