"""scikit-learn's MLP as a peer: its own loop, `fit` with `max_iter` epochs, as its users run it.

`fit` draws an order of its own, so the proof alone hands `partial_fit` an epoch of rows already in
order; that is no slower from digits upward and 1.5 times as fast at tiny, where most of a step is
the gather. `partial_fit` with one minibatch at a time would validate its input at every step.
"""

from __future__ import annotations

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from tests.benchmarks.shapes import LEARNING_RATE, ORDER_SEED, Shape, first_weights, make_rows


class Peer:
    """One MLPClassifier or MLPRegressor."""

    def __init__(self, threads: int, variant: str) -> None:
        if threads:
            threadpool_limits(threads)

    def versions(self) -> dict[str, str]:
        return {"scikit-learn": sklearn.__version__}

    def prepare(self, shape: Shape, dtype: str) -> None:
        self.shape = shape
        kind = MLPRegressor if shape.loss == "mse" else MLPClassifier
        self.model = kind(
            hidden_layer_sizes=shape.sizes[1:-1],
            batch_size=shape.batch_size,
            learning_rate_init=LEARNING_RATE,
            alpha=0.0,
            tol=0.0,
            n_iter_no_change=10**9,
        )
        X, Y = make_rows(shape)
        self.X = X.astype(dtype)
        classes = {}
        if shape.loss == "mse":
            self.y = Y[:, 0].astype(dtype)
        else:
            self.y = Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0].astype(int)
            classes = {"classes": np.arange(max(2, Y.shape[1]))}
        # the first call allocates the arrays that `reset` then fills
        self.model.partial_fit(self.X[: shape.batch_size], self.y[: shape.batch_size], **classes)
        self.reset()
        del self.model._optimizer  # its moments saw the call above; the next one makes it anew
        self.shuffling = np.random.default_rng(ORDER_SEED)

    def reset(self) -> None:
        for coefs, intercepts, (W, b) in zip(
            self.model.coefs_, self.model.intercepts_, first_weights(self.shape), strict=True
        ):
            coefs[...], intercepts[...] = W.T, b

    def train(self, epochs: int) -> None:
        self.model.set_params(max_iter=epochs, warm_start=True)
        self.model.fit(self.X, self.y)

    def prove(self, epochs: int) -> list[float]:
        """Train in the order that every peer draws; return each epoch's mean loss."""
        self.model.set_params(shuffle=False)
        losses = []
        for _ in range(epochs):
            X, y = self.X, self.y
            if not self.shape.full_batch:
                order = self.shuffling.permutation(len(X))
                X, y = X[order], y[order]
            self.model.partial_fit(X, y)
            losses.append(float(self.model.loss_))
        # scikit-learn's squared error has a factor 1/2
        return [2.0 * loss for loss in losses] if self.shape.loss == "mse" else losses

    def parameters(self) -> list[np.ndarray]:
        pairs = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        return [array for W, b in pairs for array in (W.T, b)]

    def prepare_prediction(self, shape: Shape, n_rows: int) -> None:
        self.prepare(shape, "float64")
        self.X = make_rows(shape, n_rows)[0]

    def predict(self, batch: int) -> np.ndarray:
        return self.model.predict_proba(self.X)[:, 1:]
