"""nnfit as a peer: its production loop and its production prediction, put together as `run` does.

Nothing is shortened here: what is timed is `Fit.run` and `inference.predict` themselves.
"""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np

from nnfit import compiled
from nnfit.nn.inference import predict
from nnfit.nn.network import Architecture, Network
from nnfit.nn.optimizers import make_optimizer
from nnfit.observer import Observer
from nnfit.training.examples import network_rows
from nnfit.training.gradients import Shards, n_shards
from nnfit.training.learners import Learners
from nnfit.training.state import Settings
from nnfit.training.streams import stream
from nnfit.training.threads import available_cores, blas_threads, choose_threads
from tests.benchmarks.shapes import LEARNING_RATE, ORDER_SEED, Shape, first_weights, make_rows
from tests.loops import make_fit


class Peer:
    """One network trained by nnfit; `threads` 0 is nnfit's own choice.

    The variant "compiled" is nnfit with the extra `fast`.
    """

    def __init__(self, threads: int, variant: str) -> None:
        self.threads, self.variant = threads, variant
        self.compiled = variant == "compiled"
        if self.compiled:
            compiled.load_blas()
        self._limits = ExitStack()

    def versions(self) -> dict[str, str]:
        import nnfit

        return {"nnfit": nnfit.__version__, "numpy": np.__version__}

    def prepare(self, shape: Shape, dtype: str) -> None:
        sizes = shape.sizes
        self.shape = shape
        self.network = Network(
            Architecture(sizes, ("relu",) * (len(sizes) - 2), shape.loss), np.dtype(dtype)
        )
        self.optimizer = make_optimizer("adam", self.network.is_weight)
        X, Y = make_rows(shape)
        self.rows = network_rows(X, Y, None, self.network)
        self.shuffling = np.random.default_rng(ORDER_SEED)
        self.reset()
        self._limits.close()
        n = n_shards(self.network.architecture, shape.batch_size)
        threads = choose_threads(self.threads or "auto", n)
        self._limits.enter_context(blas_threads(1 if n > 1 else threads))
        self.shards = None
        if n > 1:
            probe = not self.threads
            whole = self.network
            if self.compiled:
                from nnfit.compiled.network import CompiledNetwork

                whole = CompiledNetwork(whole.architecture, whole.dtype, whole.parameters.flat)
            shards = Shards(whole, n, n_threads=threads, probe=probe, observer=Observer())
            self.shards = self._limits.enter_context(shards)

    def auto_threads(self) -> int:
        """Return how many threads nnfit itself takes, at most."""
        return choose_threads("auto", n_shards(self.network.architecture, self.shape.batch_size))

    def reset(self) -> None:
        parameters = self.network.parameters
        for W, b, (first_W, first_b) in zip(
            parameters.W, parameters.b, first_weights(self.shape), strict=True
        ):
            W[...], b[...] = first_W, first_b

    def train(self, epochs: int) -> list[float]:
        settings = Settings(
            epochs=epochs, batch_size=self.shape.batch_size, learning_rate=LEARNING_RATE
        )
        of_members = None
        judged = None
        if self.compiled:
            from nnfit.compiled.learner import CompiledLearner
            from nnfit.compiled.network import CompiledNetwork

            of = self.network
            judged = CompiledNetwork(of.architecture, of.dtype, of.parameters.flat)
            rng = stream(0, "dropout")
            learner = CompiledLearner(self.network, self.optimizer, rng, gradients=self.shards)
            of_members = Learners(self.network, [(learner, slice(None))]), [rng]
        fit = make_fit(
            self.network, self.optimizer, settings, self.rows, gradients=self.shards,
            of_members=of_members, judged=judged,
        )  # fmt: skip
        fit.state.shuffling = self.shuffling
        return [record.train_loss for record in fit.run().records]

    prove = train

    def parameters(self) -> list[np.ndarray]:
        p = self.network.parameters
        return [array for pair in zip(p.W, p.b, strict=True) for array in pair]

    def prepare_prediction(self, shape: Shape, n_rows: int) -> None:
        self.prepare(shape, "float32")
        self._limits.close()
        self.X = make_rows(shape, n_rows)[0]  # float64, as the encoder hands them over

    def predict(self, batch: int) -> np.ndarray:
        """Return y_hat (N, K) as `Model.predict` does; the size of the blocks is its own."""
        with blas_threads(1):
            return predict(self.network, self.X, available_cores())
