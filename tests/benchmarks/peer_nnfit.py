"""nnfit as a peer: its production loop and its production prediction, put together as `run` does.

Nothing is shortened here: what is timed is `Fit.run` and `inference.predict` themselves.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import numpy as np

from nnfit import compiled
from nnfit.config.reading import load_config
from nnfit.nn.inference import predict
from nnfit.nn.network import Architecture, Network
from nnfit.observer import Observer
from nnfit.run.building import Workload, in_engine, make_learners
from nnfit.run.run import train_run
from nnfit.training.examples import network_rows
from nnfit.training.state import Settings
from nnfit.training.threads import available_cores, blas_threads
from tests.benchmarks.recipe import Case
from tests.benchmarks.shapes import LEARNING_RATE, ORDER_SEED, Shape, first_weights, make_rows
from tests.loops import make_fit


class Peer:
    """One network trained by nnfit; `threads` 0 is nnfit's own choice.

    The variant "compiled" is nnfit with the extra `fast`.
    """

    def __init__(self, threads: int, variant: str) -> None:
        self.training = {"threads": threads or "auto", "engine": variant or "numpy"}
        self.packages = ["nnfit", "numpy"]
        if variant == "compiled":
            self.packages += compiled.PACKAGES
            importlib.import_module("nnfit.compiled.kernel")  # or ImportError: it is missing
            compiled.load_blas()
        self._lent = ExitStack()

    def versions(self) -> dict[str, str]:
        return {name: importlib.import_module(name).__version__ for name in self.packages}

    def prepare(self, shape: Shape, dtype: str) -> None:
        self._lent.close()
        sizes = shape.sizes
        self.shape = shape
        self.network = Network(
            Architecture(sizes, ("relu",) * (len(sizes) - 2), shape.loss), np.dtype(dtype)
        )
        X, Y = make_rows(shape)
        self.rows = network_rows(X, Y, None, self.network)
        self.shuffling = np.random.default_rng(ORDER_SEED)
        self.reset()
        file, workload = self._workload(self.training)
        self._lent.enter_context(blas_threads(workload.blas_threads))
        self.learners = self._lent.enter_context(
            make_learners(file, self.network, workload, Observer())
        )
        self.judged = in_engine(file, self.network)

    def _workload(self, training: Mapping[str, Any]) -> tuple[Any, Workload]:
        """Return the config of the shape's run, and what nnfit makes of its sizes."""
        file = load_config(
            {
                "data": {"path": "made.csv", "target": "y"},
                "optimizer": {"name": "adam", "learning_rate": LEARNING_RATE},
                "training": {**training, "batch_size": self.shape.batch_size},
            }
        )
        made: Any = SimpleNamespace(folds=None, parts={"train": self.rows})
        return file, Workload.of(file, made, self.network)

    def auto_threads(self) -> int:
        """Return how many threads nnfit itself takes, at most."""
        return self._workload({**self.training, "threads": "auto"})[1].threads

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
        optimizer = self.learners[0].optimizers[0]
        fit = make_fit(
            self.network, optimizer, settings, self.rows,
            of_members=self.learners, judged=self.judged,
        )  # fmt: skip
        fit.state.shuffling = self.shuffling
        return [record.train_loss for record in fit.run().records]

    prove = train

    def parameters(self) -> list[np.ndarray]:
        p = self.network.parameters
        return [array for pair in zip(p.W, p.b, strict=True) for array in pair]

    def prepare_prediction(self, shape: Shape, n_rows: int) -> None:
        self.prepare(shape, "float32")
        self._lent.close()
        self.X = make_rows(shape, n_rows)[0]  # float64, as the encoder hands them over

    def predict(self, batch: int) -> np.ndarray:
        """Return y_hat (N, K) as `Model.predict` does; the size of the blocks is its own."""
        with blas_threads(1):
            return predict(self.network, self.X, available_cores())

    def recipe(self, case: dict[str, Any], epochs: int, sizes: list[int]) -> dict[str, Any]:
        """Return the seconds of the loop, its epochs and the network's sizes, of a whole run."""
        config = Case(**case).config()
        config["training"] = {**config.get("training", {}), **self.training}
        run = train_run(load_config(config))
        return {
            "seconds": run.summary.seconds,
            "epochs": run.summary.epochs,
            "sizes": run.model.network.architecture.sizes,
        }
