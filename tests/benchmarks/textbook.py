"""The production step against the textbook's in float64: `python -m tests.benchmarks.textbook`.

The least of many short bursts is taken of each, one after the other in turn, so that a busy
neighbour slows both or neither.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from nnfit.nn.network import Architecture, Network
from nnfit.nn.optimizers import make_optimizer
from nnfit.nn.textbook import Textbook
from nnfit.training.examples import network_rows
from nnfit.training.state import Settings
from tests.loops import make_fit

Array = NDArray[Any]
ROUNDS = 25
# Sizes, batch, steps of an epoch, how many times as fast was asked for. Seen on a quiet machine
# with AVX-512: 2.9 and 2.6; with AVX2 kernels on it: 2.7 and 2.3; see docs/performance.md.
SHAPES = {
    "digits": ((64, 128, 64, 10), 64, 28, 3.0),
    "tab": ((30, 256, 256, 256, 1), 256, 6, 3.5),
}


def textbook(sizes: tuple[int, ...], X: Array, Y: Array, batch_size: int) -> Callable[[], None]:
    """Return an epoch as a textbook writes it: new arrays for everything, Adam array by array."""
    rng = np.random.default_rng(1)
    W = [
        rng.normal(0.0, np.sqrt(2.0 / n_in), (n_out, n_in))
        for n_in, n_out in zip(sizes, sizes[1:], strict=False)
    ]
    b = [np.zeros(len(weights)) for weights in W]
    book = Textbook(W, b, "relu", "binary_cross_entropy" if sizes[-1] == 1 else "cross_entropy")

    def epoch() -> None:
        order = rng.permutation(len(X))
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            assert np.isfinite(book.step(X[rows], Y[rows], 1e-3))

    return epoch


def production(sizes: tuple[int, ...], X: Array, Y: Array, batch_size: int) -> Callable[[], None]:
    """Return an epoch of `Fit`, in float32."""
    rng = np.random.default_rng(1)
    loss = "binary_cross_entropy" if sizes[-1] == 1 else "cross_entropy"
    network = Network(Architecture(sizes, ("relu",) * (len(sizes) - 2), loss), np.float32)
    network.initialize("auto", rng)
    rows = network_rows(X, Y, None, network)
    optimizer = make_optimizer("adam", network.is_weight)
    settings = Settings(epochs=1, batch_size=batch_size, learning_rate=1e-3)

    def epoch() -> None:
        make_fit(network, optimizer, settings, rows).run()

    return epoch


def times_as_fast(name: str) -> float:
    """Return the textbook's seconds over the production step's, at one thread each."""
    sizes, batch_size, steps, _ = SHAPES[name]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(steps * batch_size, sizes[0]))
    K = sizes[-1]
    Y = np.eye(K)[rng.integers(K, size=len(X))] if K > 1 else rng.integers(2, size=(len(X), 1))
    epochs = [make(sizes, X, Y * 1.0, batch_size) for make in (production, textbook)]
    seconds: list[list[float]] = [[], []]
    with threadpool_limits(1, "blas"):
        for _ in range(ROUNDS):
            for epoch, took in zip(epochs, seconds, strict=True):
                begin = time.perf_counter()
                epoch()
                took.append(time.perf_counter() - begin)
    ours, theirs = map(min, seconds)
    return theirs / ours


if __name__ == "__main__":
    for name, (*_, asked) in SHAPES.items():
        print(f"{name}: {times_as_fast(name):.2f} times as fast; asked for were {asked}")
