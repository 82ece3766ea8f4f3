"""The networks that are timed, with data and first weights that every peer gets alike.

Nothing here knows of a library; NumPy alone draws the numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

LEARNING_RATE = 1e-3
ORDER_SEED = 7  # of the order of the rows, drawn alike by every peer
PROOF_STEPS = 50
PROOF_EPOCHS = 2  # more, over fewer rows, would fit them until gradients are rounding alone
# The largest batch of a proof: in float32 a unit whose z lies within rounding of 0 may be on in one
# library and off in another, and Adam makes a full step even of the smallest gradient: the fewer z,
# the rarer that is.
PROOF_BATCH = {"float64": 256, "float32": 4}
PROOF_WORK = 3 * 10**8  # weights x rows of a step: 50 of them take seconds


@dataclass(frozen=True)
class Shape:
    """A network, its batch and as many rows as make an epoch; hidden layers are ReLU.

    `peak_threads` is the thread count whose sgemm peak the share is taken of, None where the
    step is too small for a share to mean anything.
    """

    name: str
    sizes: tuple[int, ...]
    batch_size: int
    n_rows: int
    loss: str
    peak_threads: int | None

    @property
    def full_batch(self) -> bool:
        """Whether a step takes all rows, so that no order matters."""
        return self.batch_size == self.n_rows

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Shape:
        """Return the shape whose fields came as JSON."""
        return cls(**{**told, "sizes": tuple(told["sizes"])})

    @property
    def n_weights(self) -> int:
        return sum(a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False))

    @property
    def gemm_flops(self) -> int:
        """Operations of the matrix products of one step, without dX of the first layer."""
        return 2 * self.batch_size * (3 * self.n_weights - self.sizes[0] * self.sizes[1])

    @property
    def title(self) -> str:
        """The widths and the batch, as in 64-128-64-10 B64."""
        return f"{'-'.join(map(str, self.sizes))} B{self.batch_size}"


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("tiny", (2, 16, 1), 32, 4096, "binary_cross_entropy", None),
        Shape("digits", (64, 128, 64, 10), 64, 1792, "cross_entropy", 1),
        Shape("mnist", (784, 256, 128, 10), 128, 2560, "cross_entropy", 2),
        Shape("tab", (30, 256, 256, 256, 1), 256, 5120, "binary_cross_entropy", 2),
        Shape("large", (784, 2048, 2048, 10), 512, 2048, "cross_entropy", 2),
        Shape("full", (20, 64, 64, 1), 10_000, 10_000, "mse", 2),
    )
}


def proof_of(shape: Shape, dtype: str) -> tuple[Shape, int]:
    """Return the shape with rows for all steps, each epoch's last one short, and the epochs.

    Gradient descent keeps its one step an epoch.
    """
    if shape.full_batch:
        return shape, PROOF_STEPS
    batch = min(shape.batch_size, PROOF_BATCH[dtype], PROOF_WORK // shape.n_weights)
    rows = (PROOF_STEPS // PROOF_EPOCHS - 1) * batch + batch // 2
    return dataclasses.replace(shape, batch_size=batch, n_rows=rows), PROOF_EPOCHS


def make_rows(shape: Shape, n_rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return X (N, D) and Y (N, K), float64; classes are one-hot.

    The targets follow a random linear map with noise: learnable, never fitted exactly.
    """
    rng = np.random.default_rng(1)
    n_rows = n_rows or shape.n_rows
    X = rng.standard_normal((n_rows, shape.sizes[0]))
    signal = X @ rng.standard_normal((shape.sizes[0], shape.sizes[-1]))
    signal /= np.sqrt(shape.sizes[0])
    signal += 0.5 * rng.standard_normal(signal.shape)
    if shape.loss == "mse":
        return X, signal
    if shape.loss == "binary_cross_entropy":
        return X, (signal > 0.0).astype(float)
    return X, np.eye(shape.sizes[-1])[signal.argmax(axis=1)]


def first_weights(shape: Shape) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return each layer's W (outputs, inputs), He et al. 2015, and b, small and not zero."""
    rng = np.random.default_rng(2)
    return [
        (rng.standard_normal((n_out, n_in)) * np.sqrt(2.0 / n_in), 0.1 * rng.standard_normal(n_out))
        for n_in, n_out in zip(shape.sizes, shape.sizes[1:], strict=False)
    ]
