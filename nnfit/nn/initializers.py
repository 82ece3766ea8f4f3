"""Initial weights. Biases start at 0."""

from __future__ import annotations

import numpy as np

from nnfit.nn.arrays import Array


def draw_weights(shape: tuple[int, int], initialization: str, rng: np.random.Generator) -> Array:
    """Return float64 weights (outputs, inputs); `names` has the variances and their sources."""
    outputs, inputs = shape
    if initialization == "he":
        return rng.normal(0.0, np.sqrt(2.0 / inputs), shape)
    if initialization == "lecun":
        return rng.normal(0.0, np.sqrt(1.0 / inputs), shape)
    if initialization == "glorot":
        limit = np.sqrt(6.0 / (inputs + outputs))
        return rng.uniform(-limit, limit, shape)
    assert initialization == "zeros", initialization
    return np.zeros(shape)
